/**
 * What an authority has said of when an account may order again. It is said to one order and heeded by all of them: a
 * thousand certificates would ask, and be refused, a thousand times. Kept in storage, for restarts and other processes.
 */
import type { Clock } from '../clock.js';
import { TlsmithError } from '../errors.js';
import type { Storage } from '../storage/storage.js';

const FORMAT = 1;
const LONGEST_WORDS = 500;

/** Where it is kept. */
export interface OrderHoldOptions {
  readonly clock: Clock;
  readonly storage: Storage;
  readonly storageKey: string;
}

interface Hold {
  /** When it was said, milliseconds since the epoch. */
  readonly saidAt: number;
  /** Until when nobody is to order. */
  readonly until: number;
  /** Whether that is meant for renewals too, which authorities do not count. */
  readonly isForRenewals: boolean;
  /** What was said. */
  readonly words: string;
}

/** The hold on all orders of an account. */
export class OrderHold {
  readonly #options: OrderHoldOptions;
  #known: Hold | undefined;

  constructor(options: OrderHoldOptions) {
    this.#options = options;
  }

  /**
   * Lets an order pass.
   * @throws {@link TlsmithError} `ACME_RATE_LIMITED` with `retryAfter` while there is a hold on it
   */
  async pass(names: readonly string[], { isRenewal }: { readonly isRenewal: boolean }): Promise<void> {
    const { clock, storage, storageKey } = this.#options;
    const stored = await storage.get(storageKey).catch(() => undefined);
    const now = clock.now();
    const holds = [this.#known, stored === undefined ? undefined : decode(stored.bytes)]
      .filter((hold) => hold !== undefined)
      .map((hold) => rebased(hold, now))
      .filter(({ until, isForRenewals }) => until > now && (isForRenewals || !isRenewal));
    const [hold] = holds.sort((one, other) => other.until - one.until);
    if (hold !== undefined) throw waits(names, hold);
  }

  /** Keeps what an order was refused with, if that concerns the others too. */
  async note(error: TlsmithError): Promise<void> {
    const { clock, storage, storageKey } = this.#options;
    const { retryAfter, concernsAccount, problemType } = error;
    const saidAt = clock.now();
    if (concernsAccount !== true || typeof retryAfter !== 'number' || retryAfter <= saidAt) return;
    const isForRenewals = problemType !== 'rateLimited';
    const words = error.message.slice(0, LONGEST_WORDS);
    this.#known = { saidAt, until: retryAfter, isForRenewals, words };
    const bytes = new TextEncoder().encode(JSON.stringify({ format: FORMAT, ...this.#known }));
    // What cannot be stored is still remembered by this process.
    await storage.put(storageKey, bytes).catch(() => undefined);
  }
}

function waits(names: readonly string[], { until, words }: Hold): TlsmithError {
  return new TlsmithError(
    'ACME_RATE_LIMITED',
    `The order for ${names.join(', ')} waits until ${new Date(until).toISOString()}, because of what another order was told: ${words}`,
    {
      names,
      retryAfter: until,
      isPostponement: true,
      hint: 'Nothing is wrong with these names, and nobody was asked. It is ordered by itself when the time has come.',
    },
  );
}

/** One from the future was written by a clock that was ahead. */
function rebased(hold: Hold, now: number): Hold {
  const aheadMs = Math.max(0, hold.saidAt - now);
  return { ...hold, until: hold.until - aheadMs };
}

/** Whatever is not understood is no hold. */
function decode(bytes: Uint8Array): Hold | undefined {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown> | null;
    const { format, saidAt, until, isForRenewals, words } = value ?? {};
    if (format !== FORMAT || !Number.isFinite(saidAt) || !Number.isFinite(until)) return undefined;
    const instants = { saidAt: Number(saidAt), until: Number(until) };
    return { ...instants, isForRenewals: isForRenewals === true, words: String(words) };
  } catch {
    return undefined;
  }
}
