/** What is told of an attempt to issue a certificate, once its outcome counts. */
import { type Credential, isInDate } from '../credential/credential.js';
import type { TlsmithError } from '../errors.js';
import { type FailureRecord, nextAttemptOf } from './failure-record.js';
import type { KeeperTools } from './keeper-tools.js';
import { checkServed } from './served-check.js';

/** Whom it is told, and of which certificate. */
export interface AttemptEventTools {
  readonly names: readonly string[];
  readonly tools: KeeperTools;
  /** Aborted when the certificate is kept no longer. */
  readonly signal: AbortSignal;
}

/** Tells of the attempts for one certificate. */
export class AttemptEvents {
  readonly #names: readonly string[];
  readonly #tools: KeeperTools;
  readonly #signal: AbortSignal;

  constructor({ names, tools, signal }: AttemptEventTools) {
    this.#names = names;
    this.#tools = tools;
    this.#signal = signal;
  }

  /** `credential` was issued, and serves. */
  async issued(credential: Credential): Promise<void> {
    const { host, sourceName } = this.#tools;
    host.resolved('STORAGE_CORRUPT', this.#names);
    await checkServed(credential, this.#names, { host, sourceName, signal: this.#signal });
  }

  /** It has failed; `live` is what serves, also if that is a stand-in. */
  failed(
    error: TlsmithError,
    failure: FailureRecord,
    { live, ...state }: { readonly isUsable: boolean; readonly live: Credential | undefined },
  ): void {
    const names = this.#names;
    const { host } = this.#tools;
    const isServing = live !== undefined && isInDate(live, host.clock.now());
    const facts = { error, attempt: failure.attempts, ...nextAttemptOf(failure) };
    host.notify({ type: 'failed', names, ...facts, ...(isServing ? { validUntil: live.notAfter } : {}) });
    this.#tools.failed(names, state);
  }

  /** It was put off, which is no failure. */
  postponed(state: { readonly isUsable: boolean }): void {
    this.#tools.failed(this.#names, state);
  }
}
