/**
 * Whether storage can be written, of one source: proven when it starts, again before it issues, and while it cannot be
 * written each minute. What is wrong is a finding until it is mended.
 */
import type { TlsmithError } from '../errors.js';
import type { SourceHost } from '../sources/certificate-source.js';
import type { Storage } from '../storage/storage.js';
import { probeStorage } from './storage-probe.js';

/** How often a storage that cannot be written is tried again, and how long the proof that it can is good for. */
const PROBE_AGAIN_MS = 60_000;

/** What is proven, and for whom. */
export interface StorageProofTools {
  readonly storage: Storage;
  readonly host: SourceHost;
  /** The name of the source, for findings. */
  readonly sourceName: string;
  /** Called when storage can be written again. */
  readonly mended: () => void;
}

/** The proof for one source. */
export class StorageProof {
  readonly #tools: StorageProofTools;
  #obstacle: TlsmithError | undefined;
  #provenAt = -Infinity;
  #looking: Promise<void> | undefined;
  #timer: unknown;
  #isClosed = false;

  constructor(tools: StorageProofTools) {
    this.#tools = tools;
  }

  /** Why it cannot be written, as far as is known. */
  get obstacle(): TlsmithError | undefined {
    return this.#obstacle;
  }

  /** Proves it now; whoever asks meanwhile gets the same proof. */
  async look(): Promise<void> {
    if (this.#isClosed) return;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
  }

  /**
   * A disk may have become full since the last look: what could not be stored must not be ordered.
   * @throws {@link TlsmithError} `STORAGE_NOT_WRITABLE`
   */
  async assertWritable(): Promise<void> {
    const ageMs = this.#tools.host.clock.now() - this.#provenAt;
    if (ageMs >= 0 && ageMs < PROBE_AGAIN_MS) return;
    await this.look();
    if (this.#obstacle !== undefined) throw this.#obstacle;
  }

  /** Looks no more; resolves when it has come to rest. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#tools.host.clock.clearTimeout(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { storage, host, sourceName, mended } = this.#tools;
    const before = this.#obstacle;
    this.#obstacle = await probeStorage(storage);
    if (this.#isClosed) return;
    host.clock.clearTimeout(this.#timer);
    if (this.#obstacle === undefined) {
      this.#provenAt = host.clock.now();
      if (before === undefined) return;
      host.resolved('STORAGE_NOT_WRITABLE');
      mended();
      return;
    }
    this.#provenAt = -Infinity;
    const { code, message, hint = '' } = this.#obstacle;
    host.report({ code, severity: 'warning', message, hint, source: sourceName });
    this.#timer = host.clock.setTimeout(() => void this.look(), PROBE_AGAIN_MS);
  }
}
