import { describe, expect, it } from '@jest/globals';
import { TlsmithError } from '../../src/errors.js';
import { delay } from '../../src/clock.js';
import { memoryStorage } from '../../src/storage/memory-storage.js';
import type { Lease, Storage } from '../../src/storage/storage.js';
import { manualClock } from '../support/manual-clock.js';
import { until } from '../support/until.js';
import { faultyStorage, keysOf } from './support/faulty-storage.js';
import { TLS_LISTENER } from './support/source-host.js';
import {
  advanceToNextAttempt,
  event,
  find,
  renew,
  served,
  started,
  state,
} from './support/managed-fixture.js';

const CRASH = new Error('killed here');
const HOUR_MS = 3_600_000;

describe('a certificate that is out of date by the clock', () => {
  it('is tried again for a day, and then another one is ordered', async () => {
    const fixture = await started({ script: ['issue', 'expired'] });
    for (let count = 0; count < 3; count += 1) {
      await expect(renew(fixture)).rejects.toMatchObject({ code: 'ISSUED_CREDENTIAL_INVALID' });
      expect(fixture.issuer.requests).toHaveLength(2);
      expect(state(fixture)).toMatchObject({ attempts: count + 1 });
      fixture.clock.jump(7 * HOUR_MS);
    }
    fixture.clock.jump(4 * HOUR_MS);
    await renew(fixture);
    expect(fixture.issuer.requests).toHaveLength(3);
  });

  it('serves once the clock is right', async () => {
    const fixture = await started({ script: ['issue', 'expired'] });
    const first = await served(fixture);
    await expect(renew(fixture)).rejects.toMatchObject({ code: 'ISSUED_CREDENTIAL_INVALID' });
    fixture.clock.jump(-36 * HOUR_MS);
    await renew(fixture);
    expect((await served(fixture)).id).not.toBe(first.id);
    expect(fixture.issuer.requests).toHaveLength(2);
  });
});

describe('a process killed in the middle of a renewal', () => {
  it('at any step leaves a whole pair behind', async () => {
    let step = 0;
    for (let isDone = false; !isDone; step += 1) {
      const storage = faultyStorage();
      const fixture = await started({ storage });
      const before = await served(fixture);
      let operations = 0;
      // From this step on nothing reaches the storage: as if the process had been killed.
      storage.interfere = (operation) => {
        if (operation !== 'lock' && operations++ >= step) throw CRASH;
      };
      isDone = await renew(fixture).then(
        () => operations <= step,
        () => false,
      );
      await fixture.source.close?.();
      storage.interfere = () => undefined;
      const after = await started({ storage, clock: fixture.clock });
      const loaded = await served(after);
      // Which of the two it is depends on the step; a torn one would be a finding, or be issued anew.
      expect(loaded.notAfter).toBeGreaterThanOrEqual(before.notAfter);
      expect(after.host.findings).toEqual([]);
      expect(after.issuer.requests).toHaveLength(0);
      await after.source.close?.();
    }
    // lock aside: three reads before it is issued, one more, two writes and a deletion after it.
    expect(step).toBeGreaterThanOrEqual(6);
  });
});

describe('a lock whose holder may have died', () => {
  it('is watched for as long as a lease lives, and the certificate is issued then', async () => {
    const [clock, inner] = [manualClock(), memoryStorage()];
    // As a folder does it: whether the holder is dead shows to whoever has watched it for all of 30 seconds.
    const lock: Storage['lock'] = async (key, options) => {
      await delay(clock, 30_000, options?.signal);
      return inner.lock(key, options);
    };
    const fixture = await started({ storage: { ...inner, lock }, clock, isLocal: false });
    fixture.host.listen([TLS_LISTENER]);
    for (let second = 0; second < 45; second += 1) await clock.advance(1_000);
    expect(await event(fixture.host, 'issued')).toBeDefined();
  });
});

describe('a failure record', () => {
  it('left behind by a process killed right after its success is no reason to issue again', async () => {
    const storage = faultyStorage();
    const before = await started({ storage, script: [{ fail: new Error('down') }] });
    await event(before.host, 'failed');
    storage.interfere = (operation, key) => {
      if (operation === 'delete' && key.endsWith('/failure')) throw CRASH;
    };
    await advanceToNextAttempt(before);
    await event(before.host, 'issued');
    await before.source.close?.();
    expect((await keysOf(storage)).some((key) => key.endsWith('/failure'))).toBe(true);
    const after = await started({ storage, clock: before.clock });
    expect(await served(after)).toBeDefined();
    expect(after.issuer.requests).toHaveLength(0);
    expect(state(after).attempts).toBe(0);
  });
});

describe('a certificate that storage refused', () => {
  it('is not served, and is stored by the next attempt instead of ordering another one', async () => {
    const storage = faultyStorage();
    const fixture = await started({ storage });
    const first = await served(fixture);
    storage.interfere = (operation, key) => {
      if (operation === 'put' && key.endsWith('/current')) throw new Error('disk full');
    };
    await expect(renew(fixture)).rejects.toThrow('disk full');
    expect(find(fixture)).toBe(first);
    storage.interfere = () => undefined;
    await advanceToNextAttempt(fixture);
    await event(fixture.host, 'renewed');
    expect(fixture.issuer.requests).toHaveLength(2);
  });
});

describe('a lease that is lost', () => {
  it('ends the issuance, and nothing is stored under it', async () => {
    const storage = faultyStorage();
    const losing = new AbortController();
    const lock = storage.lock.bind(storage);
    storage.lock = async (key, options): Promise<Lease> => {
      const lease = await lock(key, options);
      return { ...lease, signal: losing.signal, release: () => lease.release() };
    };
    const fixture = await started({ storage, isLocal: false, script: ['hang'] });
    const renewal = renew(fixture).catch((error: unknown) => error);
    await until(() => fixture.issuer.requests.length === 1);
    losing.abort(new TlsmithError('STORAGE_LEASE_LOST', 'another process has it'));
    expect(await renewal).toMatchObject({ code: 'STORAGE_LEASE_LOST' });
    expect((await keysOf(storage)).filter((key) => key.endsWith('/current'))).toEqual([]);
  });

  it('just before the write makes storage refuse the write, and the live certificate stays', async () => {
    const storage = faultyStorage();
    const fixture = await started({ storage });
    const first = await served(fixture);
    storage.interfere = (operation, key) => {
      if (operation === 'put' && key.endsWith('/current'))
        throw new TlsmithError('STORAGE_LEASE_LOST', 'too late');
    };
    await expect(renew(fixture)).rejects.toMatchObject({ code: 'STORAGE_LEASE_LOST' });
    expect(find(fixture)).toBe(first);
  });
});

describe('a storage that cannot be read', () => {
  it('fails the attempt instead of overwriting what may be whole', async () => {
    const storage = faultyStorage();
    const fixture = await started({ storage });
    storage.interfere = (operation, key) => {
      if (operation === 'get' && key.endsWith('/current'))
        throw new TlsmithError('STORAGE_UNREADABLE', 'EIO');
    };
    await expect(renew(fixture)).rejects.toMatchObject({ code: 'STORAGE_UNREADABLE' });
    expect(fixture.issuer.requests).toHaveLength(1);
    expect(state(fixture).attempts).toBe(1);
  });

  it('at start is a finding, and start() goes on', async () => {
    const storage = faultyStorage();
    storage.interfere = (operation, key) => {
      if (operation === 'get' && key.endsWith('/current'))
        throw new TlsmithError('STORAGE_UNREADABLE', 'EIO');
    };
    const fixture = await started({ storage });
    expect(fixture.host.findings).toMatchObject([{ code: 'STORAGE_UNREADABLE', names: ['a.test'] }]);
    expect(fixture.issuer.requests).toHaveLength(0);
  });
});

describe('another process that holds the lock', () => {
  it('is asked again later, and its stalling counts as no failure', async () => {
    const fixture = await started({ isLocal: false });
    const [lease] = await lockOf(fixture.storage);
    const renewal = renew(fixture);
    await fixture.clock.advance(20_000);
    expect(fixture.issuer.requests).toHaveLength(0);
    expect(state(fixture).attempts).toBe(0);
    await lease?.release();
    await fixture.clock.advance(5_000);
    await renewal;
    expect(fixture.host.events).toHaveLength(1);
  });
});

async function lockOf(storage: { lock(key: string): Promise<Lease> }): Promise<Lease[]> {
  const { certificateSegment, issuerPrefix } = await import('../../src/issuance/certificate-store.js');
  return [await storage.lock(`${issuerPrefix('scripted')}${certificateSegment(['a.test'])}/lock`)];
}
