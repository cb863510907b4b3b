/**
 * Turns many notifications into few looks: one once it has been quiet for two ticks, at the latest after ten, however
 * long the storm. Ticks are counted instead of reading the clock, which may be set meanwhile; a notification itself
 * costs nothing but a counter.
 */
import type { Clock } from '../clock.js';

const TICK_MS = 25;
const QUIET_TICKS = 2;
const MOST_TICKS = 10;

/** What a {@link Debounce} does. */
export interface DebounceOptions {
  readonly clock: Clock;
  /** While it holds, what is ripe waits. */
  readonly isHeld: () => boolean;
  readonly onRipe: () => void;
}

/** Calls `onRipe` 50 to 75 ms after the last notification, and at least every 250 ms while they keep coming. */
export class Debounce {
  readonly #options: DebounceOptions;
  #timer: unknown;
  #ticks = 0;
  #quietTicks = 0;
  #isClosed = false;

  constructor(options: DebounceOptions) {
    this.#options = options;
  }

  /** Something has changed. */
  notify(): void {
    this.#quietTicks = -1;
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#quietTicks = 0;
    this.#ticks = 0;
    this.#arm();
  }

  /** Leaves no timer behind. */
  close(): void {
    this.#isClosed = true;
    this.#options.clock.clearTimeout(this.#timer);
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#tick();
    }, TICK_MS);
  }

  #tick(): void {
    this.#ticks += 1;
    this.#quietTicks += 1;
    const isRipe = this.#quietTicks >= QUIET_TICKS || this.#ticks >= MOST_TICKS;
    if (!isRipe || this.#options.isHeld()) {
      this.#arm();
      return;
    }
    this.#timer = undefined;
    this.#options.onRipe();
  }
}
