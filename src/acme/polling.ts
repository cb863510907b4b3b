/** Asking again until something is decided: at once, then ever more slowly, and never sooner than the authority wants. */
import { type Clock, delay } from '../clock.js';
import { isTlsmithError } from '../errors.js';
import type { Answer } from './client.js';

const FIRST_WAIT_MS = 25;
const LONGEST_WAIT_MS = 5_000;
/** Until here each wait is twice the one before: an authority that is near decides within milliseconds. */
const BRIEF_WAIT_MS = 100;
const BRIEF_GROWTH = 2;
const GROWTH = 1.5;
/** An authority that wants to be asked later than this is asked by the next attempt. */
const LONGEST_RETRY_AFTER_MS = 30_000;
/** A single broken connection must not cost an order. */
const MOST_FAULTS_IN_A_ROW = 5;
const PASSING = new Set(['ACME_UNREACHABLE', 'ACME_SERVER_ERROR', 'ACME_RATE_LIMITED']);

/** How long, and for whom. */
export interface PollOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly limitMs: number;
  /**
   * How long to wait before the first question, in milliseconds; nothing is decided sooner.
   * @defaultValue 25
   */
  readonly firstWaitMs?: number;
}

/** The resource once `isDecided`; undefined when that took longer than the limit. Rejects when asking keeps failing. */
export async function poll<Resource>(
  ask: () => Promise<Answer<Resource>>,
  isDecided: (resource: Resource) => boolean,
  { clock, signal, limitMs, firstWaitMs = FIRST_WAIT_MS }: PollOptions,
): Promise<Resource | undefined> {
  const deadline = clock.now() + limitMs;
  let faults = 0;
  for (let waitMs = firstWaitMs; ; waitMs = nextWaitMs(waitMs)) {
    await delay(clock, waitMs, signal);
    let retryAfterMs: number;
    try {
      const answer = await ask();
      if (isDecided(answer.resource)) return answer.resource;
      faults = 0;
      retryAfterMs = Math.min(answer.retryAfterMs, LONGEST_RETRY_AFTER_MS);
    } catch (error) {
      faults += 1;
      // What breaks a connection takes longer to pass than a decision.
      waitMs = Math.max(waitMs, BRIEF_WAIT_MS);
      retryAfterMs = passingFaultMs(error, clock.now());
      if (faults > MOST_FAULTS_IN_A_ROW || retryAfterMs > LONGEST_RETRY_AFTER_MS) throw error;
    }
    if (clock.now() >= deadline) return undefined;
    if (retryAfterMs > waitMs) await delay(clock, retryAfterMs - waitMs, signal);
  }
}

function nextWaitMs(waitMs: number): number {
  const growth = waitMs < BRIEF_WAIT_MS ? BRIEF_GROWTH : GROWTH;
  return Math.min(Math.max(waitMs * growth, FIRST_WAIT_MS), LONGEST_WAIT_MS);
}

/** How long a fault wants to be waited for, in milliseconds; infinity when it does not pass. */
function passingFaultMs(error: unknown, now: number): number {
  if (!isTlsmithError(error) || !PASSING.has(error.code)) return Infinity;
  const retryAfter = error['retryAfter'];
  return typeof retryAfter === 'number' ? retryAfter - now : 0;
}
