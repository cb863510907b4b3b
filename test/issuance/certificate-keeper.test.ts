import { describe, expect, it } from '@jest/globals';
import { createCredential } from '../../src/credential/credential.js';
import { TlsmithError } from '../../src/errors.js';
import { CertificateStore } from '../../src/issuance/certificate-store.js';
import { encodeGeneration } from '../../src/issuance/stored-generation.js';
import type { CryptoProvider } from '../../src/x509/crypto-provider.js';
import { settled } from '../support/manual-clock.js';
import { until } from '../support/until.js';
import { CRYPTO_PROVIDERS } from './support/crypto-providers.js';
import {
  advanceToNextAttempt,
  event,
  find,
  ready,
  renew,
  served,
  started,
  state,
  unstarted,
} from './support/managed-fixture.js';
import { DAY_MS, HOUR_MS, type Step, testPair } from './support/scripted-issuer.js';

const MINUTE_MS = 60_000;
const failing = (facts: object = {}): Step => ({ fail: Object.assign(new Error('the CA is down'), facts) });

describe.each(CRYPTO_PROVIDERS)('renewal with %s', (_name, load) => {
  const crypto = (): Promise<CryptoProvider | undefined> => load();

  it('renews when a third of the lifetime is left, and not before', async () => {
    const fixture = await started({ crypto: await crypto() });
    const first = await served(fixture);
    const lifetimeMs = first.notAfter - first.notBefore;
    await fixture.clock.advance(first.notAfter - lifetimeMs / 3 - fixture.clock.now() - 1_000);
    expect(fixture.issuer.requests).toHaveLength(1);
    await fixture.clock.advance(1_000);
    const renewed = await event(fixture.host, 'renewed');
    expect(renewed).toMatchObject({ action: 'renewed', previous: first });
    expect((await served(fixture)).id).not.toBe(first.id);
    expect(fixture.issuer.requests[1]?.previous).toBe(first);
  });

  it('serves the old certificate while renewal fails', async () => {
    const fixture = await started({ crypto: await crypto(), script: ['issue', failing(), failing()] });
    const first = await served(fixture);
    for (const attempt of [1, 2]) {
      await advanceToNextAttempt(fixture);
      const failed = await event(fixture.host, 'failed', attempt);
      expect(failed).toMatchObject({ attempt, validUntil: first.notAfter });
      expect(find(fixture)).toBe(first);
    }
    await advanceToNextAttempt(fixture);
    await event(fixture.host, 'renewed');
    expect(await served(fixture)).not.toBe(first);
    expect(state(fixture)).toMatchObject({ attempts: 0, isFailed: false });
    expect(state(fixture).lastError).toBeUndefined();
  });

  const WRONG: [Step, RegExp][] = [
    ['wrong pair', /does not belong to/],
    ['wrong names', /does not cover a\.test/],
    ['expired', /it expired on/],
    ['older', /older than the one it was to replace/],
    ['not yet valid', /is not valid before/],
    ['garbage', /is not used/],
    ['the same again', /the very certificate that it was to replace/],
  ];

  it.each(WRONG)(
    'never lets an answer that is wrong (%s) displace a good certificate',
    async (step, message) => {
      const fixture = await started({ crypto: await crypto(), script: ['issue', step] });
      const first = await served(fixture);
      await expect(renew(fixture)).rejects.toMatchObject({ code: 'ISSUED_CREDENTIAL_INVALID' });
      expect(state(fixture).lastError?.message).toMatch(message);
      expect(state(fixture).lastError?.message).not.toMatch(/PRIVATE KEY-|MII/);
      expect(find(fixture)).toBe(first);
      expect([...(await restarted(fixture)).source.list!()][0]?.id).toBe(first.id);
    },
  );
});

describe('a renewal that fails after another process has made it', () => {
  it('is no failure, and not tried again', async () => {
    const fixture = await started();
    const { storage, clock, host, issuer } = fixture;
    const names = ['a.test'];
    let calls = 0;
    let fail = (): void => undefined;
    issuer.issue = () => {
      calls += 1;
      return new Promise((_, reject) => {
        fail = () => {
          reject(new Error('the lease was lost'));
        };
      });
    };
    const renewal = renew(fixture);
    await until(() => calls > 0);
    const now = clock.now();
    const validity = { notBefore: now - HOUR_MS, notAfter: now + 90 * DAY_MS };
    const credential = createCredential(await testPair({ names, ...validity }));
    const { prefix } = new CertificateStore(storage, issuer.id, names);
    await storage.put(`${prefix}current`, encodeGeneration({ names, credential, issuedAt: now }));
    await event(host, 'reloaded');
    fail();
    await renewal;
    expect((await served(fixture)).id).toBe(credential.id);
    expect(state(fixture).attempts).toBe(0);
    await clock.advance(DAY_MS);
    expect(calls).toBe(1);
  });
});

describe('a renewal by another authority', () => {
  it('may live shorter and be dated back further, and serves in every process', async () => {
    const fixture = await started({ script: ['issue', 'short and dated back'] });
    const other = await started({ storage: fixture.storage, clock: fixture.clock });
    const first = await served(fixture);
    await renew(fixture);
    expect((await served(fixture)).notAfter).toBeLessThan(first.notAfter);
    await event(other.host, 'reloaded');
    expect((await served(other)).id).toBe((await served(fixture)).id);
  });
});

async function restarted(
  fixture: Awaited<ReturnType<typeof started>>,
  script: readonly Step[] = [],
): ReturnType<typeof started> {
  await fixture.source.close?.();
  return started({ storage: fixture.storage, clock: fixture.clock, script });
}

describe('failures', () => {
  it('climb the ladder', async () => {
    const fixture = await started({ script: Array.from({ length: 7 }, () => failing()) });
    const gaps: number[] = [];
    for (let attempt = 1; attempt <= 6; attempt += 1) {
      const failed = await event(fixture.host, 'failed', attempt);
      if (failed.type !== 'failed') throw new Error('unreachable');
      expect(failed).toMatchObject({ attempt, names: ['a.test'], error: { code: 'ISSUANCE_FAILED' } });
      const gap = (failed.nextAttempt ?? 0) - fixture.clock.now();
      gaps.push(gap / MINUTE_MS);
      await fixture.clock.advance(gap - 1);
      expect(fixture.issuer.requests).toHaveLength(attempt);
      await fixture.clock.advance(1);
    }
    [1, 2, 2, 5, 10, 20].forEach((minutes, index) => {
      expect(Math.abs(gaps[index]! - minutes)).toBeLessThanOrEqual(minutes / 10 + 0.001);
    });
  });

  it('are remembered over a restart, which does not begin the ladder anew', async () => {
    const before = await started({ script: [failing(), failing(), failing()] });
    await event(before.host, 'failed');
    await advanceToNextAttempt(before);
    await event(before.host, 'failed', 2);
    await advanceToNextAttempt(before);
    await event(before.host, 'failed', 3);
    const { attempts, lastError, nextAttempt } = state(before);
    const after = await restarted(before);
    expect(state(after)).toMatchObject({ attempts: 3, lastError, nextAttempt });
    expect(attempts).toBe(3);
    expect(after.issuer.requests).toHaveLength(0);
    await after.clock.advance((nextAttempt ?? 0) - after.clock.now());
    await event(after.host, 'issued');
  });

  it('with a Retry-After are not tried again before it, also after a restart', async () => {
    const fixture = unstarted();
    const retryAfter = fixture.clock.now() + 3 * HOUR_MS;
    fixture.issuer.script.push(failing({ retryAfter }));
    await fixture.source.start?.(fixture.host);
    await event(fixture.host, 'failed');
    await fixture.clock.advance(HOUR_MS);
    const after = await restarted(fixture);
    await after.clock.advance(2 * HOUR_MS - 1);
    expect(fixture.issuer.requests.length + after.issuer.requests.length).toBe(1);
    await after.clock.advance(1);
    await event(after.host, 'issued');
  });

  it('that no retry can mend make ready() reject, and are tried once a day', async () => {
    const fixture = await started({ script: [failing({ isPermanent: true })] });
    await event(fixture.host, 'failed');
    expect(state(fixture).isFailed).toBe(true);
    await expect(ready(fixture)).rejects.toMatchObject({ code: 'ISSUANCE_FAILED', isPermanent: true });
    await fixture.clock.advance(21 * HOUR_MS);
    expect(fixture.issuer.requests).toHaveLength(1);
    await advanceToNextAttempt(fixture);
    await event(fixture.host, 'issued');
    await ready(fixture);
  });

  it('keep a coded error of the issuer as it is', async () => {
    const error = new TlsmithError('NAME_NOT_MANAGED', 'not for you', { isPermanent: true });
    const fixture = await started({ script: [{ fail: error }] });
    expect(await event(fixture.host, 'failed')).toMatchObject({ error });
    expect(state(fixture).lastError).toEqual({ code: 'NAME_NOT_MANAGED', message: 'not for you' });
  });
});

describe('renew()', () => {
  it('resolves when the new leaf is served', async () => {
    const fixture = await started();
    const first = await served(fixture);
    await renew(fixture);
    expect(await served(fixture)).not.toBe(first);
    expect(fixture.host.journal).toEqual(['changed', 'issued', 'verified', 'changed', 'renewed', 'verified']);
  });

  it('rejects after the first failed attempt, which counts like any other', async () => {
    const fixture = await started({ script: ['issue', failing()] });
    await expect(renew(fixture)).rejects.toMatchObject({ code: 'ISSUANCE_FAILED' });
    expect(state(fixture)).toMatchObject({ attempts: 1 });
    await fixture.clock.advance(2 * MINUTE_MS);
    await event(fixture.host, 'renewed');
  });

  it('rejects at once while a Retry-After of the issuer runs', async () => {
    const fixture = await started({ script: ['issue', failing({ retryAfter: Date.now() + DAY_MS })] });
    await expect(renew(fixture)).rejects.toThrow('the CA is down');
    await expect(renew(fixture)).rejects.toMatchObject({
      code: 'ISSUANCE_FAILED',
      retryAfter: expect.any(Number),
    });
    expect(fixture.issuer.requests).toHaveLength(2);
  });

  it('does not wait for the ladder', async () => {
    const fixture = await started({ script: [failing()] });
    await event(fixture.host, 'failed');
    await renew(fixture);
    expect(state(fixture).attempts).toBe(0);
  });

  it('is not for names that are not managed', async () => {
    const { source } = await started();
    expect(source.renew?.('elsewhere.test', { signal: new AbortController().signal })).toBeUndefined();
  });

  it('stops waiting when its signal is aborted, and the renewal goes on', async () => {
    const fixture = await started({ script: ['issue', 'wait'] });
    const caller = new AbortController();
    const renewal = fixture.source.renew?.('a.test', { signal: caller.signal });
    await until(() => fixture.issuer.requests.length === 2);
    caller.abort(new Error('gone'));
    await expect(renewal).rejects.toThrow('gone');
    fixture.issuer.release();
    await event(fixture.host, 'renewed');
  });
});

describe('the clock', () => {
  it('jumping ahead by a year is noticed by the next handshake, which waits for a new certificate', async () => {
    const fixture = await started();
    const first = await served(fixture);
    fixture.clock.jump(365 * DAY_MS);
    const second = await served(fixture);
    expect(second.id).not.toBe(first.id);
    expect(second.notAfter).toBeGreaterThan(fixture.clock.now());
  });

  it('jumping ahead is noticed without any handshake within ten minutes', async () => {
    const fixture = await started();
    fixture.clock.jump(70 * DAY_MS);
    await fixture.clock.advance(11 * MINUTE_MS);
    await event(fixture.host, 'renewed');
  });

  it('standing still while a laptop sleeps is noticed by the first handshake, which is not kept waiting', async () => {
    const fixture = await started({ script: ['issue', 'wait'] });
    const first = await served(fixture);
    fixture.clock.jump(65 * DAY_MS);
    expect(find(fixture)).toBe(first);
    await until(() => fixture.issuer.requests.length === 2);
    fixture.issuer.release();
    await event(fixture.host, 'renewed');
  });

  it('set back by a year makes a local issuer date a new certificate', async () => {
    const fixture = await started();
    const first = await served(fixture);
    fixture.clock.jump(-365 * DAY_MS);
    await fixture.clock.advance(11 * MINUTE_MS);
    await event(fixture.host, 'renewed');
    expect((await served(fixture)).notBefore).toBeLessThan(first.notBefore);
  });

  it('set back by a year is no reason to order from a remote issuer', async () => {
    const fixture = await started({ isLocal: false });
    await ready(fixture);
    fixture.clock.jump(-365 * DAY_MS);
    await fixture.clock.advance(HOUR_MS);
    expect(find(fixture)).toBe([...fixture.source.list!()][0]);
    expect(fixture.issuer.requests).toHaveLength(1);
  });

  it('set back by a year does not put off the next attempt by a year', async () => {
    const fixture = await started({ script: [failing()] });
    await event(fixture.host, 'failed');
    fixture.clock.jump(-365 * DAY_MS);
    await fixture.clock.advance(12 * MINUTE_MS);
    await event(fixture.host, 'issued');
  });
});

describe('an issuer that answers with certificates about to expire', () => {
  it('is not asked in a loop', async () => {
    const fixture = await started({ lifetimeMs: -59 * MINUTE_MS + HOUR_MS });
    await fixture.clock.advance(50_000);
    await settled();
    expect(fixture.issuer.requests.length).toBeLessThanOrEqual(2);
  });
});
