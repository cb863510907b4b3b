/**
 * Loads pairs when they are needed: one load per pair at a time, few at once, the result kept as long as it is among
 * those used last. A pair whose new files cannot be served goes on with the credential that it had.
 */
import { BoundedMap } from '../../bounded-map.js';
import type { Clock } from '../../clock.js';
import { type Credential, isInDate } from '../../credential/credential.js';
import type { Finding } from '../../credential/findings.js';
import { isRsa } from '../../credential/key-kinds.js';
import { isTlsmithError, messageOf, TlsmithError } from '../../errors.js';
import type { LoadedPair, Prepare, ProvenPair } from '../../files/load-pair.js';
import type { Announcements } from './announcements.js';
import { failureFinding, named } from './failure-findings.js';
import { LaterExaminations } from './later-examinations.js';
import type { PairEntry } from './pair-entry.js';
import type { PairFindings } from './pair-findings.js';
import type { PairIndex } from './pair-index.js';
import type { Passphrase } from './passphrase.js';
import { isAllMissing, isSameState, lookForKey, readEntry, stampOfEntry } from './read-entry.js';
import { Gate } from './slices.js';

const KEPT_CREDENTIALS = 2_000;
/** Each reads two files; far below any limit on open files. */
const LOADS_FOR_CLIENTS = 8;
/** Proving pairs keeps the event loop busy: with few at once, handshakes come in between. */
const LOADS_IN_BACKGROUND = 2;
/** How long files may be in the middle of being replaced before a person is told that they do not fit. */
const SWAP_MS = 1_000;
const DATE_CODES: readonly string[] = ['TLS_CERT_EXPIRED', 'TLS_CERT_NOT_YET_VALID'];
/** Reasons that lie with this process or the file system, not with the files: a later read may succeed. */
const PASSING = ['EMFILE', 'ENFILE', 'EIO', 'ESTALE', 'EAGAIN', 'ENOMEM', 'ETIMEDOUT', 'EBUSY'];

/** What loading needs. */
export interface PairLoaderOptions {
  readonly clock: Clock;
  /** Whether a pair with a warning may not replace one that is good. */
  readonly isStrict: boolean;
  readonly index: PairIndex;
  readonly findings: PairFindings;
  readonly announcements: Announcements;
  readonly passphrase: Passphrase;
  /** Makes what serves a pair. */
  readonly prepare: Prepare;
  /** Resolves when every pair has been read once; undefined from then on. */
  readonly indexing: () => Promise<void> | undefined;
}

/** The loaded pairs. */
export class PairLoader {
  readonly #options: PairLoaderOptions;
  readonly #kept = new BoundedMap<PairEntry, Credential>(KEPT_CREDENTIALS);
  readonly #loading = new Map<PairEntry, Promise<Credential | undefined>>();
  readonly #clients = new Gate(LOADS_FOR_CLIENTS);
  readonly #background = new Gate(LOADS_IN_BACKGROUND);
  /** Pairs whose failure nobody has been told of yet. */
  readonly #untold = new Set<PairEntry>();
  /** Pairs that serve what their files no longer hold. */
  readonly #outlived = new Set<PairEntry>();

  readonly #later: LaterExaminations;

  constructor(options: PairLoaderOptions) {
    this.#options = options;
    this.#later = new LaterExaminations(options.clock, options.indexing);
  }

  /** Whether some failure has to be looked at again soon. */
  get isUnsettled(): boolean {
    return this.#untold.size > 0;
  }

  /** What a pair serves without being read. */
  credentialOf(entry: PairEntry): Credential | undefined {
    return entry.lastGood ?? this.#kept.get(entry);
  }

  /** Whether the pair serves something without being read; asking does not count as use. */
  isLoaded(entry: PairEntry): boolean {
    return entry.lastGood !== undefined || this.#kept.has(entry);
  }

  /** All that is at hand. */
  *all(): Iterable<readonly [PairEntry, Credential]> {
    yield* this.#kept.entries();
    for (const entry of this.#outlived) if (entry.lastGood !== undefined) yield [entry, entry.lastGood];
  }

  /** Whether the pair is being loaded. */
  isLoading(entry: PairEntry): boolean {
    return this.#loading.has(entry);
  }

  /** Reads the pair as it is now, for a client; answers what it serves then, if anything. Never rejects. */
  load(entry: PairEntry): Promise<Credential | undefined> {
    return this.#loadOnce(entry, this.#clients);
  }

  /** The same while nobody waits for it. */
  loadInBackground(entry: PairEntry): Promise<Credential | undefined> {
    return this.#loadOnce(entry, this.#background);
  }

  /** Drops a pair that has left the folder. */
  forget(entry: PairEntry): void {
    entry.isGone = true;
    entry.lastGood = undefined;
    entry.failure = undefined;
    this.#kept.delete(entry);
    this.#untold.delete(entry);
    this.#outlived.delete(entry);
    this.#options.announcements.changed(this.#options.index.update(entry, undefined));
    this.#options.findings.set(entry, []);
  }

  /** Tells of failures that last; of all, when nobody is in the middle of replacing files. */
  tell({ isFinal }: { readonly isFinal: boolean }): void {
    const now = this.#options.clock.now();
    for (const entry of this.#untold) {
      const { failure } = entry;
      if (failure !== undefined && !isFinal && Math.abs(now - failure.since) < SWAP_MS) continue;
      this.#untold.delete(entry);
      if (failure === undefined || entry.isGone) continue;
      this.#options.findings.set(entry, [failureFinding(entry, failure.error)]);
    }
  }

  /** Resolves when nothing is being loaded. */
  async settled(): Promise<void> {
    while (this.#loading.size > 0) await Promise.all(this.#loading.values());
  }

  /** Resolves when all that was loaded has been examined, too. */
  async examined(): Promise<void> {
    await this.settled();
    await this.#later.settled();
  }

  /** Ends what goes on behind. */
  async close(): Promise<void> {
    await this.settled();
    await this.#later.close();
  }

  #loadOnce(entry: PairEntry, gate: Gate): Promise<Credential | undefined> {
    const known = this.#loading.get(entry);
    if (known !== undefined) return known;
    const loading = gate
      .pass(() => this.#load(entry, { isAwaited: gate === this.#clients }))
      .finally(() => {
        this.#loading.delete(entry);
      });
    this.#loading.set(entry, loading);
    return loading;
  }

  async #load(entry: PairEntry, { isAwaited }: { isAwaited: boolean }): Promise<Credential | undefined> {
    await lookForKey(entry);
    const stamp = await stampOfEntry(entry);
    try {
      const passphrase = await this.#options.passphrase.read();
      const pair = await readEntry(entry, { stamp, passphrase, prepare: this.#options.prepare });
      // A strict server does not serve what it has not looked at.
      if (isAwaited && !this.#options.isStrict) this.#adopt(entry, stamp, pair);
      else await this.#adoptExamined(entry, stamp, pair);
    } catch (error) {
      if (!entry.isGone) this.#failed(entry, stamp, error);
    }
    return entry.isGone ? undefined : this.credentialOf(entry);
  }

  async #adoptExamined(entry: PairEntry, stamp: string, { credential, examine }: ProvenPair): Promise<void> {
    const findings = await examine(this.#options.clock.now());
    this.#assertStrict(entry, { credential, findings });
    if (!entry.isGone) this.#succeeded(entry, stamp, { credential, findings });
  }

  /** Serves the pair, and looks at it closely when the client has been served. */
  #adopt(entry: PairEntry, stamp: string, { credential, examine }: ProvenPair): void {
    if (entry.isGone) return;
    this.#succeeded(entry, stamp, { credential, findings: credential.findings });
    const isStillIt = (): boolean => !entry.isGone && this.credentialOf(entry) === credential;
    this.#later.add(entry, async () => {
      if (!isStillIt()) return;
      try {
        const findings = await examine(this.#options.clock.now());
        // That its new files cannot be used is what there is to tell, once they have been tried.
        if (isStillIt() && entry.failure === undefined) this.#tellOf(entry, findings);
      } catch (error) {
        if (!isStillIt()) return;
        this.#kept.delete(entry);
        this.#failed(entry, stamp, error);
      }
    });
  }

  /** What would have kept a strict server from starting does not replace a pair that is still good. */
  #assertStrict(entry: PairEntry, { findings }: LoadedPair): void {
    const { isStrict, clock } = this.#options;
    const live = this.credentialOf(entry);
    const finding = findings.find(({ severity }) => severity !== 'info');
    if (!isStrict || finding === undefined || live === undefined || !isInDate(live, clock.now())) return;
    const { code, message, hint } = finding;
    throw new TlsmithError(code, `strict: ${message}`, hint === undefined ? {} : { hint });
  }

  #succeeded(entry: PairEntry, stamp: string, { credential, findings }: LoadedPair): void {
    const { index, announcements } = this.#options;
    const previous = this.credentialOf(entry);
    entry.stamp = stamp;
    entry.failure = undefined;
    entry.lastGood = undefined;
    entry.missing = undefined;
    this.#untold.delete(entry);
    this.#outlived.delete(entry);
    this.#kept.set(entry, credential);
    const { names, serialNumber, notBefore, notAfter, shortIntermediate } = credential;
    const summary = {
      ...{ names, serialNumber, notBefore, notAfter, isRsa: isRsa(credential) },
      ...(shortIntermediate === undefined ? {} : { shortIntermediate }),
    };
    announcements.changed(index.update(entry, summary));
    this.#tellOf(entry, findings);
    if (entry.toldId === credential.id) return;
    entry.toldId = credential.id;
    announcements.changed(names);
    announcements.add({
      type: 'certificate',
      action: previous === undefined ? 'loaded' : 'reloaded',
      credential,
      ...(previous === undefined ? {} : { previous }),
    });
  }

  #tellOf(entry: PairEntry, findings: readonly Finding[]): void {
    const told = findings.filter((finding) => this.#isWorthTelling(finding, entry));
    this.#options.findings.set(
      entry,
      told.map((finding) => named(finding, entry)),
    );
  }

  /** A pair that is out of date may lie beside its successor; when it is served, the handshake tells. */
  #isWorthTelling({ code }: Finding, entry: PairEntry): boolean {
    if (!DATE_CODES.includes(code)) return true;
    return this.#options.isStrict && this.#options.index.isBestForSome(entry, this.#options.clock.now());
  }

  #failed(entry: PairEntry, stamp: string, error: unknown): void {
    const { clock, index, announcements } = this.#options;
    const live = this.credentialOf(entry);
    // Both files gone: removed, or in the middle of being replaced. The next looks find out which.
    if (isAllMissing(stamp)) {
      entry.missing ??= { since: clock.now(), looks: 0 };
      return;
    }
    if (entry.names.isOptional && live === undefined) {
      entry.isIgnored = true;
      entry.stamp = stamp;
      return;
    }
    const isKnown = entry.failure !== undefined && isSameState(entry.stamp, stamp);
    const coded = codedError(error, entry);
    entry.stamp = isPassing(coded) ? undefined : stamp;
    entry.failure = { error: coded, since: isKnown ? (entry.failure?.since ?? 0) : clock.now() };
    entry.lastGood = live;
    this.#kept.delete(entry);
    this.#untold.add(entry);
    if (live === undefined) announcements.changed(index.update(entry, undefined));
    else this.#outlived.add(entry);
  }
}

function codedError(error: unknown, { certFile }: PairEntry): TlsmithError {
  if (isTlsmithError(error)) return error;
  return new TlsmithError('TLS_PEM_INVALID', `${certFile} cannot be loaded: ${messageOf(error)}.`, {
    path: certFile,
    cause: error,
  });
}

function isPassing({ cause }: TlsmithError): boolean {
  return (
    typeof cause === 'object' && cause !== null && 'code' in cause && PASSING.includes(String(cause.code))
  );
}
