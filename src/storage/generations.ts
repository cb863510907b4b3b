/**
 * Values as numbered generations: a write prepares a file, checks its conditions, and gives it the next number
 * with link(2), which fails when the number is taken. Readers take the highest. There is no lock to be left behind.
 *
 * What keeps a slow writer harmless: its staged name carries the number it builds upon, and sweeping removes
 * staged names before generations. So its link finds either its own number never used, or the staged name gone.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, rmdir } from 'node:fs/promises';
import { TlsmithError, codeOf } from '../errors.js';
import { ensureFolder, syncFolder, writeNewFile } from './durable-files.js';
import type { Fence } from './file-lease.js';
import { type Generation, decodeGeneration, encodeGeneration } from './generation.js';
import { damagedPath, generationPath, readKeyFolder, stagingPath } from './key-folder.js';
import { corrupt, versionConflict } from './storage-errors.js';
import { sweep } from './sweep.js';

/** A key and where its generations are. */
export interface Place {
  readonly key: string;
  readonly folder: string;
  /** Told of each generation found damaged, once. */
  readonly onDamaged: (key: string, path: string) => void;
}

/** Conditions of a write. */
export interface Terms {
  /** The lease that must still be held at the very instant of the write. */
  readonly fence?: Fence | undefined;
  /** As in {@link PutOptions}. */
  readonly ifVersion?: string | null | undefined;
}

/** What a reader of a key sees. */
export interface Newest {
  /** The highest number in use. */
  readonly top: number;
  /** The newest intact generation. */
  readonly value?: Generation;
  /** Whether there were generations and all are damaged. */
  readonly isCorrupt: boolean;
}

const MOST_ATTEMPTS = 1_000;
const LONGEST_BACKOFF_MS = 20;

/** The newest intact generation; damaged ones above it are set aside. */
export async function readNewest(place: Place): Promise<Newest> {
  for (;;) {
    const { top, generations, damaged } = await readKeyFolder(place.folder);
    let isCorrupt = damaged.length > 0 && generations[0]?.isTombstone !== true;
    let isOutdated = false;
    for (const { number, isTombstone } of generations) {
      if (isTombstone) return { top, isCorrupt };
      if (damaged.includes(number)) continue;
      const file = await readIfThere(generationPath(place.folder, number));
      // Pruned since the folder was listed, so there is a newer one.
      if (file === undefined) isOutdated = true;
      if (file === undefined) break;
      const value = decodeGeneration(file);
      if (value !== undefined) return { top, value, isCorrupt: false };
      await setAside(place, number);
      isCorrupt = true;
    }
    if (!isOutdated) return { top, isCorrupt };
  }
}

/**
 * Adds a generation and returns its version.
 * @throws TlsmithError `STORAGE_VERSION_CONFLICT`, `STORAGE_LEASE_LOST`, `STORAGE_CORRUPT`
 */
export async function writeGeneration(place: Place, bytes: Uint8Array, terms: Terms): Promise<string> {
  return untilWon(place, () => tryWrite(place, bytes, terms));
}

/**
 * Makes the key absent.
 * @throws TlsmithError `STORAGE_LEASE_LOST`
 */
export async function removeGenerations(place: Place, fence: Fence | undefined): Promise<void> {
  await untilWon(place, () => tryRemove(place, fence));
}

/** Undefined when another writer was faster. */
async function tryWrite(place: Place, bytes: Uint8Array, terms: Terms): Promise<string | undefined> {
  const { folder } = place;
  await ensureFolder(folder);
  const head = await readKeyFolder(folder);
  const number = head.top + 1;
  const version = `${number}-${randomBytes(8).toString('hex')}`;
  const staged = stagingPath(folder, head);
  try {
    const lease = terms.fence?.lease;
    await writeNewFile(staged, encodeGeneration({ bytes, version, ...(lease && { lease }) }));
    // From here on the staged name guards what is read: whoever makes it outdated takes it away or takes its number.
    const newest = await readNewest(place);
    if (newest.top !== head.top) return undefined;
    await assertTerms(place.key, newest, terms);
    await link(terms.fence?.through(staged) ?? staged, generationPath(folder, number));
  } catch (error) {
    if (isOvertaken(error)) return undefined;
    throw error;
  } finally {
    await rm(staged, { force: true });
  }
  await settle(folder);
  return version;
}

/** The number is taken: from here on nothing may send the writer round again. */
async function settle(folder: string): Promise<void> {
  try {
    await syncFolder(folder);
  } catch (error) {
    // Deleted meanwhile, folder and all.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  // What cannot be cleaned up now is cleaned up by the next write.
  await sweep(folder).catch(() => undefined);
}

/** Undefined when another writer was faster. */
async function tryRemove(place: Place, fence: Fence | undefined): Promise<true | undefined> {
  const { folder } = place;
  const newest = await readNewest(place);
  await assertTerms(place.key, newest, { fence });
  if (newest.top === 0) return true;
  if (newest.value === undefined && !newest.isCorrupt) {
    // What a deleter that was killed left behind may be a private key.
    await sweep(folder);
    return true;
  }
  const tombstone = generationPath(folder, newest.top + 1);
  try {
    await mkdir(fence?.through(tombstone) ?? tombstone, { mode: 0o700 });
  } catch (error) {
    if (isOvertaken(error)) return undefined;
    throw error;
  }
  // A number below the top may have been free again, because it was swept: then nothing was deleted.
  const isOutdated = (await readKeyFolder(folder)).top !== newest.top + 1;
  if (!isOutdated) await settle(folder);
  // Stays when someone already writes upon it.
  await rmdir(tombstone).catch(() => undefined);
  return isOutdated ? undefined : true;
}

async function assertTerms(
  key: string,
  { value, isCorrupt }: Newest,
  { fence, ifVersion }: Terms,
): Promise<void> {
  await fence?.assertHeld();
  const last = value?.lease;
  if (fence !== undefined && last?.key === fence.lease.key && last.token > fence.lease.token)
    throw fence.lost();
  if (ifVersion === undefined) return;
  if (isCorrupt) throw corrupt(key);
  if ((value?.version ?? null) !== ifVersion) throw versionConflict(key, ifVersion);
}

/** A second name, not a new one: the number stays taken, so that nothing is written below or over it. */
async function setAside(place: Place, number: number): Promise<void> {
  const path = damagedPath(place.folder, number);
  try {
    await link(generationPath(place.folder, number), path);
  } catch (error) {
    // Another reader was faster, or it is gone by now.
    if (isOvertaken(error)) return;
  }
  place.onDamaged(place.key, path);
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function untilWon<T>(place: Place, attempt: () => Promise<T | undefined>): Promise<T> {
  for (let attempts = 1; attempts <= MOST_ATTEMPTS; attempts += 1) {
    const result = await attempt();
    if (result !== undefined) return result;
    // Not the clock's timer: a write under way keeps the process alive.
    await new Promise((resolve) =>
      setTimeout(resolve, Math.random() * Math.min(attempts, LONGEST_BACKOFF_MS)),
    );
  }
  throw new TlsmithError(
    'STORAGE_NOT_WRITABLE',
    `"${place.key}" could not be written: others were faster ${MOST_ATTEMPTS} times.`,
    { key: place.key, path: place.folder, hint: 'Look for a process that writes this key in a loop.' },
  );
}

function isOvertaken(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'EEXIST';
}
