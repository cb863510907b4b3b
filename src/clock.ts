/**
 * The time seam: everything that looks at the time or waits takes a {@link Clock}. `delay` and `alarm` are
 * how the rest of the code waits: unref-ed, below 2^31 ms at a time, and looking at the clock again on waking,
 * so that a sleeping laptop or a jump of the clock is noticed.
 */

/** A source of time and timers. Tests inject their own. */
export interface Clock {
  /** Milliseconds since the epoch, as `Date.now()`. */
  now(): number;
  /** As the global `setTimeout`; the returned handle is passed to {@link Clock.clearTimeout}. */
  setTimeout(callback: () => void, delayMs: number): unknown;
  /** Cancels a timer made by {@link Clock.setTimeout}. */
  clearTimeout(handle: unknown): void;
}

/** The system's clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
  clearTimeout: (handle) => {
    clearTimeout(handle as NodeJS.Timeout);
  },
};

/** The longest single wait; one hour, so that a changed clock is noticed within it. */
const LONGEST_WAIT_MS = 3_600_000;

/** Timers may be as much too early. */
const EARLY_MS = 1;

/**
 * Calls `callback` once the clock reads `instant` (milliseconds since the epoch) or later, or once it has waited for as
 * long as that was away: whoever sets the clock back by hours does not make everything wait for hours.
 * @returns a function that cancels it
 */
export function alarm(clock: Clock, instant: number, callback: () => void): () => void {
  let handle: unknown;
  let leftMs = Math.max(instant - clock.now(), 0) + EARLY_MS;
  const arm = (): void => {
    const waitMs = Math.min(Math.max(instant - clock.now(), 0), leftMs, LONGEST_WAIT_MS);
    handle = clock.setTimeout(() => {
      leftMs -= waitMs;
      if (clock.now() >= instant || leftMs <= 0) callback();
      else arm();
    }, waitMs);
  };
  arm();
  return () => {
    clock.clearTimeout(handle);
  };
}

/** Resolves after `delayMs`; rejects with the signal's reason when it is aborted first. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const cancel = alarm(clock, clock.now() + delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
