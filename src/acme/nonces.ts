/** Anti-replay nonces (RFC 8555 §6.5): every answer brings one, so asking for one by itself is the exception. */
import type { Clock } from '../clock.js';

const MOST_KEPT = 64;
/** Certificate authorities forget old ones; a stale nonce costs a request more than a new one. */
const LONGEST_KEPT_MS = 60_000;

/** Nonces that were received and not yet used, the latest first. */
export class NoncePool {
  readonly #clock: Clock;
  readonly #kept: { readonly nonce: string; readonly receivedAt: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Keeps one. */
  add(nonce: string): void {
    this.#kept.push({ nonce, receivedAt: this.#clock.now() });
    if (this.#kept.length > MOST_KEPT) this.#kept.shift();
  }

  /** Takes one out, for one use; undefined when there is none that is fresh. */
  take(): string | undefined {
    const latest = this.#kept.pop();
    if (latest === undefined) return undefined;
    const age = this.#clock.now() - latest.receivedAt;
    if (age >= 0 && age <= LONGEST_KEPT_MS) return latest.nonce;
    // The others are older still, or the clock was set back.
    this.#kept.length = 0;
    return undefined;
  }
}
