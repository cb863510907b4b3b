/**
 * Pairs that were loaded because a client was waiting are looked at closely afterwards: it takes as long as proving
 * them, and nobody should wait for a remark.
 */
import type { Clock } from '../../clock.js';

/** Long enough for the handshake to be over. Whoever comes next puts it off again: his handshake would wait for it. */
const DELAY_MS = 100;
/** Clients may never stop coming. */
const LONGEST_DELAY_MS = 3_000;

/** Examines one pair after the other, with turns of the event loop in between. */
export class LaterExaminations {
  readonly #clock: Clock;
  readonly #indexing: () => Promise<void> | undefined;
  readonly #waiting = new Map<object, () => Promise<void>>();
  #timer: unknown;
  #waitsSince = 0;
  #running: Promise<void> | undefined;

  /** @param indexing - what goes before: clients find no name until it is read, and remarks can wait */
  constructor(clock: Clock, indexing: () => Promise<void> | undefined) {
    this.#clock = clock;
    this.#indexing = indexing;
  }

  /** Examines a pair in a moment, unless it is asked for anew until then; `examine` must not reject. */
  add(pair: object, examine: () => Promise<void>): void {
    this.#waiting.set(pair, examine);
    if (this.#running === undefined) this.#putOff();
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

  #putOff(): void {
    const now = this.#clock.now();
    if (this.#timer === undefined) this.#waitsSince = now;
    // Also when the clock has been set.
    else if (Math.abs(now - this.#waitsSince) > LONGEST_DELAY_MS - DELAY_MS) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(this.#begin, DELAY_MS);
  }

  readonly #begin = (): void => {
    this.#timer = undefined;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  };

  async #run(): Promise<void> {
    await this.#indexing();
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
