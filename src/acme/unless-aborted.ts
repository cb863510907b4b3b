/** Waiting, for one attempt, for what several share: who gives up leaves, and it goes on for the others. */

/** What `shared` settles with, or the signal's reason once that is aborted. */
export async function unlessAborted<Value>(shared: Promise<Value>, signal: AbortSignal): Promise<Value> {
  signal.throwIfAborted();
  let leave: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    leave = () => {
      reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([shared, aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
