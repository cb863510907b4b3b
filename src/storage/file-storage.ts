/** A folder as {@link Storage}, which loads what it needs at its first call. */
import { resolve } from 'node:path';
import { type Clock, systemClock } from '../clock.js';
import { defaultDataFolder } from './data-folder.js';
import type { FolderSettings, FolderStorage, Watch } from './folder-storage.js';
import { journalIn, journalPosition } from './journal-position.js';
import { type Storage, VOLATILE, type VolatileStorage } from './storage.js';
import { tellSafely } from './tell-safely.js';

/** Options of {@link fileStorage}. */
export interface FileStorageOptions {
  /** Times heartbeats, waits and the watch. @defaultValue the system's clock */
  readonly clock?: Clock;
  /**
   * Told of each file that was found cut off, empty or garbled, with the path under which it is kept. The value before
   * it is served instead.
   */
  readonly onDamaged?: (key: string, path: string) => void;
}

/**
 * Stores in a folder of the file system, with modes 0700 and 0600 whatever the umask. The file system must support
 * hard links. Several processes and handles may use one folder; a write that was cut short by a crash or a power
 * failure leaves the value before it.
 *
 * @param directory - made when first written to; relative to the working directory at the time of the call.
 * Default: `$XDG_DATA_HOME/tlsmith` or `~/.local/share/tlsmith`, on macOS `~/Library/Application Support/tlsmith`, on
 * Windows `%LOCALAPPDATA%\tlsmith`, looked up at first use
 * @returns a storage whose methods reject with a TlsmithError: `STORAGE_NOT_WRITABLE`, `STORAGE_UNREADABLE`,
 * `STORAGE_KEY_INVALID`, `STORAGE_VERSION_CONFLICT`, `STORAGE_CORRUPT`, `STORAGE_LEASE_LOST`
 *
 * @example
 * ```ts
 * const storage = fileStorage('/var/lib/my-app/tls');
 * const lease = await storage.lock('reports');
 * await storage.put('reports/today', Buffer.from('…'), { lease });
 * await lease.release();
 * ```
 */
export function fileStorage(directory?: string, options: FileStorageOptions = {}): Storage {
  if (directory !== undefined && (typeof directory !== 'string' || directory === '')) {
    throw new TypeError('fileStorage: directory must be the path of a folder.');
  }
  const { clock = systemClock, onDamaged = () => undefined } = options;
  let root = directory === undefined ? undefined : resolve(directory);
  return storageIn({ root: () => (root ??= defaultDataFolder()), clock, onDamaged: tellSafely(onDamaged) });
}

function storageIn(settings: FolderSettings): VolatileStorage {
  let folder: Promise<FolderStorage> | undefined;
  // Loaded only by servers that keep something: every import of the package would pay for it otherwise.
  const load = (): Promise<FolderStorage> =>
    (folder ??= import('./folder-storage.js').then(({ folderStorage }) => folderStorage(settings)));
  return {
    [VOLATILE]: async () => (await import('./volatility.js')).volatilityOf(settings.root()),
    get: async (key) => (await load()).get(key),
    put: async (key, bytes, options) => (await load()).put(key, bytes, options),
    delete: async (key, options) => (await load()).delete(key, options),
    async *list(prefix) {
      yield* (await load()).list(prefix);
    },
    lock: async (key, options) => (await load()).lock(key, options),
    watch(prefix, onChange) {
      return watchLater(settings, load, { prefix, tell: tellSafely(onChange) });
    },
  };
}

/** Where the journal stands is read at once, so that nothing written while the storage loads goes unheard. */
function watchLater(settings: FolderSettings, load: () => Promise<FolderStorage>, watch: Watch): () => void {
  const position = journalPosition(journalIn(settings.root()));
  let stop: (() => void) | undefined;
  let isStopped = false;
  load().then(
    (storage) => {
      if (!isStopped) stop = storage.watchFrom(position, watch);
    },
    () => undefined, // A package with files missing: whoever reads or writes is told.
  );
  return () => {
    isStopped = true;
    stop?.();
  };
}
