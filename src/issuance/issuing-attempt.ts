/**
 * One attempt to get a certificate, from the lock to the stored generation. It says what happened and never
 * rejects; when the next attempt is due, and what is served, is the keeper's business.
 */
import { setMaxListeners } from 'node:events';
import type { Clock } from '../clock.js';
import { type Credential, isInDate } from '../credential/credential.js';
import { TlsmithError } from '../errors.js';
import type { Lease } from '../storage/storage.js';
import { settledOrAborted } from './abortable.js';
import type { CertificateStore, StoredState } from './certificate-store.js';
import {
  asIssuanceError,
  type FailureRecord,
  rebased,
  recordFailure,
  recordPostponement,
} from './failure-record.js';
import { isNotOlder, isOutOfDate, proveIssued } from './issued-proof.js';
import type { Issued, IssueRequest } from './issuer.js';
import type { RandomShare } from './random-share.js';
import type { Slots } from './slots.js';
import type { StoredGeneration } from './stored-generation.js';

/** How long one issuance may take; a hanging issuer must not keep the lock from other processes for ever. */
const LONGEST_ISSUANCE_MS = 900_000;
/** How long an issuer may clean up after it was told to stop. */
const CLEAN_UP_MS = 5_000;
/** How long a slot is spent on waiting for another process, before other certificates have their turn. */
const FIRST_LOCK_WAIT_MS = 5_000;
/**
 * How long is waited, in a slot for waiting alone, for one that was busy before. Whether its holder has died shows only
 * to somebody who watches it for as long as a lease lives.
 */
const NEXT_LOCK_WAIT_MS = 60_000;
/** How long a certificate is tried again that is out of date by the clock, before another one is ordered. */
const LONGEST_HELD_MS = 86_400_000;

/** What attempts for one certificate work with. */
export interface AttemptTools {
  /** The names to get one certificate for. */
  readonly names: readonly string[];
  /** Where it is stored. */
  readonly store: CertificateStore;
  /** The clock. */
  readonly clock: Clock;
  /** The limit on issuances at the same time. */
  readonly slots: Slots;
  /** For the jitter between attempts. */
  readonly random: RandomShare;
  /** The limit on waiting at the same time for processes that may have died. */
  readonly waitingSlots: Slots;
  /** Asks the issuer. */
  issue(request: IssueRequest): Promise<Issued>;
  /** Whether this generation is to be renewed now. */
  isDue(generation: StoredGeneration): boolean;
  /** Aborted when the source closes. */
  readonly signal: AbortSignal;
}

/** What an attempt starts from. */
export interface Situation {
  /** What serves now. */
  readonly live: Credential | undefined;
  /** Who has issued it, if not the issuer that will be asked. */
  readonly liveIssuer?: string | undefined;
  /** The failures in a row so far. */
  readonly failure: FailureRecord | undefined;
  /** Whether somebody asked for it: then neither a good certificate nor the ladder is a reason not to try. */
  readonly isForced: boolean;
}

/** What came of an attempt. */
export type Outcome =
  | { readonly kind: 'issued' | 'adopted'; readonly generation: StoredGeneration }
  | { readonly kind: 'failed'; readonly error: TlsmithError; readonly failure: FailureRecord }
  /** Nobody was asked: another process failed meanwhile and its next attempt is ours too, or it is not time yet. */
  | { readonly kind: 'postponed'; readonly failure: FailureRecord }
  /** Another process is at it. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'closed' };

/** Makes the attempts for one certificate, one at a time across all processes on the storage. */
export class IssuingAttempts {
  readonly #tools: AttemptTools;
  /** Issued, but storage refused it: stored by the next attempt instead of ordering another one. */
  #unstored: StoredGeneration | undefined;
  /** Issued, but out of date by this machine's clock, which may be mended: until then another one would be no better. */
  #undated: { readonly issued: Issued; readonly at: number } | undefined;
  /** Whether another process was at it when this one last tried. */
  #wasBusy = false;

  constructor(tools: AttemptTools) {
    this.#tools = tools;
  }

  /** Makes one attempt. */
  async attempt(situation: Situation): Promise<Outcome> {
    const { slots, signal, waitingSlots } = this.#tools;
    try {
      if (!this.#wasBusy) {
        return await slots.run(signal, async () => {
          const lease = await this.#lock(FIRST_LOCK_WAIT_MS);
          return this.#underLock(lease, situation);
        });
      }
      const lease = await waitingSlots.run(signal, () => this.#lock(NEXT_LOCK_WAIT_MS));
      return await this.#inSlot(lease, situation);
    } catch (error) {
      return this.#failed(error, situation);
    }
  }

  async #inSlot(lease: Lease | undefined, situation: Situation): Promise<Outcome> {
    const { slots, signal } = this.#tools;
    try {
      return await slots.run(signal, () => this.#underLock(lease, situation));
    } finally {
      await lease?.release().catch(() => undefined);
    }
  }

  async #underLock(lease: Lease | undefined, situation: Situation): Promise<Outcome> {
    this.#wasBusy = lease === undefined;
    if (lease === undefined) return { kind: 'busy' };
    try {
      return await this.#withLease(lease, situation);
    } finally {
      await lease.release().catch(() => undefined);
    }
  }

  async #lock(longestMs: number): Promise<Lease | undefined> {
    const { clock, store, signal } = this.#tools;
    const patience = new AbortController();
    const timer = clock.setTimeout(() => {
      patience.abort(new Error('Another process holds the lock.'));
    }, longestMs);
    try {
      return await store.lock(AbortSignal.any([signal, patience.signal]));
    } catch (error) {
      if (patience.signal.aborted && !signal.aborted) return undefined;
      throw error;
    } finally {
      clock.clearTimeout(timer);
    }
  }

  async #withLease(lease: Lease, situation: Situation): Promise<Outcome> {
    const { store } = this.#tools;
    let before = situation;
    try {
      // Another process may have renewed, or failed, while this one waited for its time or for the lock.
      const stored = await store.read();
      const failure = this.#failureElsewhere(stored, situation);
      if (failure !== undefined) before = { ...situation, failure };
      const settled = this.#settledElsewhere(stored, { ...situation, failure });
      if (settled !== undefined) return settled;
      const generation = await this.#obtain(stored, before, lease);
      this.#unstored = generation;
      await store.save({ ...generation, names: this.#tools.names }, lease);
      this.#unstored = undefined;
      // The success is on disk already, and outdates a failure record that is left behind.
      await store.clearFailure(lease).catch(() => undefined);
      return { kind: 'issued', generation };
    } catch (error) {
      return this.#failed(error, before, lease);
    }
  }

  /** The stored failure, unless it is the one this process knows (and may have moved with the clock). */
  #failureElsewhere({ failure }: StoredState, situation: Situation): FailureRecord | undefined {
    if (failure === undefined || failure.attempts === situation.failure?.attempts) return undefined;
    return rebased(failure, this.#tools.clock.now());
  }

  #settledElsewhere(stored: StoredState, { live, failure, isForced }: Situation): Outcome | undefined {
    const { generation } = stored;
    if (generation !== undefined && this.#isSuccessor(generation, live))
      return { kind: 'adopted', generation };
    if (failure === undefined) return undefined;
    const earliest = isForced ? (failure.retryAfter ?? 0) : failure.nextAttempt;
    return earliest > this.#tools.clock.now() ? { kind: 'postponed', failure } : undefined;
  }

  #isSuccessor(generation: StoredGeneration, live: Credential | undefined): boolean {
    const now = this.#tools.clock.now();
    const { credential } = generation;
    if (generation.isRevoked === true) return false;
    if (!isInDate(credential, now) || this.#tools.isDue(generation)) return false;
    if (live === undefined) return true;
    return credential.id !== live.id && (!isInDate(live, now) || isNotOlder(credential, live));
  }

  async #obtain(stored: StoredState, situation: Situation, lease: Lease): Promise<StoredGeneration> {
    const { live, liveIssuer, failure, isForced } = situation;
    const { clock, names } = this.#tools;
    const unstored = this.#unstored;
    if (unstored !== undefined && this.#isSuccessor(unstored, live)) return unstored;
    const revoked = stored.generation?.isRevoked === true ? stored.generation.credential : undefined;
    // A stand-in for what is revoked is nobody's predecessor any more.
    const isStored = live === undefined || revoked !== undefined;
    const previous = isStored ? stored.generation?.credential : live;
    const previousIssuer = isStored ? stored.generation?.issuerId : liveIssuer;
    const issued =
      this.#heldForItsDates() ??
      (await this.#issue(lease, {
        ...(previous === undefined ? {} : { previous }),
        ...(previousIssuer === undefined ? {} : { previousIssuer }),
        ...(revoked === undefined ? {} : { revoked }),
        failures: failure?.attempts ?? 0,
        ...(isForced ? { isForced } : {}),
      }));
    const { issuerId, ...input } = issued;
    const now = clock.now();
    const at = this.#undated?.at ?? now;
    this.#undated = undefined;
    try {
      const credential = proveIssued(input, { names, live: previous, now });
      return { credential, issuedAt: now, ...(issuerId === undefined ? {} : { issuerId }) };
    } catch (error) {
      if (isOutOfDate(error)) this.#undated = { issued, at };
      throw error;
    }
  }

  #heldForItsDates(): Issued | undefined {
    const held = this.#undated;
    if (held !== undefined && this.#tools.clock.now() - held.at < LONGEST_HELD_MS) return held.issued;
    this.#undated = undefined;
    return undefined;
  }

  async #issue(
    lease: Lease,
    history: Pick<IssueRequest, 'previous' | 'previousIssuer' | 'revoked' | 'failures' | 'isForced'>,
  ): Promise<Issued> {
    const { clock, names, signal: closeSignal } = this.#tools;
    const limit = new AbortController();
    const timer = clock.setTimeout(() => {
      limit.abort(tookTooLong(names));
    }, LONGEST_ISSUANCE_MS);
    const signal = AbortSignal.any([closeSignal, lease.signal, limit.signal]);
    // An issuer may do many things at a time, and node warns of more than ten listeners.
    setMaxListeners(0, signal);
    try {
      const request = { names, signal, lease, ...history };
      return await settledOrAborted(this.#tools.issue(request), signal, { clock, graceMs: CLEAN_UP_MS });
    } finally {
      clock.clearTimeout(timer);
    }
  }

  async #failed(thrown: unknown, { live, failure }: Situation, lease?: Lease): Promise<Outcome> {
    const { clock, names, signal, store, random } = this.#tools;
    if (signal.aborted) return { kind: 'closed' };
    const error = asIssuanceError(thrown, names);
    const facts = { error, now: clock.now(), before: failure, liveUntil: live?.notAfter, random };
    const isPostponed = error['isPostponement'] === true;
    const record = isPostponed ? recordPostponement(facts) : recordFailure(facts);
    // What cannot be stored is still remembered by this process.
    if (lease !== undefined) await store.saveFailure(record, lease).catch(() => undefined);
    return isPostponed ? { kind: 'postponed', failure: record } : { kind: 'failed', error, failure: record };
  }
}

function tookTooLong(names: readonly string[]): TlsmithError {
  const minutes = LONGEST_ISSUANCE_MS / 60_000;
  return new TlsmithError(
    'ISSUANCE_FAILED',
    `Getting a certificate for ${names.join(', ')} was given up after ${minutes} minutes.`,
    { names, hint: 'It is tried again later; the certificate in use is not affected.' },
  );
}
