/**
 * One timer for all certificates of a source: it wakes whoever's time has come. Clocks jump and laptops sleep, so it
 * never sleeps longer than the shortest interval that any of them allows, and when it finds the clock set back, it wakes
 * them all. With a timer for each, a thousand certificates would wake the process a hundred times a minute for nothing.
 */
import type { Clock } from '../clock.js';
import { type Sleeper, WakeQueue } from './wake-queue.js';

/** A clock that is this much behind what was slept was set back; timers may fire a little early. */
const SLACK_MS = 1_000;

/** The watch that is kept for one certificate. */
export interface Watch {
  /** Looks at `instant`, milliseconds since the epoch, and lets no more than `intervalMs` pass before the clock is seen. */
  sleepUntil(instant: number, intervalMs: number): void;
  /** Looks no more until the next `sleepUntil`. */
  rest(): void;
}

/** Keeps watch for many. */
export class LookOut {
  readonly #clock: Clock;
  readonly #sleepers = new WakeQueue();
  #timer: unknown;
  /** When the timer ends, by the clock as it was when it was set. */
  #timerAt = Infinity;
  #isRinging = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param look - called when it is time, and when the clock was set back */
  watch(look: () => void): Watch {
    const sleeper: Sleeper = { look, wakeAt: Infinity, intervalMs: Infinity, place: -1 };
    return {
      sleepUntil: (instant, intervalMs) => {
        this.#sleepers.add(sleeper, { wakeAt: instant, intervalMs });
        this.#admit(sleeper);
      },
      rest: () => {
        this.#sleepers.remove(sleeper);
        if (this.#sleepers.size === 0) this.#arm(Infinity);
      },
    };
  }

  #admit({ wakeAt, intervalMs }: Sleeper): void {
    // Those who are woken together go to sleep together: the timer is set once, for all of them.
    if (this.#isRinging) return;
    const now = this.#clock.now();
    const wanted = Math.min(wakeAt, now + intervalMs);
    // One that lies in the past belongs to a clock that was set forward since.
    if (this.#timerAt <= wanted && this.#timerAt > now) return;
    this.#arm(this.#timerAt > now ? wanted : this.#earliest(now));
  }

  #arm(at: number): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timerAt = at;
    if (at === Infinity) return;
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#ring();
      },
      Math.max(0, at - this.#clock.now()),
    );
  }

  #ring(): void {
    const now = this.#clock.now();
    const isSetBack = now < this.#timerAt - SLACK_MS;
    this.#isRinging = true;
    for (const sleeper of this.#sleepers.take(isSetBack ? Infinity : now)) sleeper.look();
    this.#isRinging = false;
    this.#arm(this.#earliest(now));
  }

  #earliest(now: number): number {
    return Math.min(this.#sleepers.nextAt, now + this.#sleepers.shortestIntervalMs);
  }
}
