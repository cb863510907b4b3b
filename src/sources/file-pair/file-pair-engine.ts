/**
 * A pair in files while a server runs: read at the start, read again when the files change, replaced only by a pair
 * that is proven. Whoever writes the files may be half way through; a fault that stays is told, one that passes is not.
 */
import { type Credential, isInDate } from '../../credential/credential.js';
import type { Finding } from '../../credential/findings.js';
import { isTlsmithError, messageOf, TlsmithError } from '../../errors.js';
import type { SourceHost } from '../certificate-source.js';
import { fileSignature } from '../../files/file-signature.js';
import { FolderWatch } from '../../files/folder-watch.js';
import type { LoadedPair } from '../../files/load-pair.js';
import { type FilePairFiles, PairReader } from './pair-reader.js';
import { unwatchableFiles } from '../../files/unwatchable-files.js';
import { writableFolders } from '../../files/writable-by-others.js';
import { ToldFindings } from './told-findings.js';

const POLL_MS = 1_000;
/** How long a fault must last, after the last change, until it is told: a writer puts one file after the other. */
const SETTLING_MS = 1_000;
/** The same with files that change all the time. */
const LONGEST_SETTLING_MS = 5_000;

/** Reads, watches and replaces one pair, from {@link FilePairEngine.start} until {@link FilePairEngine.close}. */
export class FilePairEngine {
  readonly #host: SourceHost;
  readonly #reader: PairReader;
  readonly #told: ToldFindings;
  readonly #watch: FolderWatch;
  #credential: Credential | undefined;
  /** What was found about the pair, about the mounts of its files, and about their folders. */
  #findings: readonly Finding[] = [];
  #mountFindings: readonly Finding[] = [];
  #folderFindings: readonly Finding[] = [];
  #rejection: Finding | undefined;
  /** The signatures of the files as last read; undefined: to be read again whatever they are. */
  #seen: string | undefined;
  /** A fault that is not told yet. */
  #fault: { readonly error: unknown; readonly since: number } | undefined;
  #settlingTimer: unknown;
  #isClosed = false;
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(files: FilePairFiles, host: SourceHost) {
    this.#host = host;
    this.#reader = new PairReader(files);
    this.#told = new ToldFindings(host);
    this.#watch = new FolderWatch({
      clock: host.clock,
      folders: () => this.#reader.folders,
      pollMs: () => POLL_MS,
      look: () => this.#inTurn(() => this.#look()),
    });
  }

  /** The pair that serves. */
  get credential(): Credential | undefined {
    return this.#credential;
  }

  /** Loads the pair and begins to watch it; rejects when it cannot serve. */
  async start(): Promise<void> {
    await this.#inTurn(async () => {
      this.#mountFindings = await unwatchableFiles(this.#reader.paths);
      await this.#readAgain(await this.#signatures());
    });
    if (!this.#isClosed) this.#watch.start();
  }

  /** Reads the pair now; rejects when it cannot replace the one that serves. */
  reload(): Promise<void> {
    return this.#inTurn(async () => {
      try {
        await this.#readAgain(await this.#signatures());
      } catch (error) {
        this.#reject(error);
        throw error;
      }
    });
  }

  /** Leaves nothing running; the last pair stays. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#calm();
    await this.#watch.close();
    await this.#lastTurn;
  }

  /** One reading after the other: what an older one has found must not displace what a newer one has. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#lastTurn.then(work);
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }

  async #signatures(): Promise<string> {
    return (await Promise.all(this.#reader.paths.map((path) => fileSignature(path)))).join('\n');
  }

  async #look(): Promise<void> {
    if (this.#isClosed) return;
    const signatures = await this.#signatures();
    try {
      if (signatures === this.#seen) await this.#lookAtFolders();
      else await this.#readAgain(signatures);
    } catch (error) {
      this.#settle(error);
    }
  }

  /** Signatures are taken before reading, so that a change meanwhile is seen by the next look. */
  async #readAgain(signatures: string): Promise<void> {
    this.#seen = signatures;
    try {
      const loaded = await this.#reader.load(this.#host.clock.now());
      this.#folderFindings = await writableFolders(this.#reader.folders);
      if (!this.#isClosed) this.#adopt(loaded);
    } catch (error) {
      // A disk or network that answers later leaves no trace in a signature.
      if (isTlsmithError(error) && error.code === 'TLS_FILE_UNREADABLE') this.#seen = undefined;
      throw error;
    }
  }

  /** Their modes are in no signature of a file. */
  async #lookAtFolders(): Promise<void> {
    const findings = await writableFolders(this.#reader.folders);
    const isSame = JSON.stringify(findings) === JSON.stringify(this.#folderFindings);
    this.#folderFindings = findings;
    if (!isSame && !this.#isClosed) this.#tell();
  }

  #adopt({ credential, findings }: LoadedPair): void {
    const previous = this.#credential;
    const isNew = credential.id !== previous?.id;
    if (isNew && previous !== undefined) this.#assertStrict(previous, findings);
    this.#calm();
    this.#rejection = undefined;
    this.#findings = findings;
    if (isNew) this.#credential = credential;
    this.#tell();
    if (!isNew) return;
    this.#host.changed([...new Set([...(previous?.names ?? []), ...credential.names])]);
    this.#host.notify({
      type: 'certificate',
      action: previous === undefined ? 'loaded' : 'reloaded',
      credential,
      ...(previous === undefined ? {} : { previous }),
    });
  }

  /** What would have kept a strict server from starting does not replace a pair that is still good. */
  #assertStrict(previous: Credential, findings: readonly Finding[]): void {
    const finding = findings.find(({ severity }) => severity !== 'info');
    if (!this.#host.strict || finding === undefined || !isInDate(previous, this.#host.clock.now())) return;
    const { code, message, hint } = finding;
    throw new TlsmithError(code, `strict: ${message}`, hint === undefined ? {} : { hint });
  }

  /** Tells of a fault unless it passes: each change of the files gives it time again. */
  #settle(error: unknown): void {
    const { clock } = this.#host;
    // The fault that was told already is no news.
    if (this.#rejection !== undefined && this.#rejectionOf(error).message === this.#rejection.message) return;
    const now = clock.now();
    const since = this.#fault?.since ?? now;
    this.#calm();
    this.#fault = { error, since };
    const waitMs = Math.max(0, Math.min(SETTLING_MS, since + LONGEST_SETTLING_MS - now));
    this.#settlingTimer = clock.setTimeout(() => void this.#inTurn(() => this.#settled()), waitMs);
  }

  /** Looks once more: where nobody is notified, the rest may have been written since. */
  async #settled(): Promise<void> {
    const awaited = this.#fault;
    await this.#look();
    if (awaited !== undefined && this.#fault === awaited && !this.#isClosed) this.#reject(awaited.error);
  }

  #calm(): void {
    this.#host.clock.clearTimeout(this.#settlingTimer);
    this.#settlingTimer = undefined;
    this.#fault = undefined;
  }

  #reject(error: unknown): void {
    if (this.#credential === undefined) return;
    this.#calm();
    this.#rejection = this.#rejectionOf(error);
    this.#tell();
  }

  #rejectionOf(error: unknown): Finding {
    const { names = [], notAfter = 0, serialNumber = '' } = this.#credential ?? {};
    const [code, hint] = isTlsmithError(error) ? [error.code, error.hint] : ['SOURCE_FAILED', undefined];
    const until = new Date(notAfter).toISOString();
    return {
      code: 'RELOAD_REJECTED',
      severity: 'error',
      message: `The files have changed and cannot be used. ${code}: ${messageOf(error)} The certificate loaded before (${names.join(', ')}; serial ${serialNumber}) still serves; it is valid until ${until}.`,
      ...(hint === undefined ? {} : { hint }),
      ...(names.length === 0 ? {} : { names }),
    };
  }

  #tell(): void {
    const rejection = this.#rejection === undefined ? [] : [this.#rejection];
    const about = [...this.#findings, ...this.#mountFindings, ...this.#folderFindings];
    this.#told.replace([...about, ...rejection]);
  }
}
