/** An authority that has to revoke: all at once it wants every certificate to be replaced (RFC 9773 §4.1, a past window). */
import { managedSource } from '../../src/issuance/managed-source.js';
import { memoryStorage } from '../../src/storage/memory-storage.js';
import { cryptoWork } from './crypto-work.js';
import { modelAuthority } from './model-authority.js';
import { networkIssuer } from './network-issuer.js';
import { seededRandom } from './seeded-random.js';
import { simulatedHost, stirring } from './simulated-host.js';
import { type VirtualClock, virtualClock } from './virtual-clock.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const BEGIN = Date.UTC(2027, 0, 1);
/** Let's Encrypt's. */
const RETRY_AFTER_MS = 6 * HOUR_MS;
/** Just after all have asked: nobody hears of it for nearly six hours. */
const SETTLED_MS = 2 * DAY_MS + 10 * MINUTE_MS;

/** What came of it. */
export interface ReplacementReport {
  readonly certificates: number;
  readonly replaced: number;
  /** Orders after the word was given; and those that said what they replace. */
  readonly orders: number;
  readonly ordersThatReplace: number;
  readonly rateLimited: number;
  /** From the word to the last successor, in virtual minutes; and what would have been too long. */
  readonly minutes: number;
  readonly mostMinutes: number;
}

/**
 * Tells the holders of so many certificates to renew.
 * @param isThroughNetwork - whether the ACME client takes part as well, and only the network is a model
 */
export async function tellToRenew(
  names: number,
  seed: number,
  isThroughNetwork = false,
): Promise<ReplacementReport> {
  const work = isThroughNetwork ? cryptoWork() : undefined;
  try {
    return await tell({ names, seed, isThroughNetwork }, virtualClock(BEGIN, work));
  } finally {
    work?.stop();
  }
}

async function tell(
  { names, seed, isThroughNetwork }: { names: number; seed: number; isThroughNetwork: boolean },
  clock: VirtualClock,
): Promise<ReplacementReport> {
  const storage = stirring(memoryStorage(), clock);
  const books = { told: Infinity, orders: 0, ordersThatReplace: 0, replaced: new Set<string>(), last: 0 };
  const host = simulatedHost(clock, storage, {
    write: () => undefined,
    note: (event) => {
      if (event.type !== 'certificate' || clock.now() < books.told) return;
      books.replaced.add(event.credential.names[0] ?? '');
      books.last = clock.now();
    },
  });
  const options = {
    ...{ clock, storage, host, random: seededRandom(seed), outages: [], hasRenewalInfo: true },
    lifetimeMs: () => 45 * DAY_MS,
    retryAfterMs: RETRY_AFTER_MS,
    // Those from before the word; they are dated back by an hour.
    window: ({ notBefore }: { readonly notBefore: number }) =>
      clock.now() < books.told || notBefore + HOUR_MS >= books.told
        ? undefined
        : { start: books.told - HOUR_MS, end: books.told - MINUTE_MS },
    tell: (what: string) => {
      if (clock.now() < books.told) return;
      books.orders += 1;
      if (what === 'order that replaces') books.ordersThatReplace += 1;
    },
  };
  const model = isThroughNetwork ? await networkIssuer(options) : await modelAuthority(options);
  const source = managedSource({
    ...{ name: 'model', storage, random: seededRandom(seed + 1) },
    issuer: 'issuer' in model ? model.issuer : model,
    names: Array.from({ length: names }, (_, index) => [`name-${index}-example.com`]),
  });
  await source.start?.(host);
  await clock.runUntil(BEGIN + SETTLED_MS);
  books.told = clock.now();
  await clock.runUntil(books.told + RETRY_AFTER_MS + HOUR_MS);
  await source.close?.();
  return {
    certificates: names,
    replaced: books.replaced.size,
    ...{ orders: books.orders, ordersThatReplace: books.ordersThatReplace },
    rateLimited: model.rateLimited.length,
    minutes: (books.last - books.told) / MINUTE_MS,
    mostMinutes: RETRY_AFTER_MS / MINUTE_MS + 10,
  };
}
