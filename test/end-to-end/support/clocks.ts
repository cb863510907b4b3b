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

/** Once it is hurried, timers of just `limitMs` end thirty times as early; all others, and the time, are right. */
export function hurriedClock(limitMs: number): Clock & { isHurried: boolean } {
  return {
    isHurried: false,
    now: () => Date.now(),
    setTimeout(callback, delayMs) {
      return setTimeout(callback, this.isHurried && delayMs === limitMs ? delayMs / 30 : delayMs).unref();
    },
    clearTimeout: (handle) => {
      clearTimeout(handle as NodeJS.Timeout);
    },
  };
}
