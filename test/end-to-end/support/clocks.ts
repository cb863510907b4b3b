// Clocks with real timers, for servers that talk to real authorities.
import type { Clock } from '../../../src/index.js';

/** A clock that a test sets ahead; its timers are real. */
export function shiftedClock(): Clock & { aheadMs: number } {
  return {
    aheadMs: 0,
    now() {
      return Date.now() + this.aheadMs;
    },
    setTimeout: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
    clearTimeout: (handle) => {
      clearTimeout(handle as NodeJS.Timeout);
    },
  };
}

/** Long timers end thirty times as early; the time is right. */
export function hurriedClock(): Clock {
  return {
    ...shiftedClock(),
    now: () => Date.now(),
    setTimeout: (callback, delayMs) =>
      setTimeout(callback, delayMs >= 10_000 ? delayMs / 30 : delayMs).unref(),
  };
}
