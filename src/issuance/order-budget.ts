/**
 * How many orders names that nobody knew beforehand may cause: so many an hour for one name, so many new names a week
 * for one registered domain. Kept in storage, so that neither restarts nor further processes make it more.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../clock.js';
import { codeOf, TlsmithError } from '../errors.js';
import type { Storage, StoredValue } from '../storage/storage.js';
import { registeredDomain } from './registered-domain.js';

const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;
const FORMAT = 1;
/** Others may write at the same time. */
const TRIES = 20;

/** What the budget is, and where it is kept. */
export interface BudgetOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  /** The prefix of its keys. */
  readonly prefix: string;
  readonly ordersPerName: number;
  readonly namesPerDomain: number;
}

/** By name, the instants of its orders. */
type Spent = Readonly<Record<string, readonly number[]>>;

/** The budget. */
export class OrderBudget {
  readonly #options: BudgetOptions;

  constructor(options: BudgetOptions) {
    this.#options = options;
  }

  /**
   * Takes one order for `name` out of it.
   * @throws {@link TlsmithError} `ON_DEMAND_BUDGET_SPENT` with `retryAfter` when nothing is left
   */
  async spend(name: string): Promise<void> {
    const domain = (await registeredDomain(name)) ?? name;
    const key = `${this.#options.prefix}${createHash('sha256').update(domain).digest('hex').slice(0, 40)}`;
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#spendOnce(key, { name, domain });
        return;
      } catch (error) {
        if (codeOf(error) !== 'STORAGE_VERSION_CONFLICT' || tries >= TRIES) throw error;
      }
    }
  }

  async #spendOnce(key: string, { name, domain }: { name: string; domain: string }): Promise<void> {
    const { storage, clock, ordersPerName, namesPerDomain } = this.#options;
    const now = clock.now();
    const value = await this.#stored(key);
    const spent = recent(value, now);
    const own = spent[name] ?? [];
    const lastHour = own.filter((at) => at > now - HOUR_MS);
    const [oldest = now] = lastHour.slice(-ordersPerName);
    if (lastHour.length >= ordersPerName) throw isSpent(`${name} within an hour`, oldest + HOUR_MS);
    const others = Object.entries(spent).filter(([other]) => other !== name);
    if (own.length === 0 && others.length >= namesPerDomain) {
      const first = Math.min(...others.map(([, instants]) => Math.max(...instants)));
      throw isSpent(`new names of ${domain} within a week`, first + WEEK_MS);
    }
    const record = { format: FORMAT, spent: { ...spent, [name]: [...lastHour, now] } };
    const bytes = new TextEncoder().encode(JSON.stringify(record));
    await storage.put(key, bytes, { ifVersion: value?.version ?? null });
  }

  /** One that is damaged is written anew: it is an aid against excess, and no reason to order nothing any more. */
  async #stored(key: string): Promise<StoredValue | undefined> {
    try {
      return await this.#options.storage.get(key);
    } catch (error) {
      if (codeOf(error) !== 'STORAGE_CORRUPT') throw error;
      await this.#options.storage.delete(key);
      return undefined;
    }
  }
}

function recent(value: StoredValue | undefined, now: number): Spent {
  if (value === undefined) return {};
  const entries = Object.entries(decode(value.bytes)).map(([name, instants]) => {
    // An instant in the future was written by a clock that was ahead.
    return [name, instants.filter((at) => at > now - WEEK_MS && at <= now)] as const;
  });
  return Object.fromEntries(entries.filter(([, instants]) => instants.length > 0));
}

function decode(bytes: Uint8Array): Spent {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as { format?: unknown; spent?: unknown } | null;
    if (value?.format !== FORMAT || typeof value.spent !== 'object' || value.spent === null) return {};
    const entries = Object.entries(value.spent).filter(
      ([, instants]) => Array.isArray(instants) && instants.every(Number.isFinite),
    );
    return Object.fromEntries(entries);
  } catch {
    return {};
  }
}

function isSpent(what: string, retryAfter: number): TlsmithError {
  return new TlsmithError('ON_DEMAND_BUDGET_SPENT', `No more certificates are ordered for ${what}.`, {
    retryAfter,
    hint: 'Raise `onDemand.ordersPerName` or `onDemand.namesPerDomain` if these are names of yours; the limits of the certificate authority stay.',
  });
}
