/** Answers questions from what is known of the folder: at once where the pair is loaded, else as soon as it is. */
import { type Clock, delay } from '../../clock.js';
import { coversName, type Credential, isInDate } from '../../credential/credential.js';
import { isAlternative, withAlternative } from '../../credential/key-kinds.js';
import type { Found, SourceQuery } from '../certificate-source.js';
import type { DefaultPair } from './default-pair.js';
import type { FallbackDefault } from './fallback-default.js';
import type { PairEntry } from './pair-entry.js';
import type { PairIndex } from './pair-index.js';
import type { PairLoader } from './pair-loader.js';

/** How long a client may wait for the index of a folder that is being read for the first time. */
const FIRST_SCAN_MS = 30_000;
/** A pair that is being replaced while a client asks for it is read again after these pauses. */
const SWAP_PAUSES_MS = [50, 100, 200];

/** What the search looks into. */
export interface PairSearchOptions {
  readonly clock: Clock;
  /** False: only the default pair answers, for the names that it covers. */
  readonly lookup: boolean;
  readonly index: PairIndex;
  readonly loader: PairLoader;
  readonly defaultPair: DefaultPair;
  readonly fallback: FallbackDefault | undefined;
  /** Aborted when the folder is closed. */
  readonly closing: AbortSignal;
  /** Resolves when every pair has been read once; undefined when that is so. */
  readonly indexing: () => Promise<void> | undefined;
}

/** An answer of a source. */
export type Answer = Found | undefined | Promise<Found | undefined>;

/** Finds pairs. */
export class PairSearch {
  readonly #options: PairSearchOptions;

  constructor(options: PairSearchOptions) {
    this.#options = options;
  }

  /** The best pair for a name. */
  find(query: SourceQuery): Answer {
    const { loader, fallback, indexing } = this.#options;
    const entry = this.#next(query, NONE_TRIED);
    if (entry === undefined && indexing() === undefined) return fallback?.find(query);
    const credential = entry === undefined ? undefined : loader.credentialOf(entry);
    if (entry !== undefined && credential !== undefined && coversName(credential, query.serverName))
      return this.#completed(entry, credential, query.serverName);
    return { pending: this.#search(query) };
  }

  /** The default pair; in its place the fallback's, while it is not in date. */
  default(): Answer {
    const { loader, fallback, defaultPair, clock } = this.#options;
    const { entry } = defaultPair;
    if (entry === undefined) return fallback?.default();
    const credential = loader.credentialOf(entry);
    if (credential === undefined) return this.#loadDefault(entry);
    const [serverName] = credential.names;
    if (isInDate(credential, clock.now()))
      return serverName === undefined ? credential : this.#completed(entry, credential, serverName);
    return fallback?.default() ?? credential;
  }

  /** Reads pair after pair until one answers for the name. */
  async #search(query: SourceQuery): Promise<Credential | undefined> {
    const tried = new Set<PairEntry>();
    let lesser: Credential | undefined;
    for (let entry = this.#next(query, tried); entry !== undefined; entry = this.#next(query, tried)) {
      tried.add(entry);
      const credential = await this.#load(entry);
      if (credential === undefined || !coversName(credential, query.serverName)) continue;
      if (isInDate(credential, this.#options.clock.now()))
        return this.#completedLater(entry, credential, query.serverName);
      lesser ??= credential;
    }
    const indexing = this.#options.indexing();
    if (indexing !== undefined && (await this.#isOver(indexing))) return this.#search(query);
    return lesser ?? (await this.#fromFallback(query));
  }

  /** With the pair of the other key kind for the name, where there is one: at once, or as soon as it is loaded. */
  #completed(entry: PairEntry, credential: Credential, serverName: string): Found {
    const { index, loader, clock } = this.#options;
    // Nearly every folder has one kind of key.
    if (!index.hasBothKinds) return credential;
    const other = index.alternativeTo(entry, { serverName, now: clock.now() });
    if (other === undefined) return credential;
    const alternative = loader.credentialOf(other);
    if (alternative === undefined) return { pending: this.#completedLater(entry, credential, serverName) };
    return this.#together(credential, alternative, serverName);
  }

  async #completedLater(entry: PairEntry, credential: Credential, serverName: string): Promise<Credential> {
    const { index, loader, clock } = this.#options;
    const other = index.alternativeTo(entry, { serverName, now: clock.now() });
    const alternative = other === undefined ? undefined : await loader.load(other);
    return alternative === undefined ? credential : this.#together(credential, alternative, serverName);
  }

  #together(credential: Credential, alternative: Credential, serverName: string): Credential {
    const covers = (other: Credential): boolean => coversName(other, serverName);
    const now = this.#options.clock.now();
    return isAlternative(alternative, credential, { covers, now })
      ? withAlternative(credential, alternative)
      : credential;
  }

  #next({ serverName }: SourceQuery, tried: ReadonlySet<PairEntry>): PairEntry | undefined {
    const { index, clock, lookup, indexing, defaultPair } = this.#options;
    const query = { serverName, now: clock.now(), tried };
    if (lookup) return index.best(query) ?? (indexing() === undefined ? undefined : index.unread(query));
    const { entry } = defaultPair;
    if (entry === undefined || tried.has(entry) || !entry.isUsable) return undefined;
    const isKnown = entry.summary !== undefined;
    return isKnown && index.best(query) === undefined ? undefined : entry;
  }

  /** A pair that is just being replaced fits again in a moment; a client that waits need not notice. */
  async #load(entry: PairEntry): Promise<Credential | undefined> {
    const { loader, clock, closing, indexing } = this.#options;
    for (const pauseMs of SWAP_PAUSES_MS) {
      const credential = loader.credentialOf(entry) ?? (await loader.load(entry));
      if (credential !== undefined || entry.isGone || entry.isIgnored) return credential;
      if (indexing() !== undefined || closing.aborted) return undefined;
      await delay(clock, pauseMs, closing).catch(() => undefined);
    }
    return loader.load(entry);
  }

  async #loadDefault(entry: PairEntry): Promise<Found | undefined> {
    return (await this.#load(entry)) ?? this.#options.fallback?.default();
  }

  /** Waits for the first look at all pairs; answers false when that takes too long. */
  async #isOver(indexing: Promise<void>): Promise<boolean> {
    const { clock, closing } = this.#options;
    const stop = new AbortController();
    const timeout = delay(clock, FIRST_SCAN_MS, AbortSignal.any([stop.signal, closing])).then(
      () => undefined,
      () => undefined,
    );
    await Promise.race([indexing, timeout]);
    stop.abort();
    return this.#options.indexing() === undefined;
  }

  async #fromFallback(query: SourceQuery): Promise<Credential | undefined> {
    const found = await this.#options.fallback?.find(query);
    const answer = found !== undefined && 'pending' in found ? await found.pending : found;
    // What is no credential yet is proven by whoever asked.
    return answer as Credential | undefined;
  }
}

const NONE_TRIED: ReadonlySet<PairEntry> = new Set();
