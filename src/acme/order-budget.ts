/**
 * Keeps below the number of new orders that an authority takes from one account, so that it never has to refuse one: a
 * thousand names that are configured together are ordered over some hours. Kept in storage, because the authority
 * remembers through a restart. Renewals need no leave: authorities do not count them.
 */
import type { Clock } from '../clock.js';
import { TlsmithError } from '../errors.js';
import type { Storage } from '../storage/storage.js';

const FORMAT = 1;
/** What is left to what this process does not know of: other processes, orders that were refused. */
const SHARE = 0.9;

/** A bucket: so many at once, and then one more each time so many milliseconds have passed. */
export interface OrderLimit {
  readonly burst: number;
  readonly refillMs: number;
}

/** By host of the directory, as letsencrypt.org/docs/rate-limits has them. */
const KNOWN_LIMITS: Readonly<Record<string, OrderLimit>> = {
  'acme-v02.api.letsencrypt.org': { burst: 300, refillMs: 36_000 },
  'acme-staging-v02.api.letsencrypt.org': { burst: 1_500, refillMs: 7_200 },
};

/** The limit of the authority with this directory; undefined when nothing is known of one. */
export function knownOrderLimit(directoryUrl: string): OrderLimit | undefined {
  const { hostname } = new URL(directoryUrl);
  return Object.hasOwn(KNOWN_LIMITS, hostname) ? KNOWN_LIMITS[hostname] : undefined;
}

/** Where the account of what was ordered is kept. */
export interface OrderBudgetOptions {
  readonly clock: Clock;
  readonly storage: Storage;
  readonly storageKey: string;
  readonly limit: OrderLimit;
}

/** What is left of a limit on orders. */
export class OrderBudget {
  readonly #options: OrderBudgetOptions;
  readonly #burst: number;
  readonly #refillMs: number;
  /** When the bucket will be full again, as this process knows. */
  #fullAt = 0;
  /** When the last of those who were sent away has his turn. */
  #lastTurn = 0;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: OrderBudgetOptions) {
    const { burst, refillMs } = options.limit;
    this.#options = options;
    this.#burst = Math.max(1, Math.floor(burst * SHARE));
    this.#refillMs = refillMs / SHARE;
  }

  /**
   * Takes one order out.
   * @throws {@link TlsmithError} `ACME_RATE_LIMITED` with `retryAfter`, each time another: no two have the same turn
   */
  take(names: readonly string[]): Promise<void> {
    const taken = this.#queue.then(() => this.#take(names));
    this.#queue = taken.catch(() => undefined);
    return taken;
  }

  async #take(names: readonly string[]): Promise<void> {
    const { clock, storage, storageKey } = this.#options;
    const stored = await storage.get(storageKey).catch(() => undefined);
    const now = clock.now();
    // More than a full bucket ahead was written by a clock that was wrong.
    const longestMs = this.#burst * this.#refillMs;
    const fullAt = Math.min(
      Math.max(now, this.#fullAt, stored === undefined ? 0 : decode(stored.bytes)),
      now + longestMs,
    );
    const turn = fullAt - (this.#burst - 1) * this.#refillMs;
    if (turn > now) throw this.#notYet(names, turn);
    this.#fullAt = fullAt + this.#refillMs;
    const bytes = new TextEncoder().encode(JSON.stringify({ format: FORMAT, fullAt: this.#fullAt }));
    // Of two processes that write at the same time one is forgotten: for that a share is left.
    await storage.put(storageKey, bytes).catch(() => undefined);
  }

  #notYet(names: readonly string[], turn: number): TlsmithError {
    this.#lastTurn = Math.max(turn, this.#lastTurn + this.#refillMs);
    const { burst, refillMs } = this.#options.limit;
    const hours = Math.round((burst * refillMs) / 3_600_000);
    return new TlsmithError(
      'ACME_RATE_LIMITED',
      `The order for ${names.join(', ')} waits until ${new Date(this.#lastTurn).toISOString()}: the certificate authority takes ${burst} new orders in ${hours} hours from one account.`,
      {
        names,
        retryAfter: this.#lastTurn,
        isPostponement: true,
        hint: 'Nothing is wrong, and nobody was asked. Certificates that exist already are renewed without waiting.',
      },
    );
  }
}

function decode(bytes: Uint8Array): number {
  try {
    const { format, fullAt } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    return format === FORMAT && typeof fullAt === 'number' && Number.isFinite(fullAt) ? fullAt : 0;
  } catch {
    return 0;
  }
}
