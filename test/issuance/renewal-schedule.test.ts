import { describe, expect, it } from '@jest/globals';
import { earliestRenewal, lookIntervalMs, renewalInstant } from '../../src/issuance/renewal-schedule.js';

const MINUTE = 60_000;
const DAY = 86_400_000;
const lasting = (ms: number): { notBefore: number; notAfter: number } => ({
  notBefore: 1_000,
  notAfter: 1_000 + ms,
});

describe('renewalInstant', () => {
  it('renews when a third of the lifetime is left', () => {
    expect(renewalInstant(lasting(90 * DAY))).toEqual({
      at: 1_000 + 60 * DAY,
      why: '1/3 of the lifetime left',
    });
  });

  it('renews at half of a lifetime under ten days', () => {
    expect(renewalInstant(lasting(6 * DAY))).toEqual({
      at: 1_000 + 3 * DAY,
      why: '1/2 of the lifetime left',
    });
  });

  it('takes exactly ten days for a long lifetime', () => {
    expect(renewalInstant(lasting(10 * DAY)).why).toBe('1/3 of the lifetime left');
  });

  it('renews at the share of the lifetime that was configured', () => {
    expect(renewalInstant(lasting(100 * DAY), 0.25)).toEqual({
      at: 1_000 + 75 * DAY,
      why: '25 % of the lifetime left',
    });
  });

  it('renews at a twentieth at the latest, whatever was configured', () => {
    const { at, why } = renewalInstant(lasting(100 * DAY), 0.001);
    expect(at).toBeCloseTo(1_000 + 95 * DAY, -1);
    expect(why).toBe('emergency: 1/20 of the lifetime left');
  });
});

describe('lookIntervalMs', () => {
  it('is ten minutes, or less for certificates that live shortly', () => {
    expect(lookIntervalMs()).toBe(10 * MINUTE);
    expect(lookIntervalMs(lasting(90 * DAY))).toBe(10 * MINUTE);
    expect(lookIntervalMs(lasting(200 * MINUTE))).toBe(MINUTE);
  });

  it('is never zero, so that a certificate without lifetime makes no busy loop', () => {
    expect(lookIntervalMs(lasting(0))).toBeGreaterThan(0);
  });
});

describe('earliestRenewal', () => {
  it('is a minute after issuance, less for certificates that live shorter than four, and never under 5 s', () => {
    expect(earliestRenewal(lasting(DAY), 5)).toBe(5 + MINUTE);
    expect(earliestRenewal(lasting(2 * MINUTE), 5)).toBe(5 + MINUTE / 2);
    expect(earliestRenewal(lasting(1), 5)).toBe(5 + 5_000);
  });
});
