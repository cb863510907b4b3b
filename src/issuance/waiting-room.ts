/** Where handshakes, and `ready()`, wait for a certificate that is being issued. */
import type { Clock } from '../clock.js';
import type { Credential } from '../credential/credential.js';
import { TlsmithError } from '../errors.js';

interface Waiter {
  readonly until: number;
  resolve(credential: Credential): void;
  reject(reason: unknown): void;
}

/** Those who wait for one certificate. */
export class WaitingRoom {
  readonly #clock: Clock;
  readonly #names: readonly string[];
  readonly #waiters = new Set<Waiter>();

  constructor(clock: Clock, names: readonly string[]) {
    this.#clock = clock;
    this.#names = names;
  }

  /**
   * Waits for the certificate.
   * @param until - milliseconds since the epoch; `Infinity` waits through every failure that a retry can mend
   * @param signal - ends the wait with its reason
   */
  wait(until: number, signal?: AbortSignal): Promise<Credential> {
    const promise = new Promise<Credential>((resolve, reject) => {
      const leave = (): void => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener('abort', onAbort);
        this.#clock.clearTimeout(timer);
      };
      const waiter: Waiter = {
        until,
        resolve: (credential) => {
          leave();
          resolve(credential);
        },
        reject: (reason) => {
          leave();
          reject(reason);
        },
      };
      const onAbort = (): void => {
        waiter.reject(signal?.reason);
      };
      const timer = this.#timer(until, waiter);
      this.#waiters.add(waiter);
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
    // Whoever asked may have gone: nobody has to listen.
    promise.catch(() => undefined);
    return promise;
  }

  /**
   * The answer for a handshake: the certificate once it is there.
   * @param until - milliseconds since the epoch
   * @param error - why there is nothing to wait for, if so
   * @param otherwise - what is better than nothing when it does not come
   */
  answer(
    until: number,
    {
      error,
      otherwise,
    }: { readonly error: TlsmithError | undefined; readonly otherwise: Credential | undefined },
  ): { readonly pending: Promise<Credential> } {
    const awaited = error === undefined ? this.wait(until) : Promise.reject<Credential>(error);
    const pending = otherwise === undefined ? awaited : awaited.catch(() => otherwise);
    pending.catch(() => undefined);
    return { pending };
  }

  /** Hands the certificate to all. */
  admit(credential: Credential): void {
    for (const waiter of [...this.#waiters]) waiter.resolve(credential);
  }

  /** Sends away everyone whose patience ends before `nextAttempt`; `Infinity` sends away all. */
  dismiss(error: TlsmithError, nextAttempt: number): void {
    for (const waiter of [...this.#waiters]) if (nextAttempt >= waiter.until) waiter.reject(error);
  }

  #timer(until: number, waiter: Waiter): unknown {
    if (until === Infinity) return undefined;
    // A span, not an instant: a jump of the clock neither cuts it short nor draws it out.
    return this.#clock.setTimeout(
      () => {
        waiter.reject(
          new TlsmithError(
            'SOURCE_TIMEOUT',
            `The certificate for ${this.#names.join(', ')} was not issued in time for this connection.`,
            { names: this.#names, hint: 'Issuing goes on; later connections will find it.' },
          ),
        );
      },
      Math.max(0, until - this.#clock.now()),
    );
  }
}
