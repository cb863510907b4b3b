// What is removed from a storage, and above all what is not: days pass on a manual clock, everything else is real.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ChallengeRecords } from '../../src/acme/challenge-record.js';
import { createCredential } from '../../src/credential/credential.js';
import { certificateSegment, CertificateStore } from '../../src/issuance/certificate-store.js';
import type { FailureRecord } from '../../src/issuance/failure-record.js';
import { StorageCleaning } from '../../src/issuance/storage-cleaning.js';
import { silentLogger } from '../../src/logger.js';
import { type ManualClock, manualClock } from '../support/manual-clock.js';
import { faultyStorage, type FaultyStorage, keysOf } from './support/faulty-storage.js';
import { DAY_MS, testPair } from './support/scripted-issuer.js';

const ISSUER = 'acme-ca.example-1';
const OLD_ISSUER = 'acme-old.example-2';
const RECORD = 'acme/clean-up';
const signal = new AbortController().signal;

let clock: ManualClock;
let storage: FaultyStorage;
const open: StorageCleaning[] = [];

beforeEach(() => {
  clock = manualClock();
  storage = faultyStorage();
});

afterEach(async () => {
  for (const cleaning of open.splice(0)) await cleaning.close();
  expect(clock.pendingTimers).toBe(0);
});

/** One process that manages these certificates. */
function cleaning(...managed: readonly string[]): StorageCleaning {
  const segments = new Set(managed.map((name) => certificateSegment([name])));
  const made = new StorageCleaning({ storage, issuerId: ISSUER, clock, logger: silentLogger });
  open.push(made);
  made.started({ keeps: (segment) => segments.has(segment) });
  return made;
}

/** Stores a certificate with so many days to live, and one before it; answers where. */
async function stored(
  name: string,
  { days, issuer = ISSUER, failure }: { days: number; issuer?: string; failure?: FailureRecord },
): Promise<string> {
  const store = new CertificateStore(storage, issuer, [name]);
  const lease = await store.lock(signal);
  for (const age of [1, 0]) {
    const validity = { notBefore: clock.now() - 90 * DAY_MS, notAfter: clock.now() + (days - age) * DAY_MS };
    const credential = createCredential(await testPair({ names: [name], ...validity }));
    await store.save({ names: [name], credential, issuedAt: validity.notBefore }, lease);
  }
  if (failure !== undefined) await store.saveFailure(failure, lease);
  await store.writeAdvice(Buffer.from('{}'));
  await lease.release();
  await storage.put(`acme/${issuer}/orders/${certificateSegment([name])}`, Buffer.from('an order'));
  return store.prefix;
}

async function kept(prefix: string): Promise<boolean> {
  return (await keysOf(storage, prefix)).length > 0;
}

function failedAt(instant: number, changes: Partial<FailureRecord> = {}): FailureRecord {
  return {
    ...{
      attempts: 40,
      failingSince: instant - 30 * DAY_MS,
      failedAt: instant,
      nextAttempt: instant + DAY_MS,
    },
    ...{ isPermanent: false, error: { code: 'ACME_UNREACHABLE', message: 'down' } },
    ...changes,
  };
}

describe('A certificate that has expired and that nobody manages', () => {
  it('is removed with all that belongs to it, after two weeks of being seen so, and not before', async () => {
    const gone = await stored('gone.test', { days: 3 });
    cleaning('other.test');
    await clock.advance(16 * DAY_MS);
    expect(await kept(gone)).toBe(true);
    expect(await keysOf(storage, gone)).toHaveLength(3);
    await clock.advance(3 * DAY_MS);
    expect(await kept(gone)).toBe(false);
    expect(await keysOf(storage)).toEqual([RECORD]);
  });

  it.each(['self-signed', 'self-signed-rsa-2048'])('is removed when it is of %s', async (issuer) => {
    const gone = await stored('old-address.test', { days: -1, issuer });
    const good = await stored('address.test', { days: 90, issuer });
    cleaning('a.test');
    await clock.advance(16 * DAY_MS);
    expect(await kept(gone)).toBe(false);
    expect(await kept(good)).toBe(true);
  });

  it('is removed although the name is managed, when it is from an authority of before', async () => {
    const before = await stored('a.test', { days: -1, issuer: OLD_ISSUER });
    const now = await stored('a.test', { days: 90 });
    cleaning('a.test');
    await clock.advance(16 * DAY_MS);
    expect(await kept(before)).toBe(false);
    expect(await kept(now)).toBe(true);
  });

  it('is left alone while somebody has its lock, and removed later', async () => {
    const gone = await stored('gone.test', { days: -1 });
    const lease = await storage.lock(`${gone}lock`);
    cleaning();
    await clock.advance(20 * DAY_MS);
    expect(await kept(gone)).toBe(true);
    await lease.release();
    await clock.advance(20 * DAY_MS);
    expect(await kept(gone)).toBe(false);
  });

  it('that is renewed between being found and being removed stays', async () => {
    const gone = await stored('gone.test', { days: -1 });
    const renewed = await stored('gone.test', { days: 90, issuer: OLD_ISSUER });
    const { bytes } = (await storage.get(`${renewed}current`))!;
    cleaning();
    let renewals = 0;
    storage.interfere = async (operation, key) => {
      if (operation !== 'lock' || key !== `${gone}lock`) return;
      renewals += 1;
      await storage.put(`${gone}current`, bytes);
    };
    await clock.advance(30 * DAY_MS);
    expect(renewals).toBe(1);
    expect(await kept(gone)).toBe(true);
  });
});

describe('What stays', () => {
  it('is what is managed here, however long it has expired', async () => {
    const own = await stored('own.test', { days: -1 });
    cleaning('own.test');
    await clock.advance(60 * DAY_MS);
    expect(await keysOf(storage, own)).toHaveLength(3);
  });

  it('is what is in date, whoever manages it', async () => {
    const other = await stored('other.test', { days: 90 });
    cleaning();
    await clock.advance(60 * DAY_MS);
    expect(await keysOf(storage, other)).toHaveLength(3);
    expect(await kept(`acme/${ISSUER}/orders/`)).toBe(true);
  });

  it('is what another process goes on trying for, or is not allowed to try for yet', async () => {
    const retryAfter = clock.now() + 50 * DAY_MS;
    const trying = await stored('trying.test', { days: -20, failure: failedAt(clock.now()) });
    const waiting = await stored('waiting.test', { days: -20, failure: failedAt(0, { retryAfter }) });
    cleaning();
    for (let day = 0; day < 30; day += 1) {
      const store = new CertificateStore(storage, ISSUER, ['trying.test']);
      const lease = await store.lock(signal);
      await store.saveFailure(failedAt(clock.now()), lease);
      await lease.release();
      await clock.advance(DAY_MS);
    }
    expect(await kept(trying)).toBe(true);
    expect(await kept(waiting)).toBe(true);
    await clock.advance(60 * DAY_MS);
    expect(await kept(trying)).toBe(false);
    expect(await kept(waiting)).toBe(false);
  });

  it.each([
    ['damaged', 'not JSON at all'],
    ['of a later version', '{"format":2,"cert":"x"}'],
    ['no certificate', '{"format":1,"cert":"-----BEGIN CERTIFICATE-----\\n-----END CERTIFICATE-----"}'],
  ])('is what is %s: it may mean something to somebody', async (_, text) => {
    const strange = await stored('strange.test', { days: -1 });
    await storage.put(`${strange}current`, Buffer.from(text));
    cleaning();
    await clock.advance(60 * DAY_MS);
    expect(await keysOf(storage, strange)).toHaveLength(3);
  });

  it('is what cannot be read', async () => {
    const unread = await stored('unread.test', { days: -1 });
    cleaning();
    storage.interfere = (operation, key) => {
      if (operation === 'get' && key.startsWith(unread)) throw new Error('EIO');
    };
    await clock.advance(60 * DAY_MS);
    expect(await kept(unread)).toBe(true);
  });

  it('is the account, and the count of orders', async () => {
    const keys = [`acme/${ISSUER}/account`, `acme/${ISSUER}/order-budget`];
    for (const key of keys) await storage.put(key, Buffer.from('x'));
    cleaning();
    await clock.advance(60 * DAY_MS);
    expect(await keysOf(storage)).toEqual([...keys, RECORD].sort());
  });

  it('is an order that was begun yesterday, when a clock jumps by a month', async () => {
    const order = `acme/${ISSUER}/orders/begun.test-1`;
    await storage.put(order, Buffer.from('x'));
    cleaning();
    await clock.advance(DAY_MS);
    clock.jump(30 * DAY_MS);
    await clock.advance(DAY_MS);
    expect(await kept(order)).toBe(true);
  });

  it('is everything, when a clock is a year ahead for a week', async () => {
    const prefixes = [await stored('one.test', { days: 90 }), await stored('two.test', { days: 6 })];
    cleaning();
    await clock.advance(DAY_MS);
    clock.jump(365 * DAY_MS);
    await clock.advance(6 * DAY_MS);
    clock.jump(-365 * DAY_MS);
    await clock.advance(DAY_MS);
    for (const prefix of prefixes) expect(await keysOf(storage, prefix)).toHaveLength(3);
  });
});

describe('What killed processes have left behind', () => {
  it.each([
    ['an order without certificate', `acme/${ISSUER}/orders/lost.test-1`, 14],
    ['an order of another authority', `acme/${OLD_ISSUER}/orders/lost.test-1`, 14],
    ['a budget of names on demand', `acme/${ISSUER}/budgets/0123`, 14],
    ['a proof that the storage is writable', 'probe/0123', 1],
  ])('is removed when it was not touched for long: %s', async (_, key, days) => {
    await storage.put(key, Buffer.from('x'));
    cleaning();
    await clock.advance((days - 0.5) * DAY_MS);
    await storage.put(key, Buffer.from('x'));
    await clock.advance((days - 0.5) * DAY_MS);
    expect(await kept(key)).toBe(true);
    await clock.advance(3 * DAY_MS);
    expect(await kept(key)).toBe(false);
  });

  it('is removed: a challenge', async () => {
    const records = new ChallengeRecords(storage, ISSUER);
    await records.write({ type: 'http-01', token: 'token', keyAuthorization: 'token.x' }, clock.now());
    cleaning();
    await clock.advance(3 * DAY_MS);
    expect(await keysOf(storage)).toEqual([RECORD]);
  });

  it('is not the order for a certificate that is managed and not there yet', async () => {
    const order = `acme/${ISSUER}/orders/${certificateSegment(['own.test'])}`;
    await storage.put(order, Buffer.from('x'));
    cleaning('own.test');
    await clock.advance(60 * DAY_MS);
    expect(await kept(order)).toBe(true);
  });
});

describe('Looking', () => {
  it('is done once a day by all processes together', async () => {
    let looks = 0;
    storage.interfere = (operation, key) => {
      if (operation === 'put' && key === RECORD) looks += 1;
    };
    for (let count = 0; count < 3; count += 1) cleaning();
    await clock.advance(10 * DAY_MS);
    expect(looks).toBeGreaterThanOrEqual(9);
    expect(looks).toBeLessThanOrEqual(11);
  });

  it('goes on after a storage that failed for a while', async () => {
    const gone = await stored('gone.test', { days: -1 });
    cleaning();
    storage.interfere = (operation) => {
      if (operation === 'put') throw new Error('full');
    };
    await clock.advance(30 * DAY_MS);
    expect(await kept(gone)).toBe(true);
    storage.interfere = () => undefined;
    await clock.advance(17 * DAY_MS);
    expect(await kept(gone)).toBe(false);
  });

  it('is not kept from anything by a leftover that cannot be removed', async () => {
    const stuck = await stored('a-stuck.test', { days: -1 });
    const gone = await stored('gone.test', { days: -1 });
    storage.interfere = (operation, key) => {
      if (operation === 'delete' && key.startsWith(stuck)) throw new Error('EACCES');
    };
    cleaning();
    await clock.advance(17 * DAY_MS);
    expect(await kept(stuck)).toBe(true);
    expect(await kept(gone)).toBe(false);
  });

  it('is over soon when the source closes, however much is stored', async () => {
    for (let count = 0; count < 20; count += 1) await stored(`name-${count}.test`, { days: 60 });
    const one = cleaning();
    let reads = 0;
    let closed: Promise<void> | undefined;
    storage.interfere = (operation, key) => {
      if (operation !== 'get' || !key.endsWith('/current')) return;
      reads += 1;
      closed ??= one.close();
    };
    await clock.advance(DAY_MS);
    await closed;
    expect(reads).toBe(1);
  });

  it('ends with the source', async () => {
    const one = cleaning();
    storage.interfere = () => new Promise(() => undefined);
    await one.close();
    await clock.advance(2 * DAY_MS);
    expect(await keysOf(storage)).toEqual([]);
  });
});
