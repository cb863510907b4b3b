/**
 * When a failed issuance is tried again. Pure: facts in, instant out.
 * The ladder: 1, 2, 2, 5, 10, 20, 30 minutes, 1, 2, 3, 6 hours, then every 6 hours, after 30 days daily, for ever.
 */
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const LADDER_MS: readonly number[] = [
  ...[1, 2, 2, 5, 10, 20, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 6].map((hours) => hours * HOUR_MS),
];
const TOP_RUNG_MS = 6 * HOUR_MS;
const DAILY_AFTER_MS = 30 * DAY_MS;
const JITTER = 0.1;
const SHORTEST_STEP_MS = 5 * SECOND_MS;
const SHARE_OF_LIFETIME_LEFT = 1 / 10;

/** What decides about the next attempt. Instants are milliseconds since the epoch. */
export interface RetryFacts {
  /** Now. */
  readonly now: number;
  /** Failed attempts in a row, this one included. */
  readonly attempts: number;
  /** When the first attempt of the row failed. */
  readonly failingSince: number;
  /** The end of the certificate that serves meanwhile; absent when there is none. */
  readonly liveUntil?: number;
  /** The earliest instant the issuer allows. */
  readonly retryAfter?: number;
  /** Whether no retry can mend the failure by itself: then once a day. */
  readonly isPermanent: boolean;
}

/**
 * When to try again: the rung of the ladder with ±10 % jitter, at most 1/10 of the time the live certificate has
 * left, at least 5 seconds, and never before the issuer's `retryAfter`.
 *
 * @param random - a number in [0, 1)
 */
export function nextAttemptAt(facts: RetryFacts, random: number): number {
  const { now, liveUntil, retryAfter } = facts;
  const jittered = rungMs(facts) * (1 - JITTER + 2 * JITTER * random);
  // One that has expired leaves nothing to save: without this it would be tried every 5 seconds from then on.
  const leftMs = liveUntil !== undefined && liveUntil > now ? liveUntil - now : Infinity;
  const stepMs = Math.max(SHORTEST_STEP_MS, Math.min(jittered, leftMs * SHARE_OF_LIFETIME_LEFT));
  return Math.round(Math.max(now + stepMs, retryAfter ?? 0));
}

function rungMs({ attempts, failingSince, now, isPermanent }: RetryFacts): number {
  if (isPermanent || now - failingSince >= DAILY_AFTER_MS) return DAY_MS;
  return LADDER_MS[Math.max(0, attempts - 1)] ?? TOP_RUNG_MS;
}
