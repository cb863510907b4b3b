import { describe, expect, it } from '@jest/globals';
import { drawnShare } from '../../src/issuance/random-share.js';
import { nextAttemptAt, type RetryFacts } from '../../src/issuance/retry-schedule.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = 1_800_000_000_000;
const MIDDLE = 0.5;
const facts = (changes: Partial<RetryFacts> = {}): RetryFacts => ({
  now: NOW,
  attempts: 1,
  failingSince: NOW,
  isPermanent: false,
  ...changes,
});
const step = (changes: Partial<RetryFacts>, random = MIDDLE): number =>
  nextAttemptAt(facts(changes), random) - NOW;

describe('nextAttemptAt', () => {
  it('climbs the ladder and stays on its top rung', () => {
    const minutes = Array.from({ length: 13 }, (_, index) => step({ attempts: index + 1 }) / MINUTE);
    expect(minutes).toEqual([1, 2, 2, 5, 10, 20, 30, 60, 120, 180, 360, 360, 360]);
  });

  it('tries daily after thirty days of failing', () => {
    expect(step({ attempts: 130, failingSince: NOW - 30 * DAY })).toBe(DAY);
    expect(step({ attempts: 129, failingSince: NOW - 30 * DAY + 1 })).toBe(6 * HOUR);
  });

  it('spreads each step by ten percent to either side', () => {
    expect(step({}, 0)).toBe(54 * SECOND);
    expect(step({}, 0.999999999)).toBeCloseTo(66 * SECOND, -1);
  });

  it('draws the jitter by itself, never outside these bounds', () => {
    const steps = Array.from({ length: 200 }, () => nextAttemptAt(facts(), drawnShare()) - NOW);
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(54 * SECOND);
    expect(Math.max(...steps)).toBeLessThanOrEqual(66 * SECOND);
    expect(new Set(steps).size).toBeGreaterThan(100);
  });

  it('waits at most a tenth of what the live certificate has left', () => {
    expect(step({ attempts: 11, liveUntil: NOW + 10 * HOUR })).toBe(HOUR);
    expect(step({ isPermanent: true, liveUntil: NOW + 10 * HOUR })).toBe(HOUR);
  });

  it('waits at least five seconds', () => {
    expect(step({ liveUntil: NOW + SECOND })).toBe(5 * SECOND);
  });

  it('goes back to the ladder once the certificate has expired', () => {
    expect(step({ attempts: 8, liveUntil: NOW })).toBe(HOUR);
    expect(step({ attempts: 8, liveUntil: NOW - DAY })).toBe(HOUR);
  });

  it('never tries before the issuer allows it', () => {
    expect(nextAttemptAt(facts({ retryAfter: NOW + 3 * DAY, liveUntil: NOW + HOUR }), 0)).toBe(NOW + 3 * DAY);
    expect(step({ retryAfter: NOW - DAY })).toBe(MINUTE);
  });

  it('tries daily what no retry can mend', () => {
    expect(step({ isPermanent: true })).toBe(DAY);
  });
});
