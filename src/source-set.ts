/** The sources of one server as a whole: started together, asked to reload or renew, closed together. */
import type { Clock } from './clock.js';
import { TlsmithError } from './errors.js';
import type { Logger } from './logger.js';
import { asTlsmithError, type Reporter } from './reporter.js';
import type {
  CertificateSource,
  ChallengeAnswer,
  ListenerAddress,
  SourceHost,
} from './sources/certificate-source.js';
import type { Storage } from './storage/storage.js';

/** What sources need of the server, besides what the set knows itself. */
export interface SourceSurroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly isStrict: boolean;
  readonly reporter: Reporter;
  readonly storage: () => Storage;
  /** Called whenever a source says that its answers have changed. */
  readonly changed: () => void;
  readonly listeners: (onChange?: () => void) => readonly ListenerAddress[];
  readonly answer: (challenge: ChallengeAnswer) => () => void;
  readonly verifyServed: (serverName: string, fingerprint256: string) => Promise<void>;
}

/** All sources, in order. */
export class SourceSet {
  readonly sources: readonly CertificateSource[];
  readonly #surroundings: SourceSurroundings;

  constructor(sources: readonly CertificateSource[], surroundings: SourceSurroundings) {
    this.sources = sources;
    this.#surroundings = surroundings;
  }

  /** Starts all; when one cannot, the others are closed again and its error is thrown. */
  async start(): Promise<void> {
    const results = await Promise.allSettled(
      this.sources.map(async (source) => source.start?.(this.#hostFor(source))),
    );
    const failed = results.findIndex((result) => result.status === 'rejected');
    if (failed < 0) return;
    await this.close();
    throw asTlsmithError((results[failed] as PromiseRejectedResult).reason, 'SOURCE_FAILED');
  }

  /** Resolves when every managed name has a usable certificate. */
  async ready(signal: AbortSignal): Promise<void> {
    await Promise.all(this.sources.map(async (source) => source.ready?.({ signal })));
  }

  /** Every source reads again what can change; all are asked, then the first fault is thrown. */
  async reload(signal: AbortSignal): Promise<void> {
    const results = await Promise.allSettled(this.sources.map(async (source) => source.reload?.({ signal })));
    this.#surroundings.changed();
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Renews the certificate of a name at the first source that manages it. */
  async renew(serverName: string, signal: AbortSignal): Promise<void> {
    for (const source of this.sources) {
      const renewal = source.renew?.(serverName, { signal });
      if (renewal === undefined) continue;
      await renewal;
      return;
    }
    throw new TlsmithError(
      'NAME_NOT_MANAGED',
      `No source issues and renews a certificate for ${serverName}.`,
      {
        serverName,
        hint: 'Only managed sources renew: selfSigned(), acme(), privateCa(). For files use reload().',
      },
    );
  }

  /** Whether a managed source will have a certificate for this name, if not now. */
  isManaged(serverName: string): boolean {
    return this.sources.some((source) =>
      [...(source.managed?.() ?? [])].some((certificate) => certificate.names.includes(serverName)),
    );
  }

  /** Closes all; a fault of one is reported and does not keep the others open. */
  async close(): Promise<void> {
    const { reporter } = this.#surroundings;
    await Promise.all(
      this.sources.map(async (source) => {
        try {
          await source.close?.();
        } catch (error) {
          reporter.fault(`Closing source ${source.name} failed`, error);
        }
      }),
    );
  }

  #hostFor(source: CertificateSource): SourceHost {
    const { clock, logger, isStrict, reporter, storage, changed, listeners, answer, verifyServed } =
      this.#surroundings;
    return {
      clock,
      logger,
      strict: isStrict,
      get storage() {
        return storage();
      },
      report: (finding) => {
        reporter.report({ source: source.name, ...finding });
      },
      resolved: (code, names) => {
        reporter.resolved(code, { source: source.name, ...(names === undefined ? {} : { names }) });
      },
      changed,
      notify: (event) => {
        reporter.notify(source.name, event);
        changed();
      },
      listeners,
      answer,
      verifyServed,
    };
  }
}

/**
 * In strict mode a warning is a reason not to start.
 * @throws {@link TlsmithError} with the finding's code
 */
export function assertNoFindings(reporter: Reporter): void {
  const finding = reporter.findings.find(({ severity }) => severity !== 'info');
  if (finding === undefined) return;
  throw new TlsmithError(
    finding.code,
    `strict: ${finding.message}`,
    finding.hint === undefined ? {} : { hint: finding.hint },
  );
}
