import { describe, expect, it } from '@jest/globals';
import { createCredential, type Credential } from '../src/credential/credential.js';
import { ExpiryWatch, type WatchedCertificate, warningInstants } from '../src/expiry.js';
import { testCa } from './support/certificates.js';
import { manualClock, settled } from './support/manual-clock.js';

const DAY_MS = 86_400_000;

describe('a person is warned', () => {
  it('at 1/3, 1/6 and 1/20 of the lifetime left, when nobody renews the certificate here', () => {
    expect(daysLeft({ lifetimeDays: 20 })).toEqual([20 / 3, 20 / 6, 1, 0]);
  });

  it('daily in the last week only when the lifetime is 30 days or more', () => {
    expect(daysLeft({ lifetimeDays: 90 })).toEqual([30, 15, 7, 6, 5, 4.5, 4, 3, 2, 1, 0]);
    expect(daysLeft({ lifetimeDays: 29 })).toHaveLength(4);
  });

  it('only when renewal is overdue, when the certificate is managed', () => {
    expect(daysLeft({ lifetimeDays: 90, plannedDaysLeft: 30 })).toEqual([15, 7, 6, 5, 4.5, 4, 3, 2, 1, 0]);
    expect(daysLeft({ lifetimeDays: 6, plannedDaysLeft: 3 })).toEqual([1.5, 1, 6 / 20, 0]);
  });

  function daysLeft({
    lifetimeDays,
    plannedDaysLeft,
  }: {
    lifetimeDays: number;
    plannedDaysLeft?: number;
  }): number[] {
    const notAfter = 1_000 * DAY_MS;
    const planned = plannedDaysLeft === undefined ? undefined : notAfter - plannedDaysLeft * DAY_MS;
    const instants = warningInstants({ notBefore: notAfter - lifetimeDays * DAY_MS, notAfter }, planned);
    return instants
      .map((instant) => Number(((notAfter - instant) / DAY_MS).toFixed(10)))
      .map((days) => closest(days, lifetimeDays));
  }

  function closest(days: number, lifetimeDays: number): number {
    return (
      [lifetimeDays / 3, lifetimeDays / 6, lifetimeDays / 20].find(
        (exact) => Math.abs(exact - days) < 1e-6,
      ) ?? days
    );
  }
});

describe('the watch over expiry', () => {
  it('warns once for each instant, at that instant, and then says that it has expired', async () => {
    const { clock, watch, told } = await watched({ lifetimeDays: 20 });
    watch.look();
    expect(told).toEqual([]);
    await clock.advance(14 * DAY_MS);
    watch.look();
    watch.look();
    expect(told).toEqual(['expiring']);
    await clock.advance(5 * DAY_MS + DAY_MS / 2);
    expect(told).toEqual(['expiring', 'expiring', 'expiring']);
    await clock.advance(DAY_MS);
    expect(told).toEqual(['expiring', 'expiring', 'expiring', 'expired']);
    watch.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('notices within the hour that the clock has jumped', async () => {
    const { clock, watch, told } = await watched({ lifetimeDays: 20 });
    watch.look();
    clock.jump(30 * DAY_MS);
    await clock.advance(3_600_000);
    expect(told).toEqual(['expired']);
    watch.close();
  });

  it('warns at once of a certificate that is loaded when it has expired already', async () => {
    const { watch, told } = await watched({ lifetimeDays: 20, startsAtDay: 25 });
    watch.look();
    expect(told).toEqual(['expired']);
    watch.close();
  });

  it('looks at a change at once when there are few certificates, and gathers changes when there are many', async () => {
    const clock = manualClock(0);
    let looks = 0;
    let count = 2_500;
    const certificate = { names: ['a.test'], serialNumber: '1', notBefore: 0, notAfter: DAY_MS };
    const all = function* (): Iterable<WatchedCertificate> {
      looks += 1;
      for (let index = 0; index < count; index += 1) yield { certificate, source: 'test' };
    };
    const watch = new ExpiryWatch(clock, all, { expiring: () => undefined, expired: () => undefined });
    watch.look();
    watch.changed();
    watch.changed();
    await settled();
    expect(looks).toBe(2);
    count = 2_501;
    watch.look();
    watch.changed();
    await clock.advance(4_999);
    expect(looks).toBe(3);
    watch.changed();
    await clock.advance(1);
    expect(looks).toBe(4);
    watch.changed();
    watch.close();
    expect(clock.pendingTimers).toBe(0);
    await settled();
    expect(looks).toBe(4);
  });

  async function watched({
    lifetimeDays,
    startsAtDay = 0,
  }: {
    lifetimeDays: number;
    startsAtDay?: number;
  }): Promise<{
    clock: ReturnType<typeof manualClock>;
    watch: ExpiryWatch;
    told: string[];
  }> {
    const notBefore = Math.floor(Date.now() / 1_000) * 1_000;
    const credential = await credentialOf(notBefore, notBefore + lifetimeDays * DAY_MS);
    const clock = manualClock(notBefore + startsAtDay * DAY_MS);
    const told: string[] = [];
    const certificates: WatchedCertificate[] = [{ certificate: credential, source: 'test' }];
    const watch = new ExpiryWatch(clock, () => certificates, {
      expiring: () => told.push('expiring'),
      expired: () => told.push('expired'),
    });
    return { clock, watch, told };
  }

  async function credentialOf(notBefore: number, notAfter: number): Promise<Credential> {
    const ca = await testCa();
    return createCredential(await ca.issue({ names: ['a.test'], notBefore, notAfter }));
  }
});
