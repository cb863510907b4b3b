/**
 * A year in the life of a server with many names, in a minute: source, scheduler, ladder, budget and storage are the
 * library's own; the clock, and the certificate authority with its network, are models.
 */
import { createHash } from 'node:crypto';
import { type ManagedSource, managedSource } from '../../src/issuance/managed-source.js';
import type { SourceEvent } from '../../src/sources/certificate-source.js';
import { memoryStorage } from '../../src/storage/memory-storage.js';
import type { Issuer } from '../../src/issuance/issuer.js';
import type { Storage } from '../../src/storage/storage.js';
import { cryptoWork } from './crypto-work.js';
import { networkIssuer } from './network-issuer.js';
import { type ModelAuthority, modelAuthority, type Outage } from './model-authority.js';
import { type SimulatedHost, simulatedHost, stirring } from './simulated-host.js';
import { seededRandom } from './seeded-random.js';
import { type VirtualClock, virtualClock } from './virtual-clock.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Let's Encrypt's profiles `shortlived` and `tlsserver`. */
const SIX_DAYS_MS = 160 * HOUR_MS;
const FORTY_FIVE_DAYS_MS = 45 * DAY_MS;
/** How often what is served is looked at besides. */
const LOOK_MS = DAY_MS;
const BEGIN = Date.UTC(2027, 0, 1);

/** What is simulated. */
export interface YearOptions {
  readonly sixDayNames: number;
  readonly fortyFiveDayNames: number;
  readonly days: number;
  readonly seed: number;
  /** Hours, each at a time of its own. */
  readonly outages: readonly number[];
  readonly hasRenewalInfo: boolean;
  /** Half of the names come within so many days, the others are there from the beginning; 10 by default. */
  readonly arrivalDays?: number;
  /**
   * Whether the ACME client takes part as well, and only the network is a model. Such a year takes ten times as long, and
   * since keys and signatures are made on other threads, no two of them pass in the same order.
   */
  readonly isThroughNetwork?: boolean;
}

/** What came of it. */
export interface YearReport {
  readonly names: number;
  readonly orders: number;
  readonly certificates: number;
  readonly ordersPerCertificate: number;
  readonly unreachable: number;
  readonly postponed: number;
  readonly renewalInfo: number;
  readonly rateLimited: readonly string[];
  /** Virtual minutes, over all names, in which what served had expired. */
  readonly expiredMinutes: number;
  /** The least that was left of a certificate when its successor served, as a share of its lifetime. */
  readonly leastLeft: number;
  /** When the last name had its first certificate, in hours. */
  readonly allServedAfterHours: number;
  /** Names that never had one. */
  readonly neverServed: number;
  /** A digest of all that happened, and when. */
  readonly trace: string;
  readonly realMs: number;
}

/** Simulates it. */
export async function simulateYear(options: YearOptions): Promise<YearReport> {
  const work = options.isThroughNetwork === true ? cryptoWork() : undefined;
  try {
    return await simulate(options, virtualClock(BEGIN, work));
  } finally {
    work?.stop();
  }
}

async function simulate(options: YearOptions, clock: VirtualClock): Promise<YearReport> {
  const began = performance.now();
  const storage = stirring(memoryStorage(), clock);
  const record = new Record_(clock);
  const host = simulatedHost(clock, storage, record);
  const names = [
    ...Array.from({ length: options.sixDayNames }, (_, index) => `short-${index}-example.com`),
    ...Array.from({ length: options.fortyFiveDayNames }, (_, index) => `long-${index}-example.com`),
  ];
  const authority = await authorityFor(options, { clock, storage, host, record });
  const source = managedSource({
    name: 'model',
    issuer: authority.issuer,
    names: names.filter((_, index) => index % 2 === 0).map((name) => [name]),
    storage,
    random: seededRandom(options.seed + 1),
  });
  await source.start?.(host);
  const arrival = seededRandom(options.seed + 2);
  for (const name of names.filter((_, index) => index % 2 === 1)) {
    clock.setTimeout(() => void source.manage([name]), arrival() * (options.arrivalDays ?? 10) * DAY_MS);
  }
  const end = BEGIN + options.days * DAY_MS;
  for (let now = BEGIN; now < end; now += LOOK_MS) {
    await clock.runUntil(Math.min(now + LOOK_MS, end));
    record.lookAt(source);
  }
  await source.close?.();
  return reportOf(record, authority, { names: names.length, realMs: performance.now() - began });
}

interface Authority {
  readonly issuer: Issuer;
  readonly counts: ModelAuthority['counts'];
  readonly rateLimited: readonly string[];
}

async function authorityFor(
  options: YearOptions,
  { clock, storage, host, record }: World,
): Promise<Authority> {
  const { hasRenewalInfo } = options;
  const shared = {
    ...{ clock, hasRenewalInfo, random: seededRandom(options.seed), outages: outagesOf(options) },
    lifetimeMs: (name: string) => (name.startsWith('short') ? SIX_DAYS_MS : FORTY_FIVE_DAYS_MS),
    tell: (what: string, name: string) => {
      record.write(what, name);
    },
  };
  if (options.isThroughNetwork === true) return networkIssuer({ ...shared, storage, host });
  const authority = await modelAuthority({ ...shared, storage });
  return { issuer: authority, counts: authority.counts, rateLimited: authority.rateLimited };
}

interface World {
  readonly clock: VirtualClock;
  readonly storage: Storage;
  readonly host: SimulatedHost;
  readonly record: Record_;
}

/** In the middle of equal parts of the time, so that certificates are back in step between them. */
function outagesOf({ outages, days }: YearOptions): readonly Outage[] {
  const partMs = (days * DAY_MS) / Math.max(1, outages.length);
  return outages.map((hours, index) => {
    const from = BEGIN + Math.round((index + 0.5) * partMs);
    return { from, until: from + hours * HOUR_MS };
  });
}

/** What has happened, judged by what was served. */
class Record_ {
  readonly #clock: VirtualClock;
  readonly #trace = createHash('sha256');
  readonly #servedUntil = new Map<string, number>();
  expiredMs = 0;
  leastLeft = 1;
  allServedAt = BEGIN;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  get trace(): string {
    return this.#trace.copy().digest('hex');
  }

  get served(): number {
    return this.#servedUntil.size;
  }

  write(what: string, name: string): void {
    this.#trace.update(`${this.#clock.now()} ${what} ${name}\n`);
  }

  note(event: SourceEvent): void {
    const now = this.#clock.now();
    if (event.type === 'failed') {
      this.write(`failed ${event.attempt}, next ${event.nextAttempt ?? 'never'}`, event.names.join(' '));
      return;
    }
    const { credential, previous } = event;
    const [name = ''] = credential.names;
    this.write(event.action, name);
    if (previous === undefined) this.allServedAt = Math.max(this.allServedAt, now);
    else {
      this.expiredMs += Math.max(0, now - previous.notAfter);
      const share = (previous.notAfter - now) / (previous.notAfter - previous.notBefore);
      this.leastLeft = Math.min(this.leastLeft, share);
    }
    this.#servedUntil.set(name, credential.notAfter);
  }

  /** What the source has at hand, against what it told; and whether that is in date. */
  lookAt(source: ManagedSource): void {
    const now = this.#clock.now();
    for (const { names, notAfter } of source.list?.() ?? []) {
      if (this.#servedUntil.get(names[0] ?? '') !== notAfter)
        throw new Error(`${names[0] ?? ''} serves something that nobody was told of`);
      if (notAfter <= now) this.expiredMs += Math.min(LOOK_MS, now - notAfter);
    }
  }
}

function reportOf(
  record: Record_,
  { counts, rateLimited }: Authority,
  { names, realMs }: { names: number; realMs: number },
): YearReport {
  const { orders, certificates } = counts;
  return {
    ...{ names, ...counts, rateLimited, realMs },
    ordersPerCertificate: orders / certificates,
    expiredMinutes: Math.ceil(record.expiredMs / MINUTE_MS),
    leastLeft: record.leastLeft,
    allServedAfterHours: (record.allServedAt - BEGIN) / HOUR_MS,
    neverServed: names - record.served,
    trace: record.trace,
  };
}
