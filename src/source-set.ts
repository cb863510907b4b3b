/** The sources of one server as a whole: started together, asked to reload or renew, closed together. */
import { alarm, type Clock } from './clock.js';
import type { Credential } from './credential/credential.js';
import type { Finding } from './credential/findings.js';
import { TlsmithError } from './errors.js';
import type { InspectedOrigin } from './inspections.js';
import type { Logger } from './logger.js';
import { managedOf } from './source-readings.js';
import { asTlsmithError, type Reporter } from './reporter.js';
import {
  type CertificateSource,
  type ChallengeAnswer,
  type ChallengeLookup,
  type ListenerAddress,
  type SourceHost,
  type WayIn,
  nameOfSource,
} from './sources/certificate-source.js';
import type { Storage } from './storage/storage.js';

/** How long a source may take to close. */
const CLOSE_LIMIT_MS = 5_000;

/** What sources need of the server, besides what the set knows itself. */
export interface SourceSurroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly isStrict: boolean;
  readonly reporter: Reporter;
  readonly storage: () => Storage;
  /** Called whenever a source says that its answers have changed. */
  readonly changed: () => void;
  /** Looks for faults of a credential that its source has not inspected itself, soon. */
  readonly inspect: (credential: Credential, origin: InspectedOrigin) => void;
  /** Makes what serves the credential. */
  readonly prepare: (credential: Credential) => void;
  readonly listeners: (onChange?: () => void) => readonly ListenerAddress[];
  readonly wayIn: () => WayIn;
  readonly answer: (challenge: ChallengeAnswer) => () => void;
  readonly answerFrom: (lookup: ChallengeLookup) => () => void;
  readonly verifyServed: (serverName: string, fingerprint256: string) => Promise<void>;
}

/** All sources, in order. */
export class SourceSet {
  readonly sources: readonly CertificateSource[];
  readonly #surroundings: SourceSurroundings;
  /** Those whose start has begun and that have not been closed since. */
  readonly #open = new Set<CertificateSource>();

  constructor(sources: readonly CertificateSource[], surroundings: SourceSurroundings) {
    this.sources = sources;
    this.#surroundings = surroundings;
  }

  /** Starts all; when one cannot, the others are closed again and its error is thrown. */
  async start(): Promise<void> {
    const results = await Promise.allSettled(
      this.sources.map(async (source) => {
        this.#open.add(source);
        await source.start?.(this.#hostFor(source));
      }),
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
        hint: 'Only managed sources renew: selfSigned() and acme(). For files use reload().',
      },
    );
  }

  /** Whether a managed source will have a certificate for this name, if not now. */
  isManaged(serverName: string): boolean {
    const { reporter } = this.#surroundings;
    return this.sources.some((source) => {
      const managed = managedOf(source, (finding) => {
        reporter.reportRecurring(finding);
      });
      return managed.some(({ names }) => names.includes(serverName));
    });
  }

  /**
   * Closes those that were started, once for each start; also one whose start still goes on, which is how it learns
   * that it should end. A fault of one is reported and does not keep the others open.
   */
  async close(): Promise<void> {
    const open = [...this.#open];
    this.#open.clear();
    await Promise.all(open.map((source) => this.#closeOne(source)));
  }

  async #closeOne(source: CertificateSource): Promise<void> {
    const { clock, reporter } = this.#surroundings;
    let cancel: () => void = () => undefined;
    const late = new Promise<'late'>((resolve) => {
      cancel = alarm(clock, clock.now() + CLOSE_LIMIT_MS, () => {
        resolve('late');
      });
    });
    try {
      if ((await Promise.race([source.close?.(), late])) === 'late') reporter.report(stuck(source));
    } catch (error) {
      reporter.fault(`Closing source ${nameOfSource(source)} failed`, error);
    } finally {
      cancel();
    }
  }

  #hostFor(source: CertificateSource): SourceHost {
    const { clock, logger, isStrict, reporter, storage, changed, inspect } = this.#surroundings;
    const { prepare, listeners, wayIn, answer, answerFrom, verifyServed } = this.#surroundings;
    return {
      clock,
      logger,
      strict: isStrict,
      get storage() {
        return storage();
      },
      report: (finding) => {
        reporter.report({ source: nameOfSource(source), ...finding }, source);
      },
      resolved: (code, names) => {
        const named = names === undefined ? {} : { names };
        reporter.resolved(code, { source: nameOfSource(source), ...named, owner: source });
      },
      changed,
      notify: (event) => {
        reporter.notify(nameOfSource(source), event);
        if (event.type === 'certificate') inspect(event.credential, originOf(source));
        changed();
      },
      prepare,
      listeners,
      wayIn,
      answer,
      answerFrom,
      verifyServed,
    };
  }
}

function originOf(source: CertificateSource): InspectedOrigin {
  return { source: nameOfSource(source), isManaged: source.managed !== undefined };
}

function stuck({ name }: CertificateSource): Finding {
  return {
    code: 'SOURCE_FAILED',
    severity: 'warning',
    source: name,
    message: `Closing source ${name} has not ended within ${CLOSE_LIMIT_MS} ms; the server goes on without it.`,
    hint: 'What the source holds (timers, connections, leases) may stay open.',
  };
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
