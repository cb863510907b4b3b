/**
 * A clock that only moves when a test says so. `advance` runs what becomes due in the order of its time and lets
 * promises settle in between; `jump` moves the time without running timers, as a sleeping laptop or an operator
 * who sets the clock does.
 */
import type { Clock } from '../../src/clock.js';

interface Timer {
  readonly callback: () => void;
  /** On the clock's own running time, which no jump moves. */
  readonly dueAt: number;
}

/** A clock for tests. */
export interface ManualClock extends Clock {
  /** Lets time pass. */
  advance(ms: number): Promise<void>;
  /** Sets the clock: `now()` differs from now on, timers run as before. */
  jump(ms: number): void;
  /** How many timers are armed. */
  readonly pendingTimers: number;
}

/** Starts at the real time unless told otherwise: certificates are checked by OpenSSL, too. */
export function manualClock(startsAt: number = Date.now()): ManualClock {
  const timers = new Set<Timer>();
  let elapsed = 0;
  let offset = startsAt;
  const nextDue = (until: number): Timer | undefined =>
    [...timers].filter((timer) => timer.dueAt <= until).sort((one, other) => one.dueAt - other.dueAt)[0];
  return {
    now: () => offset + elapsed,
    setTimeout: (callback, delayMs) => {
      const timer = { callback, dueAt: elapsed + Math.max(0, delayMs) };
      timers.add(timer);
      return timer;
    },
    clearTimeout: (handle) => {
      timers.delete(handle as Timer);
    },
    async advance(ms) {
      const until = elapsed + ms;
      await settled();
      for (let timer = nextDue(until); timer !== undefined; timer = nextDue(until)) {
        timers.delete(timer);
        elapsed = Math.max(elapsed, timer.dueAt);
        timer.callback();
        await settled();
      }
      elapsed = until;
      await settled();
    },
    jump(ms) {
      offset += ms;
    },
    get pendingTimers() {
      return timers.size;
    },
  };
}

const TURNS = 4;

/** Lets promises and immediates settle; work on other threads (keys, files) needs {@link until}. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
