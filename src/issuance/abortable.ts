/** Waiting for work that should end when told to, and going on without it when it does not. */
import type { Clock } from '../clock.js';

/**
 * The outcome of `work`; once `signal` is aborted it is given `graceMs` to clean up, after which this rejects with
 * the signal's reason and whatever `work` still does is ignored.
 */
export function settledOrAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  { clock, graceMs }: { readonly clock: Clock; readonly graceMs: number },
): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: unknown;
    const onAbort = (): void => {
      if (graceMs === 0) reject(signal.reason);
      else
        timer = clock.setTimeout(() => {
          reject(signal.reason);
        }, graceMs);
    };
    const tidyUp = (): void => {
      signal.removeEventListener('abort', onAbort);
      clock.clearTimeout(timer);
    };
    work.then(
      (value) => {
        tidyUp();
        if (signal.aborted) reject(signal.reason);
        else resolve(value);
      },
      (error: unknown) => {
        tidyUp();
        reject(signal.aborted ? signal.reason : error);
      },
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
