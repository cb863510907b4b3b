/** Failed handshakes, told with an explanation that is loaded when the first of them happens, and within bounds. */
import type * as failures from './diagnosis/handshake-failures.js';
import type { HandshakeFailure } from './diagnosis/handshake-failures.js';
import { codeOf, messageOf } from './errors.js';
import type { RepeatedLog } from './repeated-log.js';

/** Far more than can fail while a small file is loaded; those beyond are in the counters only. */
const MOST_WAITING = 1_000;

/** Tells of failed handshakes: of each kind the first, then a count. */
export class FailedHandshakes {
  readonly #log: RepeatedLog;
  #explanations: typeof failures | 'loading' | 'missing' | undefined;
  /** Those that failed while the explanations were loaded; told in their order. */
  #waiting: HandshakeFailure[] = [];

  constructor(log: RepeatedLog) {
    this.#log = log;
  }

  /** Tells of one, now or as soon as there are words for it. */
  add(failure: HandshakeFailure): void {
    if (this.#explanations === undefined) void this.#load();
    if (this.#explanations !== 'loading') this.#tell(failure);
    else if (this.#waiting.length < MOST_WAITING) this.#waiting.push(failure);
  }

  /** Tells what still waits, in whatever words there are. */
  close(): void {
    for (const failure of this.#waiting.splice(0)) this.#tell(failure);
  }

  async #load(): Promise<void> {
    this.#explanations = 'loading';
    try {
      this.#explanations = await import('./diagnosis/handshake-failures.js');
    } catch {
      this.#explanations = 'missing'; // A package that is being replaced on the disk; the failures are told all the same.
    }
    this.close();
  }

  #tell(failure: HandshakeFailure): void {
    const { error, remoteAddress, outcome = 'failed' } = failure;
    const reason = codeOf(error) ?? 'unknown reason';
    if (typeof this.#explanations !== 'object') {
      const code = reason === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'HANDSHAKE_TIMEOUT' : 'HANDSHAKE_FAILED';
      const message = `A TLS handshake ${outcome === 'admitted' ? 'without authorization' : 'failed'}: ${messageOf(error).trim()}.`;
      this.#log.write('info', `${code} ${reason} ${outcome}`, [
        { code, reason, outcome, remoteAddress },
        message,
      ]);
      return;
    }
    const { code, kind, level, message, hint, ...certificate } = this.#explanations.explain(failure);
    const facts = { code, kind, reason, outcome, remoteAddress, ...certificate, hint };
    this.#log.write(level, `handshake ${kind} ${outcome}`, [facts, message]);
  }
}
