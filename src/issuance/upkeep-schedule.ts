/** When a managed certificate needs something done, from all that is known of it. Pure. */
import type { FailureRecord } from './failure-record.js';
import { earliestRenewal, type RenewalInstant, renewalInstant, type Validity } from './renewal-schedule.js';
import type { StoredGeneration } from './stored-generation.js';

const LONGEST_REST_MS = 3_600_000;
const SHARE_OF_LIFETIME_AT_REST = 1 / 20;

/** What the decision rests on. */
export interface UpkeepFacts {
  /** The generation that serves, or is about to. */
  readonly generation: StoredGeneration | undefined;
  /** The failures in a row. */
  readonly failure: FailureRecord | undefined;
  /** When the issuer wants it to be renewed, if it has said so. */
  readonly advised?: RenewalInstant | undefined;
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
export function nextAttemptDue({ generation, failure, rules, advised }: UpkeepFacts, now: number): number {
  if (failure?.isHeld === true) return Infinity;
  if (failure !== undefined) return failure.nextAttempt;
  if (generation === undefined) return 0;
  if (advised === undefined) return renewalDue(generation, rules, now);
  const { at } = plannedRenewal(generation.credential, rules, advised);
  return Math.max(at, earliestAdvisedRenewal(generation));
}

/**
 * When a certificate will be renewed, and why: when its issuer says, but never in the last 1/20 of its lifetime, and
 * never later than the user has asked for; without a word of the issuer's by its lifetime.
 */
export function plannedRenewal(
  validity: Validity,
  { fractionLeft }: UpkeepRules,
  advised: RenewalInstant | undefined,
): RenewalInstant {
  if (advised === undefined) return renewalInstant(validity, fractionLeft);
  const latest = renewalInstant(validity, fractionLeft ?? 0);
  return advised.at <= latest.at ? advised : latest;
}

/** An issuer that wants every new certificate replaced at once must not be asked in a loop. */
function earliestAdvisedRenewal({ credential, issuedAt }: StoredGeneration): number {
  const lifetimeMs = credential.notAfter - credential.notBefore;
  const restMs = Math.min(LONGEST_REST_MS, lifetimeMs * SHARE_OF_LIFETIME_AT_REST);
  return Math.max(issuedAt + restMs, earliestRenewal(credential, issuedAt));
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
