// A year with many names in seconds; `npm run soak -- year` is the same with a thousand.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { simulateYear, type YearOptions, type YearReport } from './year.js';

const options: YearOptions = {
  ...{ sixDayNames: 6, fortyFiveDayNames: 14, days: 120, seed: 7 },
  outages: [8, 24, 72],
  hasRenewalInfo: false,
};

describe('Months with outages of 8, 24 and 72 hours', () => {
  let report: YearReport;

  beforeAll(async () => {
    report = await simulateYear(options);
  });

  it('pass without a minute in which an expired certificate is served', () => {
    expect(report.unreachable).toBeGreaterThan(10);
    expect(report).toMatchObject({ expiredMinutes: 0, neverServed: 0 });
  });

  it('pass without a limit of the authority exceeded, and with one order for each certificate', () => {
    expect(report.rateLimited).toEqual([]);
    expect(report.certificates).toBeGreaterThan(200);
    expect(report.ordersPerCertificate).toBeLessThanOrEqual(1.02);
  });

  it('pass in the same way each time that the same numbers are drawn, and else in another', async () => {
    expect((await simulateYear(options)).trace).toBe(report.trace);
    expect((await simulateYear({ ...options, seed: 8 })).trace).not.toBe(report.trace);
  });

  it('pass as well where the authority says when to renew', async () => {
    const advised = await simulateYear({ ...options, days: 60, hasRenewalInfo: true });
    expect(advised).toMatchObject({ expiredMinutes: 0, neverServed: 0, rateLimited: [] });
    expect(advised.renewalInfo).toBeGreaterThan(500);
    expect(advised.ordersPerCertificate).toBeLessThanOrEqual(1.02);
  });
});

describe('Months with the ACME client, through a model of the network', () => {
  it.each([
    ['by the lifetime', false],
    ['when the authority says so', true],
  ])(
    'pass without an expired certificate and without a limit exceeded, renewed %s',
    async (_how, hasRenewalInfo) => {
      const report = await simulateYear({
        ...{ sixDayNames: 1, fortyFiveDayNames: 3, days: 40, seed: 7, outages: [8, 24, 72] },
        ...{ hasRenewalInfo, isThroughNetwork: true },
      });
      expect(report).toMatchObject({ expiredMinutes: 0, neverServed: 0, rateLimited: [] });
      expect(report.unreachable).toBeGreaterThan(3);
      expect(report.certificates).toBeGreaterThan(12);
      expect(report.orders).toBeLessThanOrEqual(report.certificates + 1);
    },
  );
});

describe('More names than an authority takes orders for', () => {
  it('have their first certificates over some hours, and no order is refused', async () => {
    const report = await simulateYear({
      ...{ sixDayNames: 0, fortyFiveDayNames: 640, days: 0.25, seed: 7 },
      outages: [],
      hasRenewalInfo: false,
      arrivalDays: 0.05,
    });
    expect(report.rateLimited).toEqual([]);
    expect(report.postponed).toBeGreaterThan(100);
    expect(report.postponed).toBeLessThan(2 * 640);
    expect(report.orders).toBeGreaterThan(640 * 0.7);
  });
});
