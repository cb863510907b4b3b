/**
 * A certificate that has expired, or whose intermediate has, is told of three times: by whoever has read its files, by the
 * watch over expiry, and by the handshakes that serve it. Each says the same with other words, and one line in the log is enough.
 */
import { BoundedMap } from './bounded-map.js';
import type { Clock } from './clock.js';
import type { Finding } from './credential/findings.js';

const CODES: readonly string[] = ['TLS_CERT_EXPIRED', 'TLS_CHAIN_OUT_OF_DATE'];
const KEPT_LINES = 1_000;
/** Whoever reads the log of today is to find it there, too. */
const FRESH_MS = 3_600_000;
const INSTANT = /\d{4,}-\d\d-\d\dT[\d:.]+Z/;

/** What a line says, and of which certificates. */
export type ExpiryLine = Pick<Finding, 'code' | 'source' | 'names' | 'message'> & {
  /** Set when the line counts others that were held back. */
  readonly repeated?: number;
};

/** Remembers the lines of the last hour. */
export class ExpiredLines {
  readonly #clock: Clock;
  readonly #written = new BoundedMap<string, number>(KEPT_LINES);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the line is to be written; those about anything else always are. */
  isNews({ code, source, names, message, repeated }: ExpiryLine): boolean {
    if (!CODES.includes(code) || repeated !== undefined) return true;
    // By its end, too: the next certificate with these names may have expired as well.
    const key = [code, source, names, INSTANT.exec(message)?.[0]].join(' ');
    const now = this.#clock.now();
    if (Math.abs(now - (this.#written.get(key) ?? -Infinity)) < FRESH_MS) return false;
    this.#written.set(key, now);
    return true;
  }

  /** Forgets them, as at a new start. */
  clear(): void {
    this.#written.clear();
  }
}
