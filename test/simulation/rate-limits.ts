/**
 * Let's Encrypt's limits (letsencrypt.org/docs/rate-limits, August 2026) as buckets of tokens. Written from its
 * documentation, without a line of the library.
 */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

interface Bucket {
  readonly size: number;
  /** One token comes back in so many milliseconds. */
  readonly refillMs: number;
}

const BUCKETS = {
  newAccountsPerAddress: { size: 10, refillMs: 18 * MINUTE_MS },
  newOrdersPerAccount: { size: 300, refillMs: 36 * SECOND_MS },
  certificatesPerRegisteredDomain: { size: 50, refillMs: 202 * MINUTE_MS },
  certificatesPerExactSet: { size: 5, refillMs: 34 * HOUR_MS },
  failedAuthorizations: { size: 5, refillMs: 12 * MINUTE_MS },
  directoryRequests: { size: 40, refillMs: SECOND_MS / 40 },
  newNonceRequests: { size: 20, refillMs: SECOND_MS / 20 },
  newAccountRequests: { size: 5, refillMs: SECOND_MS / 5 },
  newOrderRequests: { size: 300, refillMs: SECOND_MS / 300 },
  renewalInfoRequests: { size: 1_000, refillMs: SECOND_MS / 1_000 },
  otherRequests: { size: 250, refillMs: SECOND_MS / 250 },
} satisfies Record<string, Bucket>;

/** What is limited. */
export type LimitName = keyof typeof BUCKETS;

/** All limits, as far as they are used up. */
export class RateLimits {
  /** By limit and whom it concerns: when its bucket is full again. */
  readonly #fullAt = new Map<string, number>();

  /**
   * Takes a token for each of `wanted`, or none.
   * @returns undefined, or which limit is exceeded and until when
   */
  take(
    wanted: readonly (readonly [limit: LimitName, whom: string])[],
    now: number,
  ): { readonly limit: LimitName; readonly retryAfter: number } | undefined {
    for (const [limit, whom] of wanted) {
      const { size, refillMs } = BUCKETS[limit];
      const available = this.#fullFrom(limit, whom, now) - (size - 1) * refillMs;
      if (available > now) return { limit, retryAfter: Math.ceil(available) };
    }
    for (const [limit, whom] of wanted) {
      this.#fullAt.set(`${limit} ${whom}`, this.#fullFrom(limit, whom, now) + BUCKETS[limit].refillMs);
    }
    return undefined;
  }

  #fullFrom(limit: LimitName, whom: string, now: number): number {
    return Math.max(now, this.#fullAt.get(`${limit} ${whom}`) ?? 0);
  }
}
