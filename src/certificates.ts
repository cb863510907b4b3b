/** The credential side of a server: sources, the resolver that asks them, contexts, and the watch over expiry. */
import { createSecureContext, type SecureContext } from 'node:tls';
import { BoundedMap } from './bounded-map.js';
import { coversName, type Credential } from './credential/credential.js';
import type { Finding } from './credential/findings.js';
import { normalizeServerName } from './credential/server-name.js';
import { TlsmithError } from './errors.js';
import { ExpiryWatch, type WatchedCertificate, watchedOf } from './expiry.js';
import type { CredentialResolver } from './handshake/credential-resolver.js';
import { type TlsSettings, tlsServerOptions } from './handshake/tls-settings.js';
import { Inspections } from './inspections.js';
import { isRsa, withoutAlternative } from './credential/key-kinds.js';
import { type AtHand, KeyAlternatives } from './key-alternatives.js';
import { ObservedResolver } from './observed-resolver.js';
import { PublicName } from './public-name.js';
import { assertNoFindings, SourceSet, type SourceSurroundings } from './source-set.js';
import { credentialsOf, knowsAll, lookedFor, managedOf, unloadedOf } from './source-readings.js';
import { type CertificateSource, nameOfSource } from './sources/certificate-source.js';
import { type CertificateStatus, certificatesOf } from './status.js';

const CACHED_CONTEXTS = 2_000;

/** What the credential side needs. */
export interface CertificatesOptions extends Omit<SourceSurroundings, 'changed' | 'inspect'> {
  readonly sources: readonly CertificateSource[];
  readonly defaultName: string | undefined;
  readonly refusesUnknownNames: boolean;
  readonly publicUrl: URL | undefined;
  readonly tls: TlsSettings;
}

/** All certificates of one server. */
export class Certificates {
  readonly resolver: CredentialResolver;
  readonly sources: SourceSet;
  readonly #options: CertificatesOptions;
  readonly #watch: ExpiryWatch;
  readonly #inspections: Inspections;
  readonly #publicName: PublicName;
  readonly #alternatives: KeyAlternatives | undefined;
  readonly #contexts = new BoundedMap<string, SecureContext>(CACHED_CONTEXTS);
  #isWatching = false;

  constructor(options: CertificatesOptions) {
    const { sources, clock, reporter } = options;
    this.#options = options;
    this.#inspections = inspectionsFor(options);
    const isLookedFor = (serverName: string): string => lookedFor(sources, serverName);
    this.#publicName = new PublicName({
      publicUrl: options.publicUrl,
      lookedFor: isLookedFor,
      names: () => (sources.every(knowsAll) ? this.#names() : undefined),
      report: (finding) => {
        reporter.report(finding);
      },
      resolved: ({ code, names = [] }) => {
        reporter.resolved(code, { source: undefined, names });
      },
    });
    reporter.certificates = { namesAtHand: () => this.#names(), lookedFor: isLookedFor };
    if (sources.length > 1) this.#alternatives = new KeyAlternatives(clock, () => this.#atHand());
    this.sources = new SourceSet(sources, {
      ...options,
      inspect: (credential, origin) => {
        this.#alternatives?.seen(credential);
        this.#inspections.add(credential, origin);
      },
      changed: () => {
        this.resolver.changed();
        this.#alternatives?.changed();
        if (!this.#isWatching) return;
        this.#watch.changed();
        this.#publicName.changed();
      },
    });
    this.resolver = this.#observedResolver();
    this.#watch = new ExpiryWatch(clock, () => this.#watched(), {
      expiring: (watched) => {
        reporter.expiry('expiring', watched);
      },
      expired: (watched) => {
        reporter.expiry('expired', watched);
      },
    });
  }

  /** Starts the sources and checks that they fit the options. */
  async start(): Promise<void> {
    this.#inspections.open();
    try {
      await this.sources.start();
      await this.#assertDefaultName();
      this.#publicName.start();
      if (this.#options.isStrict) await this.#assertNoFindings();
    } catch (error) {
      await this.sources.close();
      await this.#inspections.close();
      throw error;
    }
    this.#isWatching = true;
    this.#alternatives?.start();
    this.#watch.look();
  }

  /** Ends everything that runs. */
  async close(): Promise<void> {
    this.#isWatching = false;
    this.#watch.close();
    this.#contexts.clear();
    await this.sources.close();
    await this.#inspections.close();
  }

  /**
   * What a client that asks for `serverName` gets, as a context. In a context that is chosen inside a handshake node uses
   * one key only: the RSA one for clients that know nothing else.
   */
  async resolve(
    serverName: string | undefined,
    { knowsRsaOnly, mayWait } = { knowsRsaOnly: false, mayWait: true },
  ): Promise<SecureContext | undefined> {
    const credential = await this.#select(serverName, { mayWait });
    if (credential?.alternative === undefined) return credential && this.contextOf(credential);
    const { alternative } = credential;
    return this.contextOf(isRsa(alternative) === knowsRsaOnly ? alternative : credential);
  }

  /** The context of a credential, made once. */
  contextOf(credential: Credential): SecureContext {
    const known = this.#contexts.get(credential.id);
    if (known !== undefined) return known;
    const context = createSecureContext({
      ...tlsServerOptions(this.#options.tls),
      cert: credential.cert,
      key: credential.key,
    });
    this.#contexts.set(credential.id, context);
    return context;
  }

  /** Every certificate, at hand or to come. */
  status(): CertificateStatus[] {
    const now = this.#options.clock.now();
    return this.#options.sources.flatMap((source) => certificatesOf(source, now, this.#report));
  }

  async #select(name: string | undefined, options: { mayWait: boolean }): Promise<Credential | undefined> {
    if (name === undefined) return this.resolver.default(undefined, options);
    const serverName = normalizeServerName(name);
    if (serverName === undefined) return undefined;
    const credential = await this.resolver.find(serverName, options);
    return (
      credential ??
      (this.#options.refusesUnknownNames ? undefined : this.resolver.default(undefined, options))
    );
  }

  #observedResolver(): CredentialResolver {
    const { sources, clock, defaultName, refusesUnknownNames, reporter } = this.#options;
    const context = {
      sources,
      clock,
      defaultName,
      report: this.#report,
      met: (credential: Credential, source: CertificateSource) => {
        this.#inspections.know(withoutAlternative(credential), { source: nameOfSource(source) });
      },
      resolved: (finding: Finding) => {
        reporter.resolvedRecurring(finding);
      },
    };
    return new ObservedResolver(
      context,
      {
        served: (credential) => {
          this.#inspections.add(withoutAlternative(credential));
          if (credential.alternative !== undefined) this.#inspections.add(credential.alternative);
        },
        unmatched: (serverName) => {
          if (!refusesUnknownNames) reporter.unmatched(serverName);
        },
      },
      this.#alternatives,
    );
  }

  /** What the sources have at hand is inspected before the start is done, where a finding prevents it. */
  async #assertNoFindings(): Promise<void> {
    for (const source of this.#options.sources) {
      for (const credential of credentialsOf(source, this.#report)) {
        this.#inspections.add(credential, { source: nameOfSource(source) });
      }
    }
    await this.#inspections.settled();
    assertNoFindings(this.#options.reporter);
  }

  *#names(): Iterable<string> {
    for (const [, { names }] of this.#atHand()) yield* names;
    for (const source of this.#options.sources) for (const { names } of unloadedOf(source)) yield* names;
  }

  *#atHand(): Iterable<AtHand> {
    for (const source of this.#options.sources) {
      const name = nameOfSource(source);
      for (const credential of credentialsOf(source, this.#report)) yield [name, credential];
    }
  }

  async #assertDefaultName(): Promise<void> {
    const { defaultName } = this.#options;
    // A managed name may still be pending: its certificate comes later.
    if (defaultName === undefined || this.sources.isManaged(defaultName)) return;
    const credential = await this.resolver.find(defaultName);
    if (credential !== undefined && coversName(credential, defaultName)) return;
    throw new TlsmithError(
      'DEFAULT_NAME_NOT_COVERED',
      `No source has a certificate for defaultName ${defaultName}${lookedFor(this.#options.sources, defaultName)}.`,
      {
        serverName: defaultName,
        hint: 'Set defaultName to a name that one of the certificates covers, or add a source that has it.',
      },
    );
  }

  /** For what handshakes and timers meet again and again. */
  readonly #report = (finding: Finding): void => {
    this.#options.reporter.reportRecurring(finding);
  };

  *#watched(): Iterable<WatchedCertificate> {
    for (const source of this.#options.sources) {
      const planned = new Map<string, number>();
      for (const { credential, nextRenewal } of managedOf(source, this.#report)) {
        if (credential !== undefined && nextRenewal !== undefined) planned.set(credential.id, nextRenewal.at);
      }
      const name = nameOfSource(source);
      for (const credential of credentialsOf(source, this.#report)) {
        const plannedRenewal = planned.get(credential.id);
        const plan = plannedRenewal === undefined ? {} : { plannedRenewal };
        yield* watchedOf(credential, { source: name, ...plan });
      }
      for (const certificate of unloadedOf(source)) yield* watchedOf(certificate, { source: name });
    }
  }
}

function inspectionsFor({ clock, isStrict, reporter }: CertificatesOptions): Inspections {
  return new Inspections({
    clock,
    tellsDates: isStrict,
    report: (finding) => {
      reporter.report(finding);
    },
    resolved: ({ code, source, names = [] }) => {
      reporter.resolved(code, { source, names });
    },
    fault: (message) => {
      reporter.fault('Certificates could not be inspected', new Error(message));
    },
  });
}
