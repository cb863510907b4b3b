// When an authority wants to be asked again.
import { describe, expect, it } from '@jest/globals';
import { pollDelayMs, retryInstant } from '../../src/acme/retry-after.js';

const NOW = Date.parse('2026-11-20T12:00:00Z');

describe('The instant of the next try', () => {
  it.each([
    ['seconds', '120', '', NOW + 120_000],
    ['a date', 'Fri, 20 Nov 2026 13:00:00 GMT', '', NOW + 3_600_000],
    ['words alone', undefined, 'retry after 2026-11-21 12:00:00 UTC: see the docs', NOW + 86_400_000],
    ['the later of both', '60', 'too many, retry after 2026-11-20 12:05:00 UTC', NOW + 300_000],
    ['the header when it is later', '600', 'retry after 2026-11-20 12:05:00 UTC', NOW + 600_000],
    ['no more than a month', '99999999999', '', NOW + 31 * 86_400_000],
  ])('is read from %s', (_, header, detail, expected) => {
    expect(retryInstant(header, detail, NOW)).toBe(expected);
  });

  it.each([undefined, '', 'soon', '-5', '1e9'])('is left open by %p', (header) => {
    expect(retryInstant(header, 'no words', NOW)).toBeUndefined();
  });
});

describe('The wait between polls', () => {
  it('is what the header says, and never negative', () => {
    expect(pollDelayMs('3', NOW)).toBe(3_000);
    expect(pollDelayMs('Fri, 20 Nov 2026 11:00:00 GMT', NOW)).toBe(0);
    expect(pollDelayMs(undefined, NOW)).toBe(0);
  });
});
