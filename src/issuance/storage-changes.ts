/** Notices what other processes write to the same storage: by its own `watch`, else by looking once a second. */
import type { Clock } from '../clock.js';
import type { Storage } from '../storage/storage.js';

const POLL_MS = 1_000;

/**
 * Calls `onChange` with the key that changed, or without one when anything may have changed.
 * @returns a function that stops it
 */
export function watchStorage(
  { storage, clock, prefix }: { storage: Storage; clock: Clock; prefix: string },
  onChange: (key?: string) => void,
): () => void {
  return watched(storage, prefix, onChange) ?? polled(clock, onChange);
}

function watched(
  storage: Storage,
  prefix: string,
  onChange: (key?: string) => void,
): (() => void) | undefined {
  try {
    return storage.watch?.(prefix, onChange);
  } catch {
    // A file system without change notices (a network share, an exhausted inotify) is no reason to fail.
    return undefined;
  }
}

function polled(clock: Clock, onChange: () => void): () => void {
  let handle: unknown;
  const arm = (): void => {
    handle = clock.setTimeout(() => {
      arm();
      onChange();
    }, POLL_MS);
  };
  arm();
  return () => {
    clock.clearTimeout(handle);
  };
}
