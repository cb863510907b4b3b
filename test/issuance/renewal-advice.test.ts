// When the issuer says when to renew (RFC 9773): asked in the background, kept across restarts, never in the way.
import { describe, expect, it } from '@jest/globals';
import type { RenewalInfo } from '../../src/acme/renewal-info.js';
import type { Credential } from '../../src/credential/credential.js';
import { TlsmithError } from '../../src/errors.js';
import { settled } from '../support/manual-clock.js';
import {
  event,
  type Fixture,
  type FixtureOptions,
  renew,
  state,
  unstarted,
} from './support/managed-fixture.js';
import { DAY_MS, HOUR_MS } from './support/scripted-issuer.js';

interface Advised extends Fixture {
  /** About which certificates the issuer was asked. */
  readonly asked: Credential[];
}

type Answer = (now: number, credential: Credential) => RenewalInfo | undefined | TlsmithError;

async function advised(answer: Answer, options: FixtureOptions = {}): Promise<Advised> {
  const fixture = unstarted(options);
  const asked: Credential[] = [];
  fixture.issuer.renewalInfo = (credential) => {
    asked.push(credential);
    const given = answer(fixture.clock.now(), credential);
    return given instanceof TlsmithError ? Promise.reject(given) : Promise.resolve(given);
  };
  await fixture.source.start?.(fixture.host);
  await settled();
  return { ...fixture, asked };
}

/** A window of one hour, from so many days after the start. */
function windowAt(start: number, retryMs = 6 * HOUR_MS): Answer {
  return (now) => ({ start, end: start + HOUR_MS, askAgainAt: now + retryMs });
}

/** What is stored of it. */
async function storedAdvice({ storage }: Fixture): Promise<string[]> {
  const texts: string[] = [];
  for await (const key of storage.list('managed/')) {
    if (!key.endsWith('/renewal')) continue;
    texts.push(new TextDecoder().decode((await storage.get(key))?.bytes));
  }
  return texts;
}

describe('An issuer that says when to renew', () => {
  it('is asked once the certificate is there, and its window decides', async () => {
    let start = 0;
    const fixture = await advised((now) => {
      start ||= now + 10 * DAY_MS;
      return { start, end: start + HOUR_MS, askAgainAt: now + 6 * HOUR_MS };
    });
    expect(fixture.asked).toHaveLength(1);
    const { nextRenewal } = state(fixture);
    expect(nextRenewal?.why).toBe('asked for by the issuer');
    expect(nextRenewal?.at).toBeGreaterThanOrEqual(start);
    expect(nextRenewal?.at).toBeLessThanOrEqual(start + HOUR_MS);
    await fixture.clock.advance((nextRenewal?.at ?? 0) - fixture.clock.now() - 1);
    expect(fixture.issuer.requests).toHaveLength(1);
    await fixture.clock.advance(1);
    await event(fixture.host, 'renewed');
    expect(fixture.issuer.requests).toHaveLength(2);
  });

  it('is asked again when it wants to be, and not more often', async () => {
    const fixture = await advised(windowAt(Number.MAX_SAFE_INTEGER - HOUR_MS, HOUR_MS));
    await fixture.clock.advance(HOUR_MS - 1);
    expect(fixture.asked).toHaveLength(1);
    await fixture.clock.advance(10 * 60_000);
    expect(fixture.asked).toHaveLength(2);
    await fixture.clock.advance(22 * HOUR_MS);
    expect(fixture.asked.length).toBeGreaterThanOrEqual(20);
    expect(fixture.asked.length).toBeLessThanOrEqual(24);
  });

  it('keeps its instant while the window is the same, and chooses anew when it changes', async () => {
    let shift = 0;
    let first = 0;
    const fixture = await advised((now) => {
      first ||= now + 20 * DAY_MS;
      return { start: first + shift, end: first + shift + 10 * DAY_MS, askAgainAt: now + HOUR_MS };
    });
    const before = state(fixture).nextRenewal?.at;
    await fixture.clock.advance(5 * HOUR_MS);
    expect(fixture.asked.length).toBeGreaterThan(3);
    expect(state(fixture).nextRenewal?.at).toBe(before);
    shift = 15 * DAY_MS;
    await fixture.clock.advance(2 * HOUR_MS);
    expect(state(fixture).nextRenewal?.at).toBeGreaterThanOrEqual(first + shift);
  });

  it('whose window is over gets the renewal after a rest, and a new certificate is not replaced in a loop', async () => {
    const fixture = await advised((now) => ({
      start: now - 2 * HOUR_MS,
      end: now - HOUR_MS,
      askAgainAt: now + HOUR_MS,
    }));
    expect(fixture.issuer.requests).toHaveLength(1);
    await fixture.clock.advance(HOUR_MS + 60_000);
    await event(fixture.host, 'renewed');
    const { length } = fixture.issuer.requests;
    expect(length).toBe(2);
    await fixture.clock.advance(10 * 60_000);
    expect(fixture.issuer.requests).toHaveLength(length);
  });

  it('does not put the renewal off into the last twentieth of the lifetime', async () => {
    const fixture = await advised(windowAt(Number.MAX_SAFE_INTEGER - HOUR_MS));
    const { nextRenewal, credential } = state(fixture);
    const { notAfter = 0, notBefore = 0 } = credential ?? {};
    expect(nextRenewal?.at).toBe(notAfter - (notAfter - notBefore) / 20);
  });

  it('does not put it off beyond what the user has asked for', async () => {
    const fixture = await advised(windowAt(Number.MAX_SAFE_INTEGER - HOUR_MS), {
      managed: { renewal: { fractionLeft: 0.5 } },
    });
    expect(state(fixture).nextRenewal?.why).toBe('50 % of the lifetime left');
  });

  it('that fails is asked again later, and the lifetime decides meanwhile', async () => {
    const fixture = await advised(() => new TlsmithError('ACME_UNREACHABLE', 'no way'));
    expect(state(fixture).nextRenewal?.why).toBe('1/3 of the lifetime left');
    expect(fixture.asked).toHaveLength(1);
    await fixture.clock.advance(30 * DAY_MS);
    // A minute, doubled up to six hours.
    expect(fixture.asked.length).toBeLessThan(140);
    expect(fixture.asked.length).toBeGreaterThan(100);
    expect(fixture.host.events.map(({ type }) => type)).not.toContain('failed');
  });

  it('that answers nonsense is left alone for six hours', async () => {
    const fixture = await advised(() => new TlsmithError('ACME_RESPONSE_INVALID', 'no window'));
    await fixture.clock.advance(5.9 * HOUR_MS);
    expect(fixture.asked).toHaveLength(1);
  });

  it.each(['ECONNREFUSED', 'ENOTFOUND'])(
    'that cannot be found (%s) is left alone for six hours',
    async (code) => {
      const cause = Object.assign(new Error('no'), { code });
      const fixture = await advised(() => new TlsmithError('ACME_UNREACHABLE', 'no way', { cause }));
      await fixture.clock.advance(5.9 * HOUR_MS);
      expect(fixture.asked).toHaveLength(1);
    },
  );

  it.each([
    [2, 2],
    [100, 24],
  ])('that wants to be left alone for %d hours is, for %d', async (wantedHours, hours) => {
    const fixture = await advised(
      (now) => new TlsmithError('ACME_RATE_LIMITED', 'later', { retryAfter: now + wantedHours * HOUR_MS }),
    );
    await fixture.clock.advance((hours - 0.1) * HOUR_MS);
    expect(fixture.asked).toHaveLength(1);
    await fixture.clock.advance(0.2 * HOUR_MS);
    expect(fixture.asked).toHaveLength(2);
  });

  it('is believed about the time: its window is over for a machine whose clock is slow', async () => {
    const aheadBy = (clockAheadMs: number): Answer => {
      return (now) => ({
        ...{ start: now + 2 * DAY_MS, end: now + 2 * DAY_MS + HOUR_MS },
        ...{ askAgainAt: now + 12 * HOUR_MS, clockAheadMs },
      });
    };
    const slow = await advised(aheadBy(3 * DAY_MS));
    await slow.clock.advance(1.1 * HOUR_MS);
    expect(slow.issuer.requests).toHaveLength(2);
    const right = await advised(aheadBy(0));
    await right.clock.advance(1.1 * HOUR_MS);
    expect(right.issuer.requests).toHaveLength(1);
  });

  it('is not asked again because of a restart, and its instant stays', async () => {
    const before = await advised((now) => ({
      start: now + 10 * DAY_MS,
      end: now + 40 * DAY_MS,
      askAgainAt: now + 6 * HOUR_MS,
    }));
    const { nextRenewal } = state(before);
    await before.source.close?.();
    const { storage, clock } = before;
    const after = await advised(() => undefined, { storage, clock });
    expect(after.asked).toHaveLength(0);
    expect(state(after).nextRenewal).toEqual(nextRenewal);
  });

  it('has its instant heeded at once by a restart that comes later than the lifetime alone would renew', async () => {
    const before = await advised((now) => ({
      ...{ start: now + 75 * DAY_MS, end: now + 80 * DAY_MS, askAgainAt: now + 74 * DAY_MS },
    }));
    await before.clock.advance(65 * DAY_MS);
    expect(before.issuer.requests).toHaveLength(1);
    await before.source.close?.();
    const { storage, clock } = before;
    const after = await advised(() => undefined, { storage, clock });
    await clock.advance(HOUR_MS);
    expect(after.issuer.requests).toHaveLength(0);
  });

  it('without an opinion is asked again each day, and nothing is written for that', async () => {
    const fixture = await advised(() => undefined);
    expect(fixture.asked).toHaveLength(1);
    await fixture.clock.advance(3 * DAY_MS + HOUR_MS);
    expect(fixture.asked).toHaveLength(4);
    expect(await storedAdvice(fixture)).toEqual([]);
  });

  it('that has given up its opinion is not held to it, after a restart either', async () => {
    let start = 0;
    const fixture = await advised((now) => {
      if (start > 0) return undefined;
      start = now + 20 * DAY_MS;
      return { start, end: start + HOUR_MS, askAgainAt: now + 2 * HOUR_MS };
    });
    expect(await storedAdvice(fixture)).toEqual([expect.stringContaining('"selected"')]);
    await fixture.clock.advance(3 * HOUR_MS);
    expect(state(fixture).nextRenewal?.why).toBe('1/3 of the lifetime left');
    expect(await storedAdvice(fixture)).toEqual([expect.not.stringContaining('"selected"')]);
  });

  it('is not asked about a certificate that has been replaced', async () => {
    const fixture = await advised(windowAt(Number.MAX_SAFE_INTEGER - HOUR_MS, HOUR_MS));
    const [first] = fixture.asked;
    await renew(fixture);
    await settled();
    const before = fixture.asked.length;
    await fixture.clock.advance(5 * HOUR_MS);
    const later = fixture.asked.slice(before);
    expect(later.length).toBeGreaterThan(0);
    expect(later.map(({ id }) => id)).not.toContain(first?.id);
  });

  it('is not asked about a certificate that has expired', async () => {
    const fixture = await advised(windowAt(Number.MAX_SAFE_INTEGER - HOUR_MS, HOUR_MS), {
      lifetimeMs: DAY_MS,
    });
    for (let failure = 0; failure < 200; failure += 1) {
      fixture.issuer.script.push({ fail: new Error('closed for good') });
    }
    await fixture.clock.advance(1.2 * DAY_MS);
    const { length } = fixture.asked;
    await fixture.clock.advance(DAY_MS);
    expect(fixture.asked).toHaveLength(length);
  });
});
