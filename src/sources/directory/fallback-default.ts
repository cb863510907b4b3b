/**
 * The source that stands in while the folder has no default pair. A self-signed one leaves its certificate in the
 * folder, so that it stays the same over restarts and people find it where they look for certificates.
 */
import type { Credential } from '../../credential/credential.js';
import { isCredential } from '../../credential/credential.js';
import { messageOf } from '../../errors.js';
import type {
  CertificateSource,
  Found,
  ManagedCertificate,
  SourceHost,
  SourceQuery,
} from '../certificate-source.js';
import { writeDefaultPair } from './write-default-pair.js';

/** What becomes of it. */
export interface FallbackOptions {
  readonly source: CertificateSource;
  readonly root: string;
  readonly defaultName: string;
}

type Answer = Found | undefined | Promise<Found | undefined>;

const SELF_SIGNED = 'self-signed';

/** A fallback that runs only while it is needed. */
export class FallbackDefault {
  readonly #options: FallbackOptions;
  readonly #host: SourceHost;
  #starting: Promise<void> | undefined;
  #isRunning = false;

  constructor(options: FallbackOptions, host: SourceHost) {
    this.#options = options;
    this.#host = host;
  }

  /** Starts the source, unless it runs; rejects when it cannot be started, and may be tried again. */
  async need(): Promise<void> {
    this.#starting ??= this.#start();
    try {
      await this.#starting;
    } catch (error) {
      this.#starting = undefined;
      throw error;
    }
  }

  /**
   * Writes the default pair, if the source is self-signed; answers true when the folder has one now, so that the
   * source is needed no longer.
   */
  async write(): Promise<boolean> {
    const { source, root, defaultName } = this.#options;
    if (source.name !== SELF_SIGNED) return false;
    const found = await source.default?.();
    if (!isCredential(found)) return false;
    try {
      return await writeDefaultPair(found, root, defaultName);
    } catch (error) {
      this.#host.report({
        code: 'DIRECTORY_NOT_WRITABLE',
        severity: 'info',
        names: [root],
        message: `The self-signed default certificate cannot be written to ${root} (${messageOf(error)}); it is kept in memory, and another one is made after a restart.`,
        hint: 'Make the folder writable for this process, or put a default.crt and default.key there.',
      });
      return false;
    }
  }

  /** Its answer for a name. */
  find(query: SourceQuery): Answer {
    return this.#isRunning ? this.#options.source.find(query) : undefined;
  }

  /** Its answer for clients that name none. */
  default(): Answer {
    return this.#isRunning ? this.#options.source.default?.() : undefined;
  }

  /** What it has. */
  list(): Iterable<Credential> {
    return this.#isRunning ? (this.#options.source.list?.() ?? []) : [];
  }

  /** What it manages. */
  managed(): Iterable<ManagedCertificate> {
    return this.#isRunning ? (this.#options.source.managed?.() ?? []) : [];
  }

  /** Reads again what it has. */
  async reload(options: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#isRunning) await this.#options.source.reload?.(options);
  }

  /** Ends it, also one that is being started. It can be needed again. */
  async close(): Promise<void> {
    if (this.#starting === undefined) return;
    this.#starting = undefined;
    this.#isRunning = false;
    await this.#options.source.close?.();
  }

  async #start(): Promise<void> {
    await this.#options.source.start?.(this.#host);
    this.#isRunning = this.#starting !== undefined;
  }
}
