/**
 * What survives a restart: keys to bytes with versions, and leases with fencing tokens. The conformance suite
 * in `tlsmith/testing` is the executable form of this contract.
 */

/** A stored value. */
export interface StoredValue {
  /** The bytes, as they were put. */
  readonly bytes: Uint8Array;
  /** Changes with every put; compare for equality only. */
  readonly version: string;
}

/** Conditions of a write. */
export interface PutOptions {
  /** The lease under which this is written; when it is no longer held the write rejects with `STORAGE_LEASE_LOST`. */
  readonly lease?: Lease;
  /** The version this write replaces; `null` = only if absent. Otherwise `STORAGE_VERSION_CONFLICT`. */
  readonly ifVersion?: string | null;
}

/** Options of {@link Storage.lock}. */
export interface LockOptions {
  /** Ends the wait for the lock; rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * How long the lease outlives its holder, in milliseconds; the holder renews it well before.
   * @defaultValue 30 000
   */
  readonly leaseMs?: number;
}

/** The right to be the only writer, until released or lost. Renewed by its holder; recoverable when he dies. */
export interface Lease {
  /** What is locked. */
  readonly key: string;
  /** The fencing token: grows with every lease of the same key, so that a late write of an old holder is refused. */
  readonly token: number;
  /** Aborted when the lease is lost (never by `release`). */
  readonly signal: AbortSignal;
  /** Gives it back. Safe to call twice, and after it was lost. */
  release(): Promise<void>;
}

/**
 * Where managed sources keep account keys, credentials and schedules. Keys are `/`-separated segments of
 * `[A-Za-z0-9._*@+-]`, at most 200 characters a segment and 512 in all; `.` and `..` are no segments.
 */
export interface Storage {
  /** The value at `key`, or undefined. A torn write is never served; rejects with `STORAGE_CORRUPT` when nothing intact remains. */
  get(key: string): Promise<StoredValue | undefined>;
  /** Writes atomically: a reader sees the old value or the new one, also after a crash. */
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<{ readonly version: string }>;
  /** Removes the value; absent is no error. */
  delete(key: string, options?: { readonly lease?: Lease }): Promise<void>;
  /** The keys that start with `prefix`, in no promised order. */
  list(prefix: string): AsyncIterable<string>;
  /** Waits until nobody else holds `key`, then holds it. Neither the wait nor the lease keeps the process alive. */
  lock(key: string, options?: LockOptions): Promise<Lease>;
  /**
   * Calls `onChange` soon after a key under `prefix` was written or deleted by anyone, also by another process.
   * Optional: without it managed sources poll once a second.
   * @returns a function that stops the watch
   */
  watch?(prefix: string, onChange: (key: string) => void): () => void;
}

/** No name, so that no member of somebody else's storage is taken for it. */
export const VOLATILE: unique symbol = Symbol('why it does not last');

/** A storage of our own that knows whether what is written is still there after a restart. */
export interface VolatileStorage extends Storage {
  /** Why it is not, as half a sentence; undefined where it is, or nothing is known. Never rejects. */
  [VOLATILE](): Promise<string | undefined>;
}
