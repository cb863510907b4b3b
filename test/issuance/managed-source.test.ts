import { describe, expect, it } from '@jest/globals';
import { type ManagedSource, managedSource } from '../../src/issuance/managed-source.js';
import { TlsmithError } from '../../src/errors.js';
import { memoryStorage } from '../../src/storage/memory-storage.js';
import { settled } from '../support/manual-clock.js';
import { until } from '../support/until.js';
import { CRYPTO_PROVIDERS } from './support/crypto-providers.js';
import { faultyStorage, keysOf } from './support/faulty-storage.js';
import {
  event,
  find,
  type Fixture,
  kindOf,
  ready,
  renew,
  served,
  started,
  state,
  unstarted,
} from './support/managed-fixture.js';
import { DAY_MS, scriptedIssuer } from './support/scripted-issuer.js';
import { TLS_LISTENER } from './support/source-host.js';

const SECOND_MS = 1_000;
const TWO = [['a.test'], ['b.test', '*.b.test']] as const;

/** What a handshake that waits gets in the end: a credential or the code of an error. */
function pendingOf(fixture: Fixture, serverName = 'a.test'): Promise<unknown> {
  const found = find(fixture, serverName);
  if (found === undefined || !('pending' in found)) throw new Error('nothing is pending');
  return found.pending.catch((error: unknown) => error);
}

describe.each(CRYPTO_PROVIDERS)('a managed source with %s', (_name, load) => {
  it('with a local issuer has all certificates when start() resolves', async () => {
    const fixture = await started({ crypto: await load(), names: TWO });
    expect([...fixture.source.list!()].map(({ names }) => names)).toEqual([
      ['a.test'],
      ['b.test', '*.b.test'],
    ]);
    expect(fixture.host.events.map(kindOf)).toEqual(['issued', 'issued']);
    expect(fixture.host.verified.map(({ serverName }) => serverName).sort()).toEqual(['a.test', 'b.test']);
  });

  it('keeps them over a restart without issuing again', async () => {
    const before = await started({ crypto: await load(), names: TWO });
    const ids = [...before.source.list!()].map(({ id }) => id);
    await before.source.close?.();
    const after = await started({ storage: before.storage, clock: before.clock, names: TWO });
    expect([...after.source.list!()].map(({ id }) => id)).toEqual(ids);
    expect(after.issuer.requests).toHaveLength(0);
    expect(after.host.events.map(kindOf)).toEqual(['loaded', 'loaded']);
  });
});

describe('find()', () => {
  it('answers by name and by one-level wildcard, and not for names that are not managed', async () => {
    const fixture = await started({ names: TWO });
    expect((await served(fixture, 'x.b.test')).names).toContain('*.b.test');
    expect((await served(fixture, 'b.test')).names).toContain('*.b.test');
    expect(find(fixture, 'y.x.b.test')).toBeUndefined();
    expect(find(fixture, 'test')).toBeUndefined();
    expect(find(fixture, 'c.test')).toBeUndefined();
  });

  it('lets handshakes for a missing certificate share one issuance', async () => {
    const fixture = await started({ isLocal: false, script: ['wait'] });
    const handshakes = Array.from({ length: 50 }, () => pendingOf(fixture));
    await until(() => fixture.issuer.requests.length > 0);
    fixture.issuer.release();
    const credentials = await Promise.all(handshakes);
    expect(new Set(credentials).size).toBe(1);
    expect(fixture.issuer.requests).toHaveLength(1);
  });

  it('lets a handshake wait thirty seconds, while issuing goes on behind it', async () => {
    const fixture = await started({ isLocal: false, script: ['wait'] });
    const handshake = pendingOf(fixture);
    await until(() => fixture.issuer.requests.length > 0);
    await fixture.clock.advance(30 * SECOND_MS);
    expect(await handshake).toMatchObject({ code: 'SOURCE_TIMEOUT' });
    fixture.issuer.release();
    await event(fixture.host, 'issued');
    expect(await served(fixture)).toBeDefined();
  });

  it('does not let a handshake wait for an attempt that is too far away', async () => {
    const fixture = await started({ isLocal: false, script: [{ fail: new Error('down') }] });
    expect(await pendingOf(fixture)).toMatchObject({ code: 'ISSUANCE_FAILED' });
    expect(await pendingOf(fixture)).toMatchObject({ code: 'ISSUANCE_FAILED' });
    expect(fixture.issuer.requests).toHaveLength(1);
  });

  it('serves an expired certificate when nothing better can be had', async () => {
    const before = await started();
    const expired = await served(before);
    await before.source.close?.();
    before.clock.jump(200 * DAY_MS);
    const script = [{ fail: new Error('down') }] as const;
    const after = await started({ storage: before.storage, clock: before.clock, script });
    await event(after.host, 'failed');
    expect((await served(after)).id).toBe(expired.id);
  });

  it('costs no allocation of answers while a certificate is good', async () => {
    const fixture = await started();
    expect(find(fixture)).toBe(find(fixture));
  });
});

describe('default()', () => {
  it('is the certificate configured first', async () => {
    const { source } = await started({ names: TWO });
    expect(source.default?.()).toMatchObject({ names: ['a.test'] });
  });
});

describe('a remote issuer', () => {
  it('is not asked before a listener is open', async () => {
    const fixture = await started({ isLocal: false });
    await fixture.clock.advance(60 * SECOND_MS);
    expect(fixture.issuer.requests).toHaveLength(0);
    fixture.host.listen([TLS_LISTENER]);
    await event(fixture.host, 'issued');
    expect(fixture.issuer.life.started).toBe(1);
  });

  it('is asked at ready(), which resolves when every name has a certificate', async () => {
    const fixture = await started({ isLocal: false, names: TWO });
    await ready(fixture);
    expect([...fixture.source.list!()]).toHaveLength(2);
  });

  it('that hangs for one name does not delay another', async () => {
    const fixture = unstarted({ isLocal: false, names: TWO });
    fixture.issuer.always.set('a.test', 'hang');
    await fixture.source.start?.(fixture.host);
    fixture.host.listen([TLS_LISTENER]);
    expect(await served(fixture, 'b.test')).toBeDefined();
    expect(fixture.issuer.requests).toHaveLength(2);
    await expect(ready(fixture, AbortSignal.timeout(20))).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('is given up after a quarter of an hour, even when it ignores the signal', async () => {
    const fixture = await started({ isLocal: false, script: ['hang deaf'] });
    fixture.host.listen([TLS_LISTENER]);
    await until(() => fixture.issuer.requests.length === 1);
    await fixture.clock.advance(15 * 60 * SECOND_MS + 5 * SECOND_MS);
    expect(await event(fixture.host, 'failed')).toMatchObject({ error: { code: 'ISSUANCE_FAILED' } });
  });
});

describe('a storage that cannot be written', () => {
  it('means that nothing is issued, and stored certificates serve', async () => {
    const before = await started({ names: [['a.test']] });
    await before.source.close?.();
    const storage = faultyStorage(before.storage);
    storage.interfere = (operation) => {
      if (operation === 'put') throw Object.assign(new Error('read-only file system'), { code: 'EROFS' });
    };
    const fixture = await started({ storage, names: TWO, clock: before.clock });
    expect(fixture.host.findings).toMatchObject([
      { code: 'STORAGE_NOT_WRITABLE', severity: 'warning', source: 'managed' },
    ]);
    expect(await served(fixture)).toBeDefined();
    expect(await pendingOf(fixture, 'b.test')).toMatchObject({ code: 'STORAGE_NOT_WRITABLE' });
    await expect(renew(fixture)).rejects.toMatchObject({ code: 'STORAGE_NOT_WRITABLE' });
    await fixture.clock.advance(3 * 60 * SECOND_MS);
    expect(fixture.issuer.requests).toHaveLength(0);
    storage.interfere = () => undefined;
    await fixture.clock.advance(60 * SECOND_MS);
    await event(fixture.host, 'issued');
    expect(fixture.host.resolvedCodes).toContain('STORAGE_NOT_WRITABLE');
  });

  it('since a while ago is noticed before something is ordered', async () => {
    const storage = faultyStorage();
    const fixture = await started({ storage, isLocal: false });
    await ready(fixture);
    const first = await served(fixture);
    storage.interfere = (operation, key) => {
      if (operation === 'put' && key.startsWith('probe/')) throw new Error('disk full');
    };
    await fixture.clock.advance(60 * SECOND_MS);
    await expect(renew(fixture)).rejects.toMatchObject({ code: 'STORAGE_NOT_WRITABLE' });
    expect(fixture.issuer.requests).toHaveLength(1);
    expect(fixture.host.findings).toMatchObject([{ code: 'STORAGE_NOT_WRITABLE', source: 'managed' }]);
    expect(state(fixture)).toMatchObject({ attempts: 1, lastError: { code: 'STORAGE_NOT_WRITABLE' } });
    expect(find(fixture)).toBe(first);
    storage.interfere = () => undefined;
    await fixture.clock.advance(180 * SECOND_MS);
    await event(fixture.host, 'renewed');
    expect(fixture.host.resolvedCodes).toContain('STORAGE_NOT_WRITABLE');
  });

  it('is no longer looked at when the source has closed', async () => {
    const storage = faultyStorage();
    storage.interfere = (operation) => {
      if (operation === 'put') throw new Error('full');
    };
    const fixture = await started({ storage });
    let goOn: (() => void) | undefined;
    let isReleased = false;
    storage.interfere = (operation) =>
      operation === 'put' ? new Promise((resolve) => (goOn = resolve)) : undefined;
    await fixture.clock.advance(60 * SECOND_MS);
    await until(() => goOn !== undefined);
    const closed = Promise.resolve(fixture.source.close?.()).then(() => {
      expect(isReleased).toBe(true);
    });
    await settled();
    isReleased = true;
    goOn?.();
    await closed;
  });

  it('fails start() of a strict server', async () => {
    const storage = faultyStorage();
    storage.interfere = (operation) => {
      if (operation === 'put') throw new Error('full');
    };
    const { source, host, issuer } = unstarted({ storage, strict: true });
    await expect(source.start?.(host)).rejects.toMatchObject({ code: 'STORAGE_NOT_WRITABLE' });
    expect(issuer.requests).toHaveLength(0);
  });

  it('is told from one that forgets what it was given', async () => {
    const storage = { ...memoryStorage(), get: () => Promise.resolve(undefined) };
    const { host, issuer } = await started({ storage });
    expect(host.findings[0]?.code).toBe('STORAGE_NOT_WRITABLE');
    expect(issuer.requests).toHaveLength(0);
  });

  it('leaves nothing of the probe behind when it works', async () => {
    const { storage } = await started();
    expect((await keysOf(storage)).every((key) => key.startsWith('managed/scripted/a.test-'))).toBe(true);
  });
});

describe('a stored certificate', () => {
  it('that is damaged is replaced by the one before it, with a finding', async () => {
    const before = await started();
    const first = await served(before);
    await renew(before);
    await before.source.close?.();
    const [current = ''] = (await keysOf(before.storage)).filter((key) => key.endsWith('/current'));
    await before.storage.put(current, Buffer.from('{"format":1,"cert":"-----BEGIN'));
    const after = await started({ storage: before.storage, clock: before.clock });
    expect((await served(after)).id).toBe(first.id);
    expect(after.host.findings).toMatchObject([
      { code: 'STORAGE_CORRUPT', names: ['a.test'], source: 'managed' },
    ]);
    await renew(after);
    expect(after.host.resolvedCodes).toContain('STORAGE_CORRUPT');
    const [previous = ''] = (await keysOf(before.storage)).filter((key) => key.endsWith('/previous'));
    expect(Buffer.from((await before.storage.get(previous))!.bytes).toString()).not.toMatch(/BEGIN"?$/);
  });

  it('is not taken for other names than its own', async () => {
    const before = await started();
    await before.source.close?.();
    const after = await started({
      storage: before.storage,
      clock: before.clock,
      names: [['a.test', 'b.test']],
    });
    expect((await served(after)).names).toEqual(['a.test', 'b.test']);
    expect(after.issuer.requests).toHaveLength(1);
  });
});

describe('two sources on one storage', () => {
  it.each([true, false])('issue once, and both serve it within a second (watch: %s)', async (hasWatch) => {
    const storage = faultyStorage(memoryStorage(), { hasWatch });
    const one = await started({ storage, isLocal: false, script: ['wait'] });
    const other = await started({ storage, isLocal: false, clock: one.clock });
    one.host.listen([TLS_LISTENER]);
    await until(() => one.issuer.requests.length === 1);
    other.host.listen([TLS_LISTENER]);
    const handshake = served(other);
    one.issuer.release();
    const issued = await event(one.host, 'issued');
    await one.clock.advance(SECOND_MS);
    expect((await handshake).id).toBe((await served(one)).id);
    expect(issued).toBeDefined();
    expect(one.issuer.requests.length + other.issuer.requests.length).toBe(1);
  });

  it.each([true, false])('pick up what the other renewed within a second (watch: %s)', async (hasWatch) => {
    const storage = faultyStorage(memoryStorage(), { hasWatch });
    const one = await started({ storage });
    const other = await started({ storage, clock: one.clock });
    const previous = await served(other);
    await renew(one);
    await one.clock.advance(SECOND_MS);
    expect(await event(other.host, 'reloaded')).toMatchObject({
      previous,
      credential: { id: (await served(one)).id },
    });
    expect((await served(other)).id).toBe((await served(one)).id);
    expect(other.issuer.requests).toHaveLength(0);
    expect(one.host.events.map(kindOf)).not.toContain('reloaded');
  });

  it('do not read their own certificates for what is stored of others', async () => {
    const storage = faultyStorage();
    const fixture = await started({ storage, names: TWO });
    await settled();
    let reads = 0;
    storage.interfere = (operation) => {
      if (operation === 'get') reads += 1;
    };
    await storage.put('managed/scripted/of-another-process/current', Buffer.from('x'));
    await storage.put('managed/scripted/of-another-process/failure', Buffer.from('x'));
    await settled();
    expect(reads).toBe(0);
    expect(await served(fixture)).toBeDefined();
  });

  it('share the ladder: what failed for one is not tried at once by the other', async () => {
    const storage = memoryStorage();
    const one = await started({ storage, script: [{ fail: new Error('down') }] });
    await event(one.host, 'failed');
    const other = await started({ storage, clock: one.clock });
    expect(other.issuer.requests).toHaveLength(0);
    expect(state(other)).toMatchObject({ attempts: 1 });
  });
});

describe('manage() and unmanage()', () => {
  it('add and remove certificates while the source runs', async () => {
    const fixture = await started();
    await fixture.source.manage(['B.test', 'b.test']);
    expect((await served(fixture, 'b.test')).names).toEqual(['b.test']);
    await fixture.source.manage(['b.test']);
    expect(fixture.issuer.requests).toHaveLength(2);
    await fixture.source.unmanage(['b.test']);
    expect(find(fixture, 'b.test')).toBeUndefined();
    expect(await served(fixture)).toBeDefined();
    expect(fixture.host.changes).toContainEqual(['b.test']);
  });

  it('name what is no name', async () => {
    const { source } = await started();
    await expect(source.manage(['b test'])).rejects.toThrow(/names: "b test" is neither/);
  });
});

describe('close()', () => {
  it('during issuance aborts it, and nothing is stored, served or timed afterwards', async () => {
    const fixture = await started({ isLocal: false, script: ['hang'] });
    const handshake = pendingOf(fixture);
    await until(() => fixture.issuer.requests.length === 1);
    const renewal = renew(fixture).catch((error: unknown) => error);
    await fixture.source.close?.();
    expect(fixture.issuer.requests[0]?.signal.aborted).toBe(true);
    expect(await handshake).toMatchObject({ code: 'CLOSED' });
    expect(await renewal).toMatchObject({ code: 'CLOSED' });
    expect(fixture.host.events).toEqual([]);
    expect(await keysOf(fixture.storage)).toEqual([]);
    expect(fixture.clock.pendingTimers).toBe(0);
    expect(fixture.issuer.life.closed).toBe(1);
  });

  it('closes the issuer also when it was never started: it may have opened something before', async () => {
    const fixture = unstarted();
    await fixture.source.close?.();
    expect(fixture.issuer.life).toEqual({ started: 0, closed: 1 });
  });

  it('does not wait for ever for an issuer that ignores the signal, whose late answer is dropped', async () => {
    const fixture = await started({ isLocal: false, script: ['wait'] });
    void pendingOf(fixture);
    await until(() => fixture.issuer.requests.length === 1);
    const closing = Promise.resolve(fixture.source.close?.());
    await fixture.clock.advance(5 * SECOND_MS);
    await closing;
    fixture.issuer.release();
    await settled();
    expect(fixture.host.events).toEqual([]);
    expect(await keysOf(fixture.storage)).toEqual([]);
  });

  it('during start() ends it', async () => {
    const fixture = unstarted({ script: ['hang'] });
    const starting = Promise.resolve(fixture.source.start?.(fixture.host));
    await until(() => fixture.issuer.requests.length === 1);
    await fixture.source.close?.();
    await starting;
    expect(fixture.clock.pendingTimers).toBe(0);
  });

  it('gives the lock back', async () => {
    const fixture = await started({ isLocal: false, script: ['hang'] });
    fixture.host.listen([TLS_LISTENER]);
    await until(() => fixture.issuer.requests.length === 1);
    await fixture.source.close?.();
    const after = await started({ storage: fixture.storage });
    expect(await served(after)).toBeDefined();
  });
});

describe('what is served after an issuance', () => {
  it('is checked, and a difference is a finding that changes nothing', async () => {
    const fixture = unstarted({ names: [['*.a.test', 'a.test']] });
    fixture.host.servedFault = new Error('another certificate is served');
    await fixture.source.start?.(fixture.host);
    expect(fixture.host.findings).toMatchObject([
      { code: 'SERVED_CERTIFICATE_DIFFERS', severity: 'warning' },
    ]);
    expect(fixture.host.verified[0]).toMatchObject({
      serverName: 'a.test',
      fingerprint256: (await served(fixture)).fingerprint256,
    });
    expect(fixture.host.journal).toEqual(['changed', 'issued', 'verified']);
  });

  it('may be another process for a while, which has yet to notice', async () => {
    const fixture = unstarted();
    fixture.host.servedFault = new TlsmithError('SERVED_CERTIFICATE_DIFFERS', 'the old one');
    const starting = fixture.source.start?.(fixture.host);
    await until(() => fixture.host.verified.length === 1);
    await fixture.clock.advance(500);
    fixture.host.servedFault = undefined;
    await fixture.clock.advance(1_500);
    await starting;
    expect(fixture.host.verified).toHaveLength(3);
    expect(fixture.host.findings).toEqual([]);
  });

  it('is told when it goes on for five seconds', async () => {
    const fixture = unstarted();
    fixture.host.servedFault = new TlsmithError('SERVED_CERTIFICATE_DIFFERS', 'the old one');
    const starting = fixture.source.start?.(fixture.host);
    await until(() => fixture.host.verified.length === 1);
    await fixture.clock.advance(4_900);
    expect(fixture.host.findings).toEqual([]);
    await fixture.clock.advance(100);
    await starting;
    expect(fixture.host.findings).toMatchObject([{ code: 'SERVED_CERTIFICATE_DIFFERS' }]);
  });
});

describe('secrets', () => {
  it('are in no event, finding or state', async () => {
    const fixture = await started({ script: ['issue', 'wrong pair'] });
    await renew(fixture).catch(() => undefined);
    const told = JSON.stringify([fixture.host.events, fixture.host.findings, state(fixture)]);
    expect(told).not.toContain('PRIVATE KEY-');
    expect(told).not.toContain((await served(fixture)).key.split('\n')[1]);
  });
});

describe('a source that was closed and is started again', () => {
  it('serves what it had stored, without issuing anew', async () => {
    const fixture = await started();
    const before = await served(fixture);
    await fixture.source.close?.();
    await fixture.source.start?.(fixture.host);
    expect((await served(fixture)).id).toBe(before.id);
    expect(fixture.issuer.requests).toHaveLength(1);
    await renew(fixture);
    expect((await served(fixture)).id).not.toBe(before.id);
  });
});

describe('managedSource()', () => {
  const make = (changes: object): (() => ManagedSource) => {
    const issuer = scriptedIssuer({ clock: { now: Date.now, setTimeout, clearTimeout: () => undefined } });
    return () => managedSource({ name: 'managed', issuer, names: [['a.test']], ...changes });
  };

  it.each([
    [{ names: [[]] }, /names is empty/],
    [{ names: [['a.test', 'a..test']] }, /names: "a\.\.test"/],
    [{ waitMs: -1 }, /waitMs/],
    [{ renewal: { fractionLeft: 1 } }, /renewal\.fractionLeft/],
    [
      {
        issuer: scriptedIssuer({
          clock: { now: Date.now, setTimeout, clearTimeout: () => undefined },
          id: 'a/b',
        }),
      },
      /issuer id "a\/b"/,
    ],
  ])('names the option that is wrong: %j', (changes, message) => {
    expect(make(changes)).toThrow(TypeError);
    expect(make(changes)).toThrow(message);
  });
});
