/** A storage that fails, or lets a test act, at a step that the test chooses. */
import { memoryStorage } from '../../../src/storage/memory-storage.js';
import type { Storage } from '../../../src/storage/storage.js';

type Operation = 'get' | 'put' | 'delete' | 'lock';

/** Called before each operation; throws to make it fail. */
export type Interference = (operation: Operation, key: string) => void | Promise<void>;

export interface FaultyStorage extends Storage {
  /** What happens before each operation; nothing by default. */
  interfere: Interference;
}

/** Wraps `inner`; `hasWatch: false` hides its watch, so that it has to be polled. */
export function faultyStorage(inner: Storage = memoryStorage(), { hasWatch = true } = {}): FaultyStorage {
  const storage: FaultyStorage = {
    interfere: () => undefined,
    get: async (key) => {
      await storage.interfere('get', key);
      return inner.get(key);
    },
    put: async (key, bytes, options) => {
      await storage.interfere('put', key);
      return inner.put(key, bytes, options);
    },
    delete: async (key, options) => {
      await storage.interfere('delete', key);
      await inner.delete(key, options);
    },
    list: (prefix) => inner.list(prefix),
    lock: async (key, options) => {
      await storage.interfere('lock', key);
      return inner.lock(key, options);
    },
  };
  if (hasWatch) storage.watch = (prefix, onChange) => inner.watch?.(prefix, onChange) ?? (() => undefined);
  return storage;
}

/** The keys stored under `prefix`. */
export async function keysOf(storage: Storage, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of storage.list(prefix)) keys.push(key);
  return keys.sort();
}
