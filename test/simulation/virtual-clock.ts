/**
 * A clock for simulations of months: it jumps from timer to timer, and lets everything that a timer set going come to
 * rest before the next. The same program makes the same steps in the same order, each time.
 */
import type { Clock } from '../../src/clock.js';

interface Timer {
  readonly dueAt: number;
  /** Among timers of one instant the one that was set first comes first. */
  readonly number: number;
  readonly callback: () => void;
  isCancelled: boolean;
}

/** A clock, and what drives it. */
export interface VirtualClock extends Clock {
  /** Lets time pass until `instant`. */
  runUntil(instant: number): Promise<void>;
  /** To be called by whatever works without a timer (a storage): it is then given the time to end. */
  stir(): void;
}

/** @param work - what is done elsewhere, and is waited for before time passes */
export function virtualClock(
  startsAt: number,
  work: { readonly isUnderway: boolean } = { isUnderway: false },
): VirtualClock {
  const heap: Timer[] = [];
  let now = startsAt;
  let count = 0;
  let stirs = 0;
  /** Promises settle within one turn; what a turn has stirred may go on in the next. */
  const rest = async (): Promise<void> => {
    for (let seen = -1; seen !== stirs || work.isUnderway;) {
      seen = stirs;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return {
    now: () => now,
    setTimeout: (callback, delayMs) => {
      count += 1;
      const dueAt = now + Math.max(0, Math.ceil(delayMs));
      const timer = { dueAt, number: count, callback, isCancelled: false };
      push(heap, timer);
      return timer;
    },
    clearTimeout: (handle) => {
      if (handle !== undefined) (handle as Timer).isCancelled = true;
    },
    stir: () => {
      stirs += 1;
    },
    async runUntil(instant) {
      await rest();
      for (let next = heap[0]; next !== undefined && next.dueAt <= instant; next = heap[0]) {
        pop(heap);
        if (next.isCancelled) continue;
        now = next.dueAt;
        next.callback();
        await rest();
      }
      now = instant;
    },
  };
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.dueAt === other.dueAt ? one.number < other.number : one.dueAt < other.dueAt;
}

function push(heap: Timer[], timer: Timer): void {
  let at = heap.length;
  heap.push(timer);
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (!isBefore(timer, heap[above]!)) break;
    heap[at] = heap[above]!;
    at = above;
  }
  heap[at] = timer;
}

function pop(heap: Timer[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
    if (!isBefore(heap[below]!, last)) break;
    heap[at] = heap[below]!;
    at = below;
  }
  heap[at] = last;
}
