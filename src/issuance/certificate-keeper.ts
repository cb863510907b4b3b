/**
 * Keeps one certificate valid: loads it, serves it, renews it, and looks at the clock again and again. Its state
 * is the live generation and the failures in a row; everything else follows from these and the time.
 */
import type { RenewalInfo } from '../acme/renewal-info.js';
import { delay } from '../clock.js';
import { type Credential, isInDate } from '../credential/credential.js';
import { messageOf, TlsmithError } from '../errors.js';
import type { Found, ManagedCertificate } from '../sources/certificate-source.js';
import { settledOrAborted } from './abortable.js';
import { AttemptEvents } from './attempt-events.js';
import type { CertificateStore, StoredState } from './certificate-store.js';
import { afterRestart, errorOf, type FailureRecord, nextAttemptOf, rebased } from './failure-record.js';
import { isNotOlder } from './issued-proof.js';
import { IssuingAttempts, type Outcome } from './issuing-attempt.js';
import type { KeeperTools } from './keeper-tools.js';
import { LiveGeneration } from './live-generation.js';
import type { Watch } from './look-out.js';
import { RenewalAdvice } from './renewal-advice.js';
import { lookIntervalMs, type RenewalInstant } from './renewal-schedule.js';
import { StoredNews } from './stored-news.js';
import { nextAttemptDue, plannedRenewal, renewalDue } from './upkeep-schedule.js';
import { WaitingRoom } from './waiting-room.js';
import { Withdrawal } from './withdrawal.js';

/** When to try again after another process held the lock. */
const BUSY_RETRY_MS = 5_000;

/** The keeper of one certificate. */
export class CertificateKeeper {
  /** The names of its certificate. */
  readonly names: readonly string[];
  readonly #tools: KeeperTools;
  readonly #store: CertificateStore;
  readonly #room: WaitingRoom;
  readonly #attempts: IssuingAttempts;
  readonly #advice: RenewalAdvice;
  readonly #closing = new AbortController();
  readonly #watch: Watch;
  readonly #news: StoredNews;
  readonly #live: LiveGeneration;
  readonly #withdrawal: Withdrawal;
  readonly #events: AttemptEvents;
  #failure: FailureRecord | undefined;
  #isOpen = false;
  #dueAt = Infinity;
  #busyUntil = 0;
  #attempt: Promise<Outcome> | undefined;

  constructor(names: readonly string[], store: CertificateStore, tools: KeeperTools) {
    const { clock } = tools.host;
    this.names = names;
    this.#tools = tools;
    this.#store = store;
    this.#room = new WaitingRoom(clock, names);
    const look = (): void => {
      this.look();
    };
    this.#watch = tools.lookOut.watch(look);
    this.#live = new LiveGeneration({
      ...{ names, host: tools.host },
      changed: (credential) => {
        this.#busyUntil = 0;
        if (isInDate(credential, clock.now())) this.#room.admit(credential);
        tools.served(names, credential);
      },
    });
    this.#withdrawal = new Withdrawal({ names, store, tools, live: this.#live, withdrawn: look });
    this.#events = new AttemptEvents({ names, tools, signal: this.#closing.signal });
    this.#news = new StoredNews(store, {
      logger: tools.host.logger,
      adopt: (news) => {
        this.#adopt(news);
      },
    });
    this.#advice = new RenewalAdvice({
      ...{ clock, logger: tools.host.logger, signal: this.#closing.signal, ask: this.#adviser() },
      random: tools.random,
      read: () => store.readAdvice(),
      write: (bytes) => store.writeAdvice(bytes),
    });
    this.#attempts = new IssuingAttempts({
      names,
      store,
      clock,
      slots: tools.slots,
      random: tools.random,
      waitingSlots: tools.waitingSlots,
      issue: (request) => tools.issue(request),
      isDue: (generation) => renewalDue(generation, tools.rules, clock.now()) <= clock.now(),
      signal: this.#closing.signal,
    });
  }

  /** The credential that serves. */
  get live(): Credential | undefined {
    return this.#live.credential;
  }

  /** Loads what is stored. No fault of storage is a rejection: it becomes a finding. */
  async load(): Promise<void> {
    try {
      const stored = await this.#store.read();
      if (this.#tools.advise !== undefined) await this.#advice.load();
      this.#report(stored);
      if (stored.failure !== undefined) this.#failure = afterRestart(stored.failure);
      await this.#withdrawal.serve(stored);
    } catch (error) {
      this.#tools.host.report({
        code: 'STORAGE_UNREADABLE',
        severity: 'warning',
        message: `The stored certificate for ${this.names.join(', ')} cannot be read: ${messageOf(error)}`,
        source: this.#tools.sourceName,
        names: this.names,
      });
    }
  }

  /** From now on it may issue. Resolves when there is a usable certificate, or the first attempt has ended. */
  async open(): Promise<void> {
    this.#isOpen = true;
    this.look();
    if (!this.#live.isUsable) await this.#attempt;
  }

  /** Looks at the clock: begins an attempt that is due, else sleeps until the next look. */
  look(): void {
    if (!this.#isOpen || this.#attempt !== undefined || this.#closing.signal.aborted) return;
    const now = this.#tools.host.clock.now();
    if (this.#failure !== undefined) this.#failure = rebased(this.#failure, now);
    this.#dueAt = this.#tools.obstacle() === undefined ? this.#nextDue(now) : Infinity;
    if (now >= this.#dueAt) {
      void this.#begin(false);
      return;
    }
    const askAt = this.#askForAdvice(now);
    this.#watch.sleepUntil(Math.min(this.#dueAt, askAt), lookIntervalMs(this.#live.credential));
  }

  /** The answer for a handshake. A renewal that is due begins, and is not waited for while the old one is good. */
  find(): Found {
    const now = this.#tools.host.clock.now();
    if (now >= this.#dueAt && this.#attempt === undefined) this.look();
    const live = this.#live.credential;
    if (live !== undefined && isInDate(live, now)) return live;
    return this.#missing(live, now);
  }

  /** Resolves once there is a certificate in date; rejects for failures that no retry can mend. */
  async usable(signal: AbortSignal): Promise<void> {
    if (this.#live.isUsable) return;
    if (this.#failure?.isPermanent === true) throw errorOf(this.#failure, this.names);
    await this.#room.wait(Infinity, signal);
  }

  /** Renews now: resolves when a new leaf is served, rejects after the first failed attempt. */
  async renew(signal: AbortSignal): Promise<void> {
    const before = this.#live.credential?.id;
    this.#isOpen = true;
    for (;;) {
      this.#refuseRenewal();
      const outcome = await settledOrAborted(this.#begin(true), signal, {
        clock: this.#tools.host.clock,
        graceMs: 0,
      });
      if (outcome.kind === 'closed') throw closed(this.names);
      if (this.#live.credential !== undefined && this.#live.credential.id !== before) return;
      if (outcome.kind === 'failed') throw outcome.error;
      if (outcome.kind === 'busy') await delay(this.#tools.host.clock, BUSY_RETRY_MS, signal);
    }
  }

  /** Has revoked what serves, and renews it: resolves when a new leaf is served. */
  async revoke(signal: AbortSignal): Promise<void> {
    await this.#withdrawal.revoke(signal);
    await this.renew(signal);
  }

  /** Reads what another process may have stored, and serves it if it is a step forward. */
  pickUp(): Promise<void> {
    return this.#news.read();
  }

  /** Its state, for `status()`. */
  status(): ManagedCertificate {
    const live = this.#live.credential;
    const failure = this.#failure;
    return {
      names: this.names,
      ...(live === undefined ? {} : { credential: live }),
      ...(live === undefined ? {} : { nextRenewal: this.#plannedRenewal(live) }),
      attempts: failure?.attempts ?? 0,
      ...(failure === undefined ? {} : { lastError: failure.error, ...nextAttemptOf(failure) }),
      isFailed: failure?.isPermanent === true,
    };
  }

  #plannedRenewal(live: Credential): RenewalInstant {
    return plannedRenewal(live, this.#tools.rules, this.#advice.instantFor(live));
  }

  /** Aborts what is running; resolves when all is at rest. */
  async close(): Promise<void> {
    this.#closing.abort(closed(this.names));
    this.#watch.rest();
    this.#room.dismiss(closed(this.names), Infinity);
    await Promise.allSettled([this.#attempt, this.#news.settled(), this.#advice.settled()]);
  }

  #nextDue(now: number): number {
    const generation = this.#live.own;
    const advised = generation === undefined ? undefined : this.#advice.instantFor(generation.credential);
    const facts = { generation, advised, failure: this.#failure, rules: this.#tools.rules };
    return Math.max(nextAttemptDue(facts, now), Math.min(this.#busyUntil, now + BUSY_RETRY_MS));
  }

  /** When to ask next; begins to ask when that is now. */
  #askForAdvice(now: number): number {
    const live = this.#live.own?.credential;
    const askAt = live === undefined ? Infinity : this.#advice.askAt(live);
    if (live === undefined || now < askAt) return askAt;
    void this.#advice.ask(live).then(() => {
      this.look();
    });
    return Infinity;
  }

  #begin(isForced: boolean): Promise<Outcome> {
    this.#watch.rest();
    this.#attempt ??= this.#run(isForced);
    return this.#attempt;
  }

  async #run(isForced: boolean): Promise<Outcome> {
    const situation = {
      live: this.#live.credential,
      liveIssuer: this.#live.issuerId,
      failure: this.#failure,
      isForced,
    };
    const outcome = await this.#attempts.attempt(situation);
    try {
      // Another process may have been faster, while this one was stopped or had lost its lease: then nothing has failed.
      const isOvertaken = this.#live.own !== undefined && this.#live.credential?.id !== situation.live?.id;
      const isOver = this.#closing.signal.aborted || (outcome.kind === 'failed' && isOvertaken);
      if (!isOver) await this.#conclude(outcome);
    } catch (error) {
      this.#tools.host.logger.error({ names: this.names }, `A listener failed: ${messageOf(error)}`);
    }
    this.#attempt = undefined;
    this.look();
    return outcome;
  }

  async #conclude(outcome: Outcome): Promise<void> {
    switch (outcome.kind) {
      case 'issued':
        this.#failure = undefined;
        this.#live.serve(outcome.generation, this.#live.credential === undefined ? 'issued' : 'renewed');
        await this.#events.issued(outcome.generation.credential);
        return;
      case 'adopted':
        this.#failure = undefined;
        this.#live.serve(outcome.generation, this.#live.credential === undefined ? 'loaded' : 'reloaded');
        return;
      case 'failed':
        this.#putOff(outcome.failure, outcome.error);
        this.#events.failed(outcome.error, outcome.failure, {
          isUsable: this.#live.isUsable,
          live: this.#live.credential,
        });
        return;
      case 'postponed':
        this.#putOff(outcome.failure, errorOf(outcome.failure, this.names));
        this.#events.postponed({ isUsable: this.#live.isUsable });
        return;
      case 'busy':
        this.#busyUntil = this.#tools.host.clock.now() + BUSY_RETRY_MS;
        return;
      case 'closed':
    }
  }

  #putOff(failure: FailureRecord, error: TlsmithError): void {
    this.#failure = failure;
    this.#room.dismiss(error, failure.isPermanent ? Infinity : failure.nextAttempt);
  }

  #adopt(news: StoredState): void {
    if (this.#closing.signal.aborted) return;
    this.#report(news);
    const candidate = news.generation?.credential;
    const live = this.#live.credential;
    const now = this.#tools.host.clock.now();
    if (news.generation?.isRevoked === true && live !== undefined) {
      if (!this.#withdrawal.concerns(news.generation.credential)) return;
      // Whoever has it revoked replaces it as well, unless he dies.
      this.#busyUntil = now + BUSY_RETRY_MS;
      void this.#withdrawal.withdraw();
      return;
    }
    if (news.generation === undefined || candidate === undefined || candidate.id === live?.id) return;
    if (live !== undefined && !isInDate(candidate, now)) return;
    if (live !== undefined && isInDate(live, now) && !isNotOlder(candidate, live)) return;
    this.#failure = undefined;
    this.#live.serve(news.generation, live === undefined ? 'loaded' : 'reloaded');
    this.look();
  }

  #missing(live: Credential | undefined, now: number): Found {
    const isUnderway = this.#attempt !== undefined || this.#busyUntil > now;
    if (!isUnderway && live !== undefined) return live;
    const until = now + this.#tools.waitMs;
    const failure = this.#failure;
    const isTooFar = !isUnderway && failure !== undefined && failure.nextAttempt >= until;
    const error = this.#tools.obstacle() ?? (isTooFar ? errorOf(failure, this.names) : undefined);
    return this.#room.answer(until, { error, otherwise: live });
  }

  #refuseRenewal(): void {
    const obstacle = this.#closing.signal.aborted ? closed(this.names) : this.#tools.obstacle();
    if (obstacle !== undefined) throw obstacle;
    const failure = this.#failure;
    if ((failure?.retryAfter ?? 0) > this.#tools.host.clock.now() && failure !== undefined) {
      throw errorOf(failure, this.names);
    }
  }

  #adviser():
    ((credential: Credential, signal: AbortSignal) => Promise<RenewalInfo | undefined>) | undefined {
    const { advise } = this.#tools;
    if (advise === undefined) return undefined;
    return (credential, signal) => advise(credential, signal, this.#live.issuerId);
  }

  #report({ finding }: StoredState): void {
    if (finding !== undefined) this.#tools.host.report({ ...finding, source: this.#tools.sourceName });
  }
}

function closed(names: readonly string[]): TlsmithError {
  return new TlsmithError('CLOSED', `The source of the certificate for ${names.join(', ')} was closed.`, {
    names,
  });
}
