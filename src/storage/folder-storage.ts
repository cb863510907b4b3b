/** How a folder is a {@link Storage}: private, crash-safe, and shared by any number of processes. */
import { join } from 'node:path';
import type { Clock } from '../clock.js';
import { announceChange, followChanges } from './change-journal.js';
import { type JournalPosition, journalIn } from './journal-position.js';
import { removeEmptyFolders } from './durable-files.js';
import { type Fence, fenceOf } from './file-lease.js';
import { type Place, readNewest, removeGenerations, writeGeneration } from './generations.js';
import { listKeys } from './key-listing.js';
import { holdLease } from './lease-holder.js';
import { corrupt } from './storage-errors.js';
import { reading, writing } from './storage-faults.js';
import { assertKey, folderNames } from './storage-key.js';
import { DEFAULT_LEASE_MS, assertLeaseMs } from './lease-duration.js';
import type { Lease, Storage, StoredValue } from './storage.js';

/** What a folder storage is told by whoever opens it. */
export interface FolderSettings {
  /** Absolute path of the folder; asked at first use. */
  readonly root: () => string;
  readonly clock: Clock;
  readonly onDamaged: Place['onDamaged'];
}

/** Who is told of the changes under `prefix`; must not throw. */
export interface Watch {
  readonly prefix: string;
  readonly tell: (key: string) => void;
}

/** A {@link Storage} whose watch begins where the journal stood when it was asked for. */
export interface FolderStorage extends Omit<Storage, 'watch'> {
  watchFrom(position: JournalPosition, watch: Watch): () => void;
}

/** A storage as {@link fileStorage} promises, but for its watch, which starts at a position in the journal. */
export function folderStorage(settings: FolderSettings): FolderStorage {
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
    watchFrom: (position, watch) => watchKeys(settings, position, watch),
  };
}

async function getValue(place: Place): Promise<StoredValue | undefined> {
  const { value, isCorrupt } = await readNewest(place);
  if (isCorrupt) throw corrupt(place.key);
  return value && { bytes: value.bytes, version: value.version };
}

function watchKeys({ root, clock }: FolderSettings, position: JournalPosition, watch: Watch): () => void {
  const { prefix, tell } = watch;
  const tellAll = async (): Promise<void> => {
    for await (const key of listKeys(root, prefix)) tell(key);
  };
  return followChanges(
    { folder: journalIn(root()), position, clock },
    {
      onKeys: (keys) => {
        for (const key of keys) if (key.startsWith(prefix)) tell(key);
      },
      onGap: () => {
        // A folder that cannot be read has nothing to tell now; the next change is told again.
        void tellAll().catch(() => undefined);
      },
    },
  );
}

function rootFor({ root }: FolderSettings, key: string): string {
  assertKey(key);
  return root();
}

function placeOf({ root, onDamaged }: FolderSettings, key: string): Place {
  assertKey(key);
  return { key, folder: join(root(), ...folderNames(key)), onDamaged };
}

function fenceFor(settings: FolderSettings, lease: Lease | undefined): Fence | undefined {
  return lease && fenceOf(placeOf(settings, lease.key).folder, lease);
}
