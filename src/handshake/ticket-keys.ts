/**
 * Session ticket keys of one policy (RFC 5077 §4): one key encrypts, the one before still opens its tickets on a
 * server of its own, to which the router sends clients that offer them. So a rotation loses no session, and keys
 * are gone after two periods.
 */
import { randomBytes } from 'node:crypto';
import { alarm, type Clock } from '../clock.js';

const KEY_BYTES = 48;
const KEY_NAME_BYTES = 16;

/** Ticket keys as node takes them: 16 bytes of name, 16 of HMAC key, 16 of AES key. Kept in memory only. */
export interface TicketKey {
  /** What tickets made with it begin with. */
  readonly name: Buffer;
  /** For `ticketKeys` of a TLS server. */
  readonly secret: Buffer;
}

/** The current and the previous key, rotated by the clock. */
export class TicketKeys {
  current: TicketKey = createTicketKey();
  previous: TicketKey | undefined;
  readonly #clock: Clock;
  readonly #rotateEveryMs: number;
  readonly #listeners = new Set<() => void>();
  #cancelAlarm: (() => void) | undefined;

  constructor(clock: Clock, rotateEveryMs: number) {
    this.#clock = clock;
    this.#rotateEveryMs = rotateEveryMs;
  }

  /** Begins to rotate; without it the first key stays. */
  start(): void {
    this.close();
    this.#cancelAlarm = alarm(this.#clock, this.#clock.now() + this.#rotateEveryMs, () => {
      this.rotate();
      this.start();
    });
  }

  /** Ends the rotation. */
  close(): void {
    this.#cancelAlarm?.();
    this.#cancelAlarm = undefined;
  }

  /** Makes a new current key; the one before stays good for one more period. */
  rotate(): void {
    this.previous = this.current;
    this.current = createTicketKey();
    for (const listener of this.#listeners) listener();
  }

  /** Makes a new current key and drops the one before: no session begun so far is resumed. */
  replace(): void {
    this.rotate();
    this.previous = undefined;
  }

  /** Calls `listener` after each rotation. */
  onRotate(listener: () => void): void {
    this.#listeners.add(listener);
  }
}

function createTicketKey(): TicketKey {
  const secret = randomBytes(KEY_BYTES);
  return { secret, name: secret.subarray(0, KEY_NAME_BYTES) };
}
