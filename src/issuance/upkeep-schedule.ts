/** When a managed certificate needs something done, from all that is known of it. Pure. */
import type { FailureRecord } from './failure-record.js';
import { earliestRenewal, lookIntervalMs, renewalInstant } from './renewal-schedule.js';
import type { StoredGeneration } from './stored-generation.js';

/** What the decision rests on. */
export interface UpkeepFacts {
  /** The generation that serves, or is about to. */
  readonly generation: StoredGeneration | undefined;
  /** The failures in a row. */
  readonly failure: FailureRecord | undefined;
  /** The rules that hold for every certificate of the source. */
  readonly rules: UpkeepRules;
}

/** What holds for every certificate of a source. */
export interface UpkeepRules {
  /** Renew when this share of the lifetime is left; undefined for the default rule. */
  readonly fractionLeft: number | undefined;
  /** Whether the issuer dates certificates by this machine's clock. */
  readonly isLocal: boolean;
}

/** When the next attempt is due at `now`, milliseconds since the epoch; 0 when it is overdue by any measure. */
export function nextAttemptDue({ generation, failure, rules }: UpkeepFacts, now: number): number {
  if (failure !== undefined) return failure.nextAttempt;
  return generation === undefined ? 0 : renewalDue(generation, rules, now);
}

/** When this generation is to be renewed, seen from `now`. */
export function renewalDue(
  { credential, issuedAt }: StoredGeneration,
  rules: UpkeepRules,
  now: number,
): number {
  // Dated by a clock that was ahead and has been set back. From a remote issuer the same sight means that this
  // machine's clock is wrong, and ordering again would change nothing.
  if (rules.isLocal && now < credential.notBefore) return 0;
  const { at } = renewalInstant(credential, rules.fractionLeft);
  return issuedAt > now ? at : Math.max(at, earliestRenewal(credential, issuedAt));
}

/** How long to wait before looking again: until `dueAt`, but never longer than the look interval. */
export function waitBeforeLook(dueAt: number, generation: StoredGeneration | undefined, now: number): number {
  return Math.max(0, Math.min(dueAt - now, lookIntervalMs(generation?.credential)));
}
