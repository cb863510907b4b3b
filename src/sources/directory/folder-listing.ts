/**
 * The folders that are looked into and what lies in them: the root, and folders in it two deep. A folder is listed
 * again only when it has changed.
 */
import type { Dirent } from 'node:fs';
import { opendir, readlink, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { codeOf } from '../../errors.js';
import { isPart, type PairNames, pairsIn } from './layouts.js';
import { deviceOf, stampOf } from './file-stamp.js';
import { isOnLocalDisk } from './local-disk.js';
import { forEachLimited, type Slices } from './slices.js';

const DEEPEST = 2;
const LISTED_AT_ONCE = 8;
/** What certbot keeps beside `live`: every generation ever issued, and keys without certificates. */
const CERTBOT_BESIDE_LIVE = ['archive', 'renewal', 'accounts'];

/** It is root's alone, at the top of every ext4 file system, and holds nobody's certificates. */
const RESCUED = 'lost+found';
const GONE: readonly string[] = ['ENOENT', 'ENOTDIR'];

/** A folder as it was listed. */
export interface ListedFolder {
  readonly path: string;
  /** Relative to the root; `''` for the root itself. */
  readonly relativePath: string;
  readonly pairs: readonly PairNames[];
  /** How many files have a part in pairs. */
  readonly fileCount: number;
  /** Whether Kubernetes swaps the files of this folder by its link `..data`. */
  readonly hasSnapshots: boolean;
  /** What the stamps of files on its disk begin with, if that is a disk of this machine. */
  readonly localDevice?: string;
}

interface Listing extends ListedFolder {
  readonly stamp: string;
  readonly folders: readonly SubFolder[];
  /** Why it could not be listed the last time. */
  readonly fault?: unknown;
}

interface SubFolder {
  readonly name: string;
  readonly isLinked: boolean;
}

interface FolderToList {
  readonly path: string;
  readonly relativePath: string;
  readonly depth: number;
  readonly isLinked: boolean;
}

/** Lists a folder again and again. */
export class FolderListing {
  readonly #root: string;
  #known = new Map<string, Listing>();

  constructor(root: string) {
    this.#root = root;
  }

  /** All folders that were looked into, the root first. */
  get paths(): readonly string[] {
    return [this.#root, ...[...this.#known.keys()].filter((path) => path !== this.#root)];
  }

  /** The folders below the root that could not be listed the last time, and why. */
  get faults(): readonly (readonly [path: string, error: unknown])[] {
    return [...this.#known.values()].flatMap(({ path, fault }) =>
      fault === undefined ? [] : [[path, fault]],
    );
  }

  /** Whether the root, or one of these folders, has changed since it was listed. */
  async hasChanged(): Promise<boolean> {
    for (const path of this.paths.slice(0, LOOKED_AT_EVERY_SECOND)) {
      if ((await stampOf(path)) !== this.#known.get(path)?.stamp) return true;
    }
    return false;
  }

  /**
   * What lies in the folders now.
   * @throws the error of the system when the root cannot be listed; another folder goes on with what it had, see `faults`
   */
  async read(slices: Slices): Promise<readonly ListedFolder[]> {
    const listed = new Map<string, Listing>();
    let level: readonly FolderToList[] = [{ path: this.#root, relativePath: '', depth: 0, isLinked: false }];
    while (level.length > 0) {
      const next: FolderToList[] = [];
      await forEachLimited(level, LISTED_AT_ONCE, async (folder) => {
        await slices.breathe();
        const listing = await this.#list(folder, slices);
        if (listing === undefined) return;
        listed.set(folder.path, listing);
        if (folder.depth < DEEPEST && !folder.isLinked) next.push(...below(folder, listing.folders));
      });
      level = next;
    }
    this.#known = listed;
    return [...listed.values()];
  }

  async #list(folder: FolderToList, slices: Slices): Promise<Listing | undefined> {
    const { path, relativePath } = folder;
    const known = this.#known.get(path);
    // Taken before the listing: what changes meanwhile makes it differ the next time.
    const stamp = await stampOf(path);
    if (known !== undefined && known.stamp === stamp && known.fault === undefined) return known;
    try {
      const { fileNames, others } = await contentOf(path, slices);
      return {
        path,
        relativePath,
        stamp,
        ...((await isOnLocalDisk(path)) ? { localDevice: deviceOf(stamp) } : {}),
        pairs: pairsIn({
          fileNames,
          folderName: relativePath === '' ? undefined : basename(path),
          isLinked: folder.isLinked,
        }),
        fileCount: fileNames.length,
        hasSnapshots: others.some((entry) => entry.name === '..data' && entry.isSymbolicLink()),
        folders: folder.isLinked ? [] : await subFolders(path, others),
      };
    } catch (error) {
      if (relativePath === '') throw error;
      if (GONE.includes(codeOf(error) ?? '') || basename(path) === RESCUED) return undefined;
      const nothing = { path, relativePath, pairs: [], fileCount: 0, hasSnapshots: false, folders: [] };
      return { ...(known ?? nothing), stamp, fault: error };
    }
  }
}

const LOOKED_AT_EVERY_SECOND = 100;

/** So many names come from the system at a time: fewer are slower. */
const NAMES_AT_ONCE = 2_048;
const NAMES_BETWEEN_BREATHS = 256;

interface Content {
  /** What has a part in pairs by its name. */
  readonly fileNames: readonly string[];
  readonly others: readonly Dirent[];
}

/** Read piece by piece: of 20,000 files at once everything that node says would be in memory together. */
async function contentOf(path: string, slices: Slices): Promise<Content> {
  const fileNames: string[] = [];
  const others: Dirent[] = [];
  for await (const entry of await opendir(path, { bufferSize: NAMES_AT_ONCE })) {
    // Also a folder that is called like a file: Docker makes one where a file to mount is missing.
    if (isPart(entry.name)) fileNames.push(entry.name);
    else others.push(entry);
    if (fileNames.length % NAMES_BETWEEN_BREATHS === 0) await slices.breathe();
  }
  return { fileNames, others };
}

async function subFolders(path: string, entries: readonly Dirent[]): Promise<SubFolder[]> {
  const folders: SubFolder[] = [];
  for (const entry of entries) {
    const { name } = entry;
    if (name.startsWith('.') || isPart(name)) continue;
    if (entry.isDirectory()) folders.push({ name, isLinked: false });
    else if (entry.isSymbolicLink() && (await isFolder(join(path, name))))
      folders.push({ name, isLinked: true });
  }
  const isCertbot =
    folders.some(({ name }) => name === 'live') &&
    folders.some(({ name }) => CERTBOT_BESIDE_LIVE.includes(name));
  return isCertbot ? folders.filter(({ name }) => name === 'live') : folders;
}

function below({ path, relativePath, depth }: FolderToList, folders: readonly SubFolder[]): FolderToList[] {
  return folders.map(({ name, isLinked }) => ({
    path: join(path, name),
    relativePath: relativePath === '' ? name : join(relativePath, name),
    depth: depth + 1,
    isLinked,
  }));
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Follows `..data` once for all files of one load, so that certificate and key come from one snapshot even when
 * Kubernetes swaps it in between.
 */
export function snapshotLocator(folder: string): (path: string) => Promise<string> {
  let snapshot: Promise<string> | undefined;
  return async (path) => {
    const link = await readlink(path).catch(() => '');
    if (!link.startsWith(SNAPSHOT)) return path;
    snapshot ??= readlink(join(folder, '..data'));
    return join(folder, await snapshot, link.slice(SNAPSHOT.length));
  };
}

const SNAPSHOT = '..data/';
