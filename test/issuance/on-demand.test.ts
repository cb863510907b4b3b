import { describe, expect, it } from '@jest/globals';
import type { Credential } from '../../src/credential/credential.js';
import { type ManagedSource, managedSource } from '../../src/issuance/managed-source.js';
import { OnDemandNames, withOnDemand } from '../../src/issuance/on-demand.js';
import { memoryStorage } from '../../src/storage/memory-storage.js';
import type { Storage } from '../../src/storage/storage.js';
import { type ManualClock, manualClock, settled } from '../support/manual-clock.js';
import { until } from '../support/until.js';
import { faultyStorage } from './support/faulty-storage.js';
import { DAY_MS, type ScriptedIssuer, scriptedIssuer } from './support/scripted-issuer.js';
import { type RecordingHost, recordingHost, TLS_LISTENER } from './support/source-host.js';

const MINUTE_MS = 60_000;

interface Setting {
  readonly source: ManagedSource;
  readonly issuer: ScriptedIssuer;
  readonly clock: ManualClock;
  readonly host: RecordingHost;
  /** The names that `allow` was asked for. */
  readonly asked: string[];
  readonly storage: Storage;
}

interface SettingOptions {
  readonly allow?: (name: string) => boolean | Promise<boolean>;
  readonly storage?: Storage;
  readonly clock?: ManualClock;
  readonly waitMs?: number;
  readonly names?: readonly (readonly string[])[];
}

async function setting({
  allow = () => true,
  storage = memoryStorage(),
  clock = manualClock(),
  waitMs = 30_000,
  names = [],
}: SettingOptions = {}): Promise<Setting> {
  const asked: string[] = [];
  const issuer = scriptedIssuer({ clock, isLocal: false });
  const onDemand = new OnDemandNames({
    ...{ issuerId: issuer.id, storage, clock, waitMs },
    options: {
      allow: (name) => {
        asked.push(name);
        return allow(name);
      },
      ordersPerName: 3,
      namesPerDomain: 50,
    },
  });
  const known: ManagedSource = managedSource({
    ...{ name: 'managed', issuer: onDemand.guard(issuer), names, storage, waitMs },
    failed: (failure) => {
      onDemand.failed(failure, known);
    },
  });
  const source = withOnDemand(known, onDemand);
  const host = recordingHost({ clock, storage });
  host.listen([TLS_LISTENER]);
  await source.start?.(host);
  return { source, issuer, clock, host, asked, storage };
}

/** What a handshake gets: a credential, nothing, or the code of an error. */
async function handshake(
  { source }: Setting,
  serverName = 'a.test',
): Promise<Credential | string | undefined> {
  const found = source.find({ serverName, signal: new AbortController().signal });
  if (found === undefined || !('pending' in found)) return found as Credential | undefined;
  return found.pending.catch((error: unknown) => (error as { code: string }).code);
}

function managedNames({ source }: Setting): string[] {
  return [...(source.managed?.() ?? [])].flatMap(({ names }) => names);
}

describe('A name on demand', () => {
  it('gets one certificate for fifty first handshakes, by one question and one order', async () => {
    const made = await setting();
    const seen = await Promise.all(Array.from({ length: 50 }, () => handshake(made)));
    expect(new Set(seen).size).toBe(1);
    expect((seen[0] as Credential).names).toEqual(['a.test']);
    expect(made.asked).toEqual(['a.test']);
    expect(made.issuer.requests).toHaveLength(1);
    expect(await handshake(made)).toBe(seen[0]);
    expect(made.asked).toHaveLength(1);
    await made.source.close?.();
  });

  it('that is refused causes no order, and one question in each negative period', async () => {
    const made = await setting({ allow: () => false });
    for (const minutes of [1, 2, 4]) {
      const before = made.asked.length;
      for (let client = 0; client < 20; client += 1) expect(await handshake(made)).toBeUndefined();
      expect(made.asked.length - before).toBe(1);
      await made.clock.advance(minutes * MINUTE_MS);
    }
    expect(made.issuer.requests).toEqual([]);
    expect(managedNames(made)).toEqual([]);
    await made.source.close?.();
  });

  it('is asked about again at once when the question threw', async () => {
    let isDown = true;
    const made = await setting({
      allow: () => {
        if (isDown) throw new Error('database down');
        return true;
      },
    });
    expect(await handshake(made)).toBe('NAME_NOT_ALLOWED');
    expect(made.issuer.requests).toEqual([]);
    isDown = false;
    expect(await handshake(made)).toMatchObject({ names: ['a.test'] });
    await made.source.close?.();
  });

  it('that is stored and in date is served without a question, also by another process', async () => {
    const first = await setting();
    const credential = (await handshake(first)) as Credential;
    await first.source.close?.();
    const second = await setting({ storage: first.storage, clock: first.clock, allow: () => false });
    expect(await handshake(second)).toMatchObject({ id: credential.id });
    expect(second.asked).toEqual([]);
    expect(second.issuer.requests).toEqual([]);
    await second.source.close?.();
  });

  it('is asked about again before it is renewed, and serves its certificate when it is refused then', async () => {
    let isAllowed = true;
    const made = await setting({ allow: () => isAllowed });
    const credential = await handshake(made);
    isAllowed = false;
    await made.clock.advance(60 * DAY_MS);
    await until(() => made.host.events.some(({ type }) => type === 'failed'));
    expect(made.asked).toEqual(['a.test', 'a.test']);
    expect(made.issuer.requests).toHaveLength(1);
    expect(await handshake(made)).toBe(credential);
    expect([...(made.source.managed?.() ?? [])][0]).toMatchObject({
      lastError: { code: 'NAME_NOT_ALLOWED' },
      nextAttempt: expect.any(Number) as unknown,
    });
    await made.source.close?.();
  });

  it('whose issuance fails is not tried by timer, but by the first handshake after its next attempt is due', async () => {
    const made = await setting();
    made.issuer.script.push({ fail: new Error('no such domain') });
    expect(await handshake(made)).toBe('ISSUANCE_FAILED');
    await settled();
    expect(managedNames(made)).toEqual([]);
    expect(await handshake(made)).toBeUndefined();
    await made.clock.advance(30 * MINUTE_MS);
    expect(made.issuer.requests).toHaveLength(1);
    expect(made.asked).toHaveLength(1);
    expect(await handshake(made)).toMatchObject({ names: ['a.test'] });
    expect(made.issuer.requests).toHaveLength(2);
    expect(made.asked).toHaveLength(2);
    await made.source.close?.();
  });

  it('that fails keeps to its budget, whose end is the next attempt', async () => {
    const made = await setting();
    made.issuer.always.set('a.test', { fail: new Error('no such domain') });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(await handshake(made)).toBe('ISSUANCE_FAILED');
      await made.clock.advance(5 * MINUTE_MS);
    }
    expect(await handshake(made)).toBe('ON_DEMAND_BUDGET_SPENT');
    expect(made.issuer.requests).toHaveLength(3);
    await made.clock.advance(30 * MINUTE_MS);
    expect(await handshake(made)).toBeUndefined();
    await made.clock.advance(20 * MINUTE_MS);
    expect(await handshake(made)).toBe('ISSUANCE_FAILED');
    expect(made.issuer.requests).toHaveLength(4);
    await made.source.close?.();
  });

  it('is let go by a handshake that has waited long enough, while the question goes on', async () => {
    let decide: (isAllowed: boolean) => void = () => undefined;
    const made = await setting({
      waitMs: 1_000,
      allow: () => new Promise((resolve) => (decide = resolve)),
    });
    const waiting = handshake(made);
    await until(() => made.asked.length === 1);
    await made.clock.advance(1_000);
    expect(await waiting).toBe('SOURCE_TIMEOUT');
    decide(true);
    await until(() => managedNames(made).length === 1);
    expect(await handshake(made)).toMatchObject({ names: ['a.test'] });
    expect(made.asked).toHaveLength(1);
    await made.source.close?.();
  });

  it.each(['127.0.0.1', '::1', 'localhost', 'co.uk', 'a.b.c.d.e.f.g.h.i.j.test'])(
    'that nobody can have is not asked about: %s',
    async (name) => {
      const made = await setting();
      expect(await handshake(made, name)).toBeUndefined();
      expect(made.asked).toEqual([]);
      await made.source.close?.();
    },
  );

  it('costs nothing in storage once it is refused', async () => {
    const storage = faultyStorage();
    let reads = 0;
    const made = await setting({ allow: () => false, storage });
    storage.interfere = (operation) => {
      if (operation === 'get') reads += 1;
    };
    await handshake(made);
    const afterFirst = reads;
    for (let client = 0; client < 20; client += 1) await handshake(made);
    expect(afterFirst).toBeGreaterThan(0);
    expect(reads).toBe(afterFirst);
    await made.source.close?.();
  });

  it('does not concern names that are managed anyway', async () => {
    const made = await setting({ allow: () => false, names: [['b.test']] });
    expect(await handshake(made, 'b.test')).toMatchObject({ names: ['b.test'] });
    await made.source.manage(['c.test']);
    expect(await handshake(made, 'c.test')).toMatchObject({ names: ['c.test'] });
    expect(made.asked).toEqual([]);
    await made.source.close?.();
  });

  it('that is given up is not waited for by ready()', async () => {
    const made = await setting({ names: [['b.test']] });
    made.issuer.always.set('a.test', 'hang');
    await handshake(made, 'b.test');
    const waiting = handshake(made);
    await until(() => made.issuer.requests.length === 2);
    const ready = made.source.ready?.({ signal: new AbortController().signal });
    await made.source.unmanage(['a.test']);
    await ready;
    expect(await waiting).toBe('CLOSED');
    await made.source.close?.();
  });
});
