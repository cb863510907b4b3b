/** Waiting that ends when a signal says so, whatever becomes of what was waited for. */

/** `promise`, unless one of the signals is aborted first. What was begun goes on. */
export async function abortable<Value>(
  promise: Promise<Value>,
  ...signals: readonly (AbortSignal | undefined)[]
): Promise<Value> {
  const given = signals.filter((signal) => signal !== undefined);
  let onAbort: (this: AbortSignal) => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = function onAbort() {
      reject(this.reason as Error);
    };
  });
  for (const signal of given) {
    if (signal.aborted) onAbort.call(signal);
    else signal.addEventListener('abort', onAbort, { once: true });
  }
  promise.catch(() => undefined);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    for (const signal of given) signal.removeEventListener('abort', onAbort);
  }
}
