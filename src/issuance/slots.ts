/** A limit on how much runs at the same time; what is beyond it queues in the order it came. */

/** Runs tasks, at most a fixed number at once. */
export interface Slots {
  /** Runs `task` when there is room; rejects with the signal's reason when that is aborted before. */
  run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T>;
}

/** @param limit - how many tasks run at once */
export function createSlots(limit: number): Slots {
  const queue = new Set<() => void>();
  let free = limit;
  const enter = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const admit = (): void => {
        queue.delete(admit);
        signal.removeEventListener('abort', leaveQueue);
        free -= 1;
        resolve();
      };
      const leaveQueue = (): void => {
        queue.delete(admit);
        reject(signal.reason);
      };
      if (signal.aborted) leaveQueue();
      else if (free > 0) admit();
      else {
        queue.add(admit);
        signal.addEventListener('abort', leaveQueue, { once: true });
      }
    });
  return {
    async run(signal, task) {
      await enter(signal);
      try {
        return await task();
      } finally {
        free += 1;
        const [next] = queue;
        next?.();
      }
    },
  };
}
