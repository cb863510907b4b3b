/** A folder as {@link Storage}: private, crash-safe, and shared by any number of processes. */
import { join, resolve } from 'node:path';
import { type Clock, systemClock } from '../clock.js';
import { announceChange, followChanges } from './change-journal.js';
import { defaultDataFolder } from './data-folder.js';
import { removeEmptyFolders } from './durable-files.js';
import { type Fence, fenceOf } from './file-lease.js';
import { type Place, readNewest, removeGenerations, writeGeneration } from './generations.js';
import { listKeys } from './key-listing.js';
import { holdLease } from './lease-holder.js';
import { tellSafely } from './tell-safely.js';
import { corrupt } from './storage-errors.js';
import { reading, writing } from './storage-faults.js';
import { assertKey, folderNames } from './storage-key.js';
import { DEFAULT_LEASE_MS, assertLeaseMs } from './lease-duration.js';
import type { Lease, Storage, StoredValue } from './storage.js';

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

interface Settings {
  readonly root: () => string;
  readonly clock: Clock;
  readonly onDamaged: Place['onDamaged'];
}

function storageIn(settings: Settings): Storage {
  const { root, clock } = settings;
  return {
    async get(key) {
      return reading(rootFor(settings, key), () => getValue(placeOf(settings, key)));
    },
    async put(key, bytes, { lease, ifVersion } = {}) {
      const terms = { fence: fenceFor(settings, lease), ifVersion };
      return writing(rootFor(settings, key), async () => {
        const version = await writeGeneration(placeOf(settings, key), bytes, terms);
        await announceChange(journalIn(root()), key);
        return { version };
      });
    },
    async delete(key, { lease } = {}) {
      const fence = fenceFor(settings, lease);
      await writing(rootFor(settings, key), async () => {
        const place = placeOf(settings, key);
        await removeGenerations(place, fence);
        await removeEmptyFolders(place.folder, root());
        await announceChange(journalIn(root()), key);
      });
    },
    list: (prefix) => listKeys(root, prefix),
    async lock(key, { signal, leaseMs = DEFAULT_LEASE_MS } = {}) {
      assertLeaseMs(leaseMs);
      const { folder } = placeOf(settings, key);
      return writing(root(), () => holdLease({ key, folder, leaseMs, clock, signal }));
    },
    watch: (prefix, onChange) => watchKeys(settings, prefix, onChange),
  };
}

async function getValue(place: Place): Promise<StoredValue | undefined> {
  const { value, isCorrupt } = await readNewest(place);
  if (isCorrupt) throw corrupt(place.key);
  return value && { bytes: value.bytes, version: value.version };
}

function watchKeys({ root, clock }: Settings, prefix: string, onChange: (key: string) => void): () => void {
  const tell = tellSafely(onChange);
  const tellAll = async (): Promise<void> => {
    for await (const key of listKeys(root, prefix)) tell(key);
  };
  return followChanges(journalIn(root()), clock, {
    onKeys: (keys) => {
      for (const key of keys) if (key.startsWith(prefix)) tell(key);
    },
    onGap: () => {
      // A folder that cannot be read has nothing to tell now; the next change is told again.
      void tellAll().catch(() => undefined);
    },
  });
}

function rootFor({ root }: Settings, key: string): string {
  assertKey(key);
  return root();
}

function placeOf({ root, onDamaged }: Settings, key: string): Place {
  assertKey(key);
  return { key, folder: join(root(), ...folderNames(key)), onDamaged };
}

function fenceFor(settings: Settings, lease: Lease | undefined): Fence | undefined {
  return lease && fenceOf(placeOf(settings, lease.key).folder, lease);
}

/** `~` is in no folder of a key. */
function journalIn(root: string): string {
  return join(root, '~changes');
}
