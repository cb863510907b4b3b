/** A {@link Storage} that lasts as long as the process, for tests and for machines that must not keep keys. */
import { DEFAULT_LEASE_MS, assertLeaseMs } from './lease-duration.js';
import { leaseLost, versionConflict } from './storage-errors.js';
import { assertKey } from './storage-key.js';
import {
  type Lease,
  type PutOptions,
  type Storage,
  type StoredValue,
  VOLATILE,
  type VolatileStorage,
} from './storage.js';
import { tellSafely } from './tell-safely.js';

/**
 * Stores in memory, with leases, versions and watch as {@link fileStorage} has them. A lease ends by `release()`
 * alone: there is no other process that could outlive its holder. Calls of one storage share its values; two storages
 * do not.
 *
 * @example
 * ```ts
 * createSecureServer({ sources: selfSigned({ storage: memoryStorage() }) }, app);
 * ```
 */
export function memoryStorage(): Storage {
  const state: State = { values: new Map(), locks: new Map(), watchers: new Set(), writes: 0 };
  const storage: VolatileStorage = {
    [VOLATILE]: () => Promise.resolve('memoryStorage() lasts as long as the process'),
    get: (key) => promised(() => get(state, key)),
    put: (key, bytes, options = {}) => promised(() => put(state, { key, bytes, options })),
    delete: (key, { lease } = {}) =>
      promised(() => {
        remove(state, key, lease);
      }),
    list: (prefix) => list(state, prefix),
    lock: async (key, { signal, leaseMs = DEFAULT_LEASE_MS } = {}) => {
      assertKey(key);
      assertLeaseMs(leaseMs);
      return lock(state, key, signal);
    },
    watch: (prefix, onChange) => {
      const watcher = { prefix, tell: tellSafely(onChange) };
      state.watchers.add(watcher);
      return () => {
        state.watchers.delete(watcher);
      };
    },
  };
  return storage;
}

interface State {
  readonly values: Map<string, StoredValue>;
  readonly locks: Map<string, Lock>;
  readonly watchers: Set<{ readonly prefix: string; readonly tell: (key: string) => void }>;
  writes: number;
}

interface Lock {
  /** The newest token given out. */
  token: number;
  isHeld: boolean;
  /** Those who wait, first come first served. */
  readonly waiting: Set<(token: number) => void>;
}

interface Write {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly options: PutOptions;
}

/** What `operation` throws becomes a rejection. */
function promised<T>(operation: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(operation());
  });
}

function get({ values }: State, key: string): StoredValue | undefined {
  assertKey(key);
  const value = values.get(key);
  return value && { ...value, bytes: Uint8Array.from(value.bytes) };
}

function put(state: State, { key, bytes, options: { lease, ifVersion } }: Write): { version: string } {
  assertKey(key);
  assertHeld(state, lease);
  if (ifVersion !== undefined && (state.values.get(key)?.version ?? null) !== ifVersion) {
    throw versionConflict(key, ifVersion);
  }
  state.writes += 1;
  const version = String(state.writes);
  state.values.set(key, { bytes: Uint8Array.from(bytes), version });
  announce(state, key);
  return { version };
}

function remove(state: State, key: string, lease: Lease | undefined): void {
  assertKey(key);
  assertHeld(state, lease);
  if (state.values.delete(key)) announce(state, key);
}

async function* list({ values }: State, prefix: string): AsyncGenerator<string> {
  for (const key of [...values.keys()]) {
    if (key.startsWith(prefix)) yield await Promise.resolve(key);
  }
}

function assertHeld({ locks }: State, lease: Lease | undefined): void {
  if (lease === undefined) return;
  const current = locks.get(lease.key);
  if (current?.isHeld !== true || current.token !== lease.token) throw leaseLost(lease);
}

function announce({ watchers }: State, key: string): void {
  for (const { prefix, tell } of watchers) {
    if (key.startsWith(prefix)) setImmediate(tell, key);
  }
}

async function lock({ locks }: State, key: string, signal: AbortSignal | undefined): Promise<Lease> {
  signal?.throwIfAborted();
  const current = locks.get(key) ?? { token: 0, isHeld: false, waiting: new Set() };
  locks.set(key, current);
  const token = current.isHeld ? await turnOf(current, signal) : grant(current);
  return {
    key,
    token,
    signal: new AbortController().signal,
    release: () => {
      if (current.token === token && current.isHeld) handOver(current);
      return Promise.resolve();
    },
  };
}

function grant(current: Lock): number {
  current.isHeld = true;
  current.token += 1;
  return current.token;
}

/** Without a gap, so that nobody who comes now can push in. */
function handOver(current: Lock): void {
  current.isHeld = false;
  const [next] = current.waiting;
  if (next !== undefined) next(grant(current));
}

function turnOf({ waiting }: Lock, signal: AbortSignal | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      waiting.delete(onTurn);
      reject(signal?.reason as Error);
    };
    const onTurn = (token: number): void => {
      waiting.delete(onTurn);
      signal?.removeEventListener('abort', onAbort);
      resolve(token);
    };
    waiting.add(onTurn);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
