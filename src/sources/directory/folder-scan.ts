/**
 * Keeps what is known of the pairs in step with the folder: lists it, reads what has changed and nothing else, drops
 * what has left. Work is cut into slices; nothing here waits for a client or keeps one waiting.
 */
import { basename, dirname } from 'node:path';
import type { Clock } from '../../clock.js';
import { SummaryReader } from './certificate-summary.js';
import { MISSING, SPECIAL } from './file-stamp.js';
import type { FolderListing, ListedFolder } from './folder-listing.js';
import type { PairNames } from './layouts.js';
import { idOf, PairEntry } from './pair-entry.js';
import type { Announcements } from './announcements.js';
import type { PairIndex } from './pair-index.js';
import type { PairLoader } from './pair-loader.js';
import { isAllMissing, stampOfEntry } from './read-entry.js';
import { forEachLimited, Slices } from './slices.js';
import { withOtherCertificate } from './unchanged-certificates.js';

/** Up to so many pairs are loaded as soon as they are known, so that faults are told before a client meets them. */
const LOADED_AT_ONCE_PAIRS = 1_000;
const LOOKED_AT_ONCE = 16;
const CHECKED_AT_ONCE = 4;
/** How long files may be gone before they count as removed: certbot and editors remove before they write. */
const REMOVAL_MS = 2_000;
const REMOVAL_LOOKS = 2;

/** What the scan works with. */
export interface FolderScanOptions {
  readonly clock: Clock;
  readonly listing: FolderListing;
  readonly index: PairIndex;
  readonly loader: PairLoader;
  readonly announcements: Announcements;
  /** Which of the listed pairs are of interest; undefined when all are. */
  readonly select: ((pairs: Iterable<ListedPair>) => readonly ListedPair[]) | undefined;
}

/** A pair and where it was listed. */
export type ListedPair = readonly [folder: ListedFolder, names: PairNames];

/** The pairs of a folder. */
export class FolderScan {
  readonly #options: FolderScanOptions;
  readonly #entries = new Map<string, PairEntry>();
  readonly #slices = new Slices();
  readonly #summaries = new SummaryReader();
  #hasMissing = false;
  /** As they were listed last, if that came to an end. */
  #folders: readonly ListedFolder[] = [];
  #fileCount = 0;
  #listings = 0;
  #isClosed = false;

  constructor(options: FolderScanOptions) {
    this.#options = options;
  }

  /** All pairs, those that turned out to be none included. */
  get entries(): ReadonlyMap<string, PairEntry> {
    return this.#entries;
  }

  /** How many files the folder holds that are part of pairs. */
  get fileCount(): number {
    return this.#fileCount;
  }

  /** Whether it is still open what has happened to some files. */
  get isUnsettled(): boolean {
    return this.#hasMissing || this.#options.loader.isUnsettled;
  }

  /** Ends a scan that is going on. */
  close(): void {
    this.#isClosed = true;
  }

  /** Finds out which pairs there are; reads none. */
  async list(): Promise<void> {
    const { listing, select } = this.#options;
    const folders = await listing.read(this.#slices);
    // A folder that has not changed is answered as it was listed before.
    if (!this.#hasMissing && isSame(folders, this.#folders)) return;
    this.#folders = [];
    this.#fileCount = folders.reduce((count, folder) => count + folder.fileCount, 0);
    this.#listings += 1;
    let steps = 0;
    for (const [folder, names] of select?.(pairsOf(folders)) ?? pairsOf(folders)) {
      if (steps % STEPS_BETWEEN_BREATHS === 0) await this.#slices.breathe();
      steps += 1;
      const known = this.#entries.get(idOf(folder, names));
      const entry = known ?? new PairEntry(folder, names);
      if (known === undefined) this.#add(entry);
      else known.listed(folder, names);
      entry.seenIn = this.#listings;
    }
    this.#dropUnseen();
    this.#folders = folders;
  }

  /**
   * Reads what has changed since it was read last: for a pair in use the whole pair, else what its certificate says.
   * A look that is not thorough passes over keys: they only matter together with a certificate that changes.
   */
  async readChanged({ isThorough }: { readonly isThorough: boolean }): Promise<void> {
    const entries = this.#inUseFirst();
    const due = isThorough ? entries : await withOtherCertificate(entries, this.#slices);
    await forEachLimited(due, LOOKED_AT_ONCE, async (entry) => {
      if (this.#isClosed) return;
      await this.#slices.breathe();
      await this.#readIfChanged(entry);
    });
    this.#summaries.rest();
  }

  /** Reads the pairs with a file among `paths`, if they have changed. */
  async readNamed(paths: ReadonlySet<string>): Promise<void> {
    const named = byFolder(paths);
    const entries = [...this.#entries.values()].filter((entry) => hasFileIn(entry, named));
    await forEachLimited(entries, LOOKED_AT_ONCE, async (entry) => {
      if (!this.#isClosed) await this.#readIfChanged(entry);
    });
  }

  /** Loads pairs that nobody has asked for yet, where they are few. */
  async loadFew(): Promise<void> {
    const { loader } = this.#options;
    if (this.#entries.size > LOADED_AT_ONCE_PAIRS) return;
    const isIdle = (entry: PairEntry): boolean =>
      !entry.isGone && !entry.isIgnored && entry.failure === undefined && !loader.isLoaded(entry);
    await forEachLimited([...this.#entries.values()].filter(isIdle), CHECKED_AT_ONCE, async (entry) => {
      await this.#slices.breathe();
      if (this.#isClosed || !isIdle(entry)) return;
      await loader.loadInBackground(entry);
    });
  }

  /** Of files that nobody has replaced for a while, those that fail are read again. */
  readAgain(isMeant: (entry: PairEntry) => boolean): void {
    for (const entry of this.#entries.values()) {
      if (entry.failure !== undefined && isMeant(entry)) entry.stamp = undefined;
    }
  }

  /**
   * What is loaded goes on being served until it is read again, and what is new is not found until it is read; what is
   * neither is read anew for the next client anyway.
   */
  #inUseFirst(): readonly PairEntry[] {
    const entries = [...this.#entries.values()];
    const isInUse = (entry: PairEntry): boolean => this.#options.loader.isLoaded(entry);
    const isNew = (entry: PairEntry): boolean => entry.stamp === undefined;
    const [inUse, others] = [entries.filter(isInUse), entries.filter((entry) => !isInUse(entry))];
    return [...inUse, ...others.filter(isNew), ...others.filter((entry) => !isNew(entry))];
  }

  #add(entry: PairEntry): void {
    this.#entries.set(entry.id, entry);
    this.#options.index.addUnread(entry);
  }

  #dropUnseen(): void {
    const now = this.#options.clock.now();
    this.#hasMissing = false;
    for (const entry of this.#entries.values()) {
      if (entry.seenIn === this.#listings) continue;
      entry.missing ??= { since: now, looks: 0 };
      entry.missing.looks += 1;
      if (entry.missing.looks < REMOVAL_LOOKS || Math.abs(now - entry.missing.since) < REMOVAL_MS) {
        this.#hasMissing = true;
        continue;
      }
      this.#entries.delete(entry.id);
      this.#options.loader.forget(entry);
    }
  }

  async #readIfChanged(entry: PairEntry): Promise<void> {
    const stamp = await stampOfEntry(entry);
    if (stamp === entry.stamp || isAllMissing(stamp) || entry.isGone) return;
    const { loader } = this.#options;
    // A key that is to lie in the certificate's file may come as a file of its own: only a listing tells.
    if (entry.missing !== undefined) return;
    if (loader.isLoading(entry) || loader.isLoaded(entry)) await loader.loadInBackground(entry);
    else if (!(await this.#readCertificate(entry, stamp))) await loader.loadInBackground(entry);
  }

  /** The certificate alone; answers false when only loading the pair can tell what is wrong with it. */
  async #readCertificate(entry: PairEntry, stamp: string): Promise<boolean> {
    const { names, certFile } = entry;
    const parts = stamp.split('|');
    if (parts.includes(SPECIAL) || (names.key !== undefined && parts[1] === MISSING)) return false;
    const before = entry.stamp;
    try {
      const content = await this.#summaries.read(certFile, () => this.#slices.breathe());
      // A client was faster, and has loaded all of it.
      if (entry.isGone || entry.stamp !== before || this.#options.loader.isLoading(entry)) return true;
      entry.isCombined = names.key === undefined && content.hasKey;
      entry.isIgnored =
        content.isAuthority || (names.key === undefined && !content.hasKey && names.isOptional);
      if (names.key === undefined && !content.hasKey && !entry.isIgnored) return false;
      entry.stamp = stamp;
      entry.failure = undefined;
      const { index, announcements } = this.#options;
      announcements.changed(index.update(entry, entry.isIgnored ? undefined : content.summary));
      return true;
    } catch {
      return false;
    }
  }
}

const STEPS_BETWEEN_BREATHS = 100;

function isSame(some: readonly ListedFolder[], others: readonly ListedFolder[]): boolean {
  return some.length === others.length && some.every((folder, index) => folder === others[index]);
}

/** One by one: 10,000 of them together would be a load on memory of their own. */
function* pairsOf(folders: readonly ListedFolder[]): Iterable<ListedPair> {
  for (const folder of folders) for (const names of folder.pairs) yield [folder, names];
}

type NamedFiles = ReadonlyMap<string, ReadonlySet<string | undefined>>;

/** The names of files by folder. */
function byFolder(paths: Iterable<string>): NamedFiles {
  const files = new Map<string, Set<string>>();
  for (const path of paths) {
    const folder = dirname(path);
    const inFolder = files.get(folder);
    if (inFolder === undefined) files.set(folder, new Set([basename(path)]));
    else inFolder.add(basename(path));
  }
  return files;
}

/** Without joining paths: it is asked of 10,000 pairs. */
function hasFileIn({ folder, names }: PairEntry, named: NamedFiles): boolean {
  const files = named.get(folder.path);
  return files !== undefined && (files.has(names.cert) || files.has(names.key) || files.has(names.chain));
}
