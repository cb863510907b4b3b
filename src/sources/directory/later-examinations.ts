/**
 * Pairs that were loaded because a client was waiting are looked at closely afterwards: it takes as long as proving
 * them, and nobody should wait for a remark.
 */
import type { Clock } from '../../clock.js';

/** Long enough for the handshake to be over. */
const DELAY_MS = 100;

/** Examines one pair after the other, with turns of the event loop in between. */
export class LaterExaminations {
  readonly #clock: Clock;
  readonly #waiting = new Map<object, () => Promise<void>>();
  #timer: unknown;
  #running: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Examines a pair in a moment, unless it is asked for anew until then; `examine` must not reject. */
  add(pair: object, examine: () => Promise<void>): void {
    this.#waiting.set(pair, examine);
    if (this.#running === undefined) this.#timer ??= this.#clock.setTimeout(this.#begin, DELAY_MS);
  }

  /** Examines at once what waits. Resolves when nothing does. */
  async settled(): Promise<void> {
    this.#clock.clearTimeout(this.#timer);
    if (this.#waiting.size > 0 && this.#running === undefined) this.#begin();
    await this.#running;
  }

  /** Drops what waits. */
  async close(): Promise<void> {
    this.#waiting.clear();
    await this.settled();
  }

  readonly #begin = (): void => {
    this.#timer = undefined;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  };

  async #run(): Promise<void> {
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      await next();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #take(): (() => Promise<void>) | undefined {
    for (const [pair, examine] of this.#waiting) {
      this.#waiting.delete(pair);
      return examine;
    }
    return undefined;
  }
}
