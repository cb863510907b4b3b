/**
 * A folder of certificates while a server runs: which pair answers for which name, loaded when first needed, kept in
 * step with what lies in the folder.
 */
import { resolve } from 'node:path';
import { type Credential, isInDate } from '../../credential/credential.js';
import type {
  CertificateSource,
  ManagedCertificate,
  SourceHost,
  SourceQuery,
  UnloadedCertificate,
} from '../certificate-source.js';
import { FolderWatch } from '../../files/folder-watch.js';
import { unwatchableFilesIn } from '../../files/unwatchable-files.js';
import { writableFolders } from '../../files/writable-by-others.js';
import { Announcements } from './announcements.js';
import { DefaultPair } from './default-pair.js';
import { FallbackDefault } from './fallback-default.js';
import { FolderListing } from './folder-listing.js';
import { FolderScan } from './folder-scan.js';
import { emptyFinding, folderError, goneFinding, unlistedFinding } from './folder-state.js';
import { isPart } from './layouts.js';
import type { PairEntry } from './pair-entry.js';
import { PairFindings, type Subject } from './pair-findings.js';
import { PairIndex } from './pair-index.js';
import { PairLoader } from './pair-loader.js';
import { type Answer, PairSearch } from './pair-search.js';
import { Passphrase } from './passphrase.js';

/** The options of `directory()`, complete. */
export interface CertificateFolderOptions {
  readonly path: string;
  readonly defaultName: string;
  readonly lookup: boolean;
  readonly passphrase: string | undefined;
  readonly passphraseFile: string | undefined;
  readonly fallback: CertificateSource | undefined;
}

const POLL_MS = 1_000;
/** Beyond so many files, most polls only look whether files came or went. */
const OFTEN_POLLED_FILES = 1_000;
const SELDOM_POLL_MS = 30_000;
/** Beyond so many folders, their modes are asked for at the start and by `reload()`. */
const OFTEN_ASKED_FOLDERS = 100;
/** Below what one watch takes. */
const WATCHED_FOLDERS = 4_000;

/** Serves from a folder, from {@link CertificateFolder.start} until {@link CertificateFolder.close}. */
export class CertificateFolder {
  readonly #options: CertificateFolderOptions;
  readonly #host: SourceHost;
  readonly #root: string;
  readonly #closing = new AbortController();
  readonly #index = new PairIndex();
  readonly #defaultPair: DefaultPair;
  readonly #announcements: Announcements;
  readonly #findings: PairFindings;
  /** What findings about the modes of folders are about. */
  readonly #modes: Subject = {};
  readonly #passphrase: Passphrase;
  readonly #fallback: FallbackDefault | undefined;
  readonly #loader: PairLoader;
  readonly #listing: FolderListing;
  readonly #scan: FolderScan;
  readonly #search: PairSearch;
  readonly #watch: FolderWatch;
  #indexing: Promise<void> | undefined;
  #endIndexing: () => void = () => undefined;
  #isReloading = false;
  /** Pairs that are loaded before anybody asks for them; never rejects. */
  #loadingFew = Promise.resolve();
  #lastFullLook = -Infinity;
  /** Never rejects. */
  #readingNamed = Promise.resolve();

  constructor(options: CertificateFolderOptions, host: SourceHost) {
    const { clock, strict: isStrict } = host;
    const { lookup, fallback, defaultName } = options;
    this.#options = options;
    this.#host = host;
    this.#root = resolve(options.path);
    this.#defaultPair = new DefaultPair(defaultName);
    this.#announcements = new Announcements(host);
    this.#findings = new PairFindings(host, this.#root);
    this.#passphrase = new Passphrase(options);
    if (fallback !== undefined)
      this.#fallback = new FallbackDefault({ source: fallback, root: this.#root, defaultName }, host);
    const known = { clock, index: this.#index, announcements: this.#announcements };
    const [findings, passphrase] = [this.#findings, this.#passphrase];
    this.#loader = new PairLoader({
      ...{ ...known, isStrict, findings, passphrase },
      prepare: (credential) => {
        host.prepare(credential);
      },
      indexing: () => this.#indexing,
    });
    this.#listing = new FolderListing(this.#root);
    this.#scan = new FolderScan({
      ...known,
      loader: this.#loader,
      listing: this.#listing,
      select: lookup ? undefined : (pairs) => this.#defaultPair.among(pairs),
    });
    this.#search = this.#newSearch();
    this.#watch = this.#newWatch();
  }

  /**
   * Lists the folder, loads its default, and goes on to read the rest in the background; in strict mode all is read
   * before it resolves.
   * @throws a coded error when the folder cannot be listed, or when all that it holds is a pair that cannot serve
   */
  async start(): Promise<void> {
    this.#indexing = new Promise((end) => {
      this.#endIndexing = () => {
        this.#indexing = undefined;
        end();
      };
    });
    await this.#passphrase.hasChanged();
    await this.#list();
    await this.#startDefault();
    this.#announcements.flush();
    if (this.#closing.signal.aborted) return;
    const firstLook = this.#watch.lookNow().catch(() => undefined);
    this.#watch.start();
    if (this.#host.strict) await firstLook;
  }

  /** The best pair for a name; one that must be read first is answered as pending. */
  find(query: SourceQuery): Answer {
    return this.#search.find(query);
  }

  /** The pair called `defaultName`, or the only one; in its place the fallback's, while it is not in date. */
  default(): Answer {
    return this.#search.default();
  }

  /** Those that are loaded, without those that have a better successor beside them. */
  *list(): Iterable<Credential> {
    const now = this.#host.clock.now();
    for (const [entry, credential] of this.#loader.all()) {
      if (entry === this.#defaultPair.entry || this.#index.isBestForSome(entry, now)) yield credential;
    }
    if (this.#fallback !== undefined) yield* this.#fallback.list();
  }

  /** Whether every pair has been read once. */
  get isIndexed(): boolean {
    return this.#indexing === undefined && this.#lastFullLook !== -Infinity;
  }

  /** What the files of all others say, without those that have a better successor beside them. */
  *unloaded(): Iterable<UnloadedCertificate> {
    const now = this.#host.clock.now();
    for (const entry of this.#scan.entries.values()) {
      const { summary } = entry;
      if (summary === undefined || !entry.isUsable || this.#loader.isLoaded(entry)) continue;
      if (entry === this.#defaultPair.entry || this.#index.isBestForSome(entry, now)) yield summary;
    }
  }

  /** Those of the fallback. */
  managed(): Iterable<ManagedCertificate> {
    return this.#fallback?.managed() ?? [];
  }

  /** Looks at every file now; what is wrong is told at once. */
  async reload(options: { readonly signal: AbortSignal }): Promise<void> {
    this.#isReloading = true;
    await Promise.all([this.#watch.lookNow(), this.#fallback?.reload(options)]);
    await this.#loader.examined();
  }

  /** Leaves nothing running. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#scan.close();
    this.#endIndexing();
    await this.#watch.close();
    await Promise.all([this.#loadingFew, this.#readingNamed]);
    await Promise.all([this.#loader.close(), this.#fallback?.close()]);
  }

  #newSearch(): PairSearch {
    return new PairSearch({
      clock: this.#host.clock,
      lookup: this.#options.lookup,
      index: this.#index,
      loader: this.#loader,
      defaultPair: this.#defaultPair,
      fallback: this.#fallback,
      closing: this.#closing.signal,
      indexing: () => this.#indexing,
    });
  }

  #newWatch(): FolderWatch {
    return new FolderWatch({
      clock: this.#host.clock,
      folders: () => this.#listing.paths.slice(0, WATCHED_FOLDERS),
      pollMs: () => POLL_MS,
      look: (why) => this.#look(why === 'notified'),
      named: (paths) => {
        this.#readNamed(paths);
      },
    });
  }

  /** Ahead of the next look, which makes good for what fails here. */
  #readNamed(paths: ReadonlySet<string>): void {
    // Before the first look all is read anyway.
    if (this.#lastFullLook === -Infinity) return;
    this.#readingNamed = Promise.all([this.#readingNamed, this.#scan.readNamed(paths)]).then(
      () => {
        this.#announcements.flush();
      },
      () => undefined,
    );
  }

  async #list(): Promise<void> {
    try {
      await this.#scan.list();
    } catch (error) {
      throw await folderError(error, this.#root);
    }
    this.#defaultPair.update(this.#scan.entries.values());
  }

  async #startDefault(): Promise<void> {
    const fallback = this.#fallback;
    if (this.#defaultPair.entry === undefined && fallback !== undefined) {
      await fallback.need();
      if (await fallback.write()) {
        await fallback.close();
        await this.#list();
      }
    }
    const { entry } = this.#defaultPair;
    if (entry === undefined || (await this.#loader.load(entry)) !== undefined) return;
    if (fallback !== undefined) await fallback.need();
    else if (entry.failure !== undefined && (this.#scan.entries.size === 1 || !this.#options.lookup))
      throw entry.failure.error;
  }

  /** Every file, or, on most polls of a large folder, only whether files came or went. */
  async #look(isNotified: boolean): Promise<void> {
    // A look at thousands of files would keep the few that were named waiting.
    await this.#readingNamed;
    const now = this.#host.clock.now();
    const isThorough = isNotified || this.#scan.fileCount <= OFTEN_POLLED_FILES || this.#scan.isUnsettled;
    const isDue = isThorough || Math.abs(now - this.#lastFullLook) >= SELDOM_POLL_MS;
    try {
      if (isDue || (await this.#listing.hasChanged())) await this.#lookAtAll(now, isThorough);
    } finally {
      this.#announcements.flush();
    }
  }

  async #lookAtAll(now: number, isThorough: boolean): Promise<void> {
    const isFirst = this.#lastFullLook === -Infinity;
    const isReloading = this.#isReloading;
    const isFinal = isReloading || isFirst;
    this.#isReloading = false;
    if (await this.#passphrase.hasChanged()) this.#scan.readAgain(needsPassphrase);
    if (!isFirst) await this.#listAgain();
    this.#lastFullLook = now;
    await this.#scan.readChanged({ isThorough });
    this.#defaultPair.update(this.#scan.entries.values());
    if (isFirst) this.#tellIndexed();
    this.#loadingFew = this.#loadFew({ isFinal });
    // Loading may take seconds, and whatever changes meanwhile is not to wait for it.
    if (isReloading || this.#host.strict) await this.#loadingFew;
    else this.#loader.tell({ isFinal: false });
    if (this.#closing.signal.aborted) return;
    await this.#lookAtFolder();
    await this.#lookAtModes({ isFinal });
    // What is mounted rarely changes while a process runs.
    if (isFinal) this.#findings.set(this.#listing, await unwatchableFilesIn(this.#listing.paths, isPart));
  }

  async #loadFew({ isFinal }: { readonly isFinal: boolean }): Promise<void> {
    await Promise.all([this.#loadingFew, this.#scan.loadFew()]);
    this.#loader.tell({ isFinal });
    this.#announcements.flush();
  }

  async #listAgain(): Promise<void> {
    try {
      await this.#list();
    } catch (error) {
      const served = [...this.list()].length;
      this.#findings.set(this, [goneFinding(error, this.#root, served)]);
      throw error;
    }
  }

  /** What there is to say of the folder as a whole, and whether its default has to be stood in for. */
  async #lookAtFolder(): Promise<void> {
    const isEmpty = ![...this.#scan.entries.values()].some(({ isIgnored }) => !isIgnored);
    const findings = isEmpty && this.#fallback === undefined ? [await emptyFinding(this.#root)] : [];
    this.#findings.set(this, findings);
    const unlisted = this.#listing.faults.map(([path, error]) => unlistedFinding(error, path));
    this.#findings.set(this.#scan, await Promise.all(unlisted));
    if (this.#fallback === undefined) return;
    const { entry } = this.#defaultPair;
    const credential = entry === undefined ? undefined : this.#loader.credentialOf(entry);
    if (credential === undefined || !isInDate(credential, this.#host.clock.now()))
      await this.#fallback.need();
  }

  /** Whoever can write to a folder can add pairs for any name. Of many folders they are asked for seldom. */
  async #lookAtModes({ isFinal }: { readonly isFinal: boolean }): Promise<void> {
    const { paths } = this.#listing;
    if (!isFinal && paths.length > OFTEN_ASKED_FOLDERS) return;
    this.#findings.set(this.#modes, await writableFolders(paths, { isAddingHarmful: true }));
  }

  #tellIndexed(): void {
    this.#endIndexing();
    if (this.#closing.signal.aborted) return;
    const pairs = [...this.#scan.entries.values()].filter(({ isIgnored }) => !isIgnored).length;
    const facts = { path: this.#root, pairs, names: this.#index.size };
    this.#host.logger.info(
      facts,
      `Certificate folder ${this.#root}: ${pairs} pairs for ${this.#index.size} names.`,
    );
    // What was found out about names and addresses before the end is out of date.
    this.#host.changed();
  }
}

function needsPassphrase({ failure }: PairEntry): boolean {
  return failure?.error.code.startsWith('TLS_KEY_PASSPHRASE') === true;
}
