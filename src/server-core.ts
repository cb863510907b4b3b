/**
 * The working parts of one server and how they are wired: certificates, challenges, ticket keys, router, listeners.
 * It starts and stops them; `SecureServer` decides when.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TlsOptions, TLSSocket } from 'node:tls';
import { Admission, showSameClient } from './admission/admission.js';
import type { AttachableServer } from './application/application.js';
import { Frontend, type FrontendOptions } from './application/frontend.js';
import { Certificates } from './certificates.js';
import { Challenges } from './handshake/challenges.js';
import { ConnectionRouter } from './handshake/connection-router.js';
import { isPromise } from './handshake/credential-resolver.js';
import { ClientAuth } from './client-auth/client-auth.js';
import { Policies, type PolicySettings } from './handshake/policies.js';
import { inHandshakeOptions } from './handshake/tls-options.js';
import { TlsmithError } from './errors.js';
import { Hsts } from './http/hsts.js';
import { plainHttpReceiver } from './http/plain-http.js';
import { type PlainAction, plainListener, type PlainListenerOptions } from './http/plain-listener.js';
import { Listeners } from './listening/listeners.js';
import type { PolicyRules, ServerSettings } from './options.js';
import { OwnChecks } from './own-checks.js';
import type { Reporter } from './reporter.js';
import { isCheckable } from './served-check.js';
import type { CertificateSource } from './sources/certificate-source.js';
import { handshakeFacts } from './start-line.js';
import type { Storage } from './storage/storage.js';

/** What the composition root gives to a server. */
export interface ServerParts {
  readonly settings: ServerSettings;
  readonly sources: readonly CertificateSource[];
  /** The shared default storage, made when it is first asked for. */
  readonly storage: () => Storage;
}

/** The parts of one server. */
export class ServerCore {
  readonly settings: ServerSettings;
  readonly reporter: Reporter;
  readonly listeners = new Listeners();
  readonly challenges: Challenges;
  readonly certificates: Certificates;
  readonly router: ConnectionRouter;
  readonly #policies: Policies<ClientAuth>;
  #isStarted = false;
  /** The latest start, however it ends. */
  #starting: Promise<unknown> = Promise.resolve();
  #stops = 0;
  readonly #ownChecks: OwnChecks;
  /** Undefined when everybody is let in, and nobody speaks the PROXY protocol. */
  readonly #admission: Admission | undefined;
  readonly #onIdle = new Set<() => void>();

  constructor({ settings, sources, storage }: ServerParts, reporter: Reporter) {
    this.settings = settings;
    this.reporter = reporter;
    this.challenges = new Challenges(settings.clock);
    this.#ownChecks = new OwnChecks(settings.proxies);
    this.#admission = this.#createAdmission();
    this.#policies = this.#createPolicies();
    this.certificates = new Certificates({
      ...settings,
      sources,
      storage,
      reporter,
      listeners: (onChange) => {
        if (onChange !== undefined) this.listeners.observe(onChange);
        return this.listeners.addresses;
      },
      answer: (challenge) => this.challenges.add(challenge),
      answerFrom: (lookup) => this.challenges.addLookup(lookup),
      verifyServed: (serverName, fingerprint256) => this.#verifyServed(serverName, fingerprint256),
    });
    this.router = new ConnectionRouter({
      resolver: this.certificates.resolver,
      challenges: this.challenges,
      clock: settings.clock,
      refusesUnknownNames: settings.refusesUnknownNames,
      plainHttp: this.#plainHttp(),
      ...(settings.proxies === undefined ? {} : { showClient: showSameClient }),
      refused: (code, facts) => {
        const isRedirected = settings.plainHttp === 'redirect';
        if (code === 'TLS_PLAIN_HTTP_ON_TLS_PORT') reporter.plainHttp(facts.remoteAddress, { isRedirected });
        else reporter.refused(code, facts);
      },
      idle: () => {
        for (const listener of this.#onIdle) listener();
      },
    });
  }

  /**
   * Loads the sources and begins to rotate ticket keys. A start that was given up earlier is waited for: the sources
   * are the same, and no two runs may have them at a time.
   */
  start(): Promise<void> {
    const stops = this.#stops;
    const starting = this.#starting.then(() => this.#start(stops));
    this.#starting = starting.catch(() => undefined);
    return starting;
  }

  async #start(stops: number): Promise<void> {
    if (stops !== this.#stops) throw givenUp();
    this.reporter.clear();
    await this.#admission?.load();
    await this.#startClientAuth();
    try {
      await this.certificates.start();
    } catch (error) {
      await this.#closeClientAuth();
      throw error;
    }
    if (stops !== this.#stops) {
      // The sources have been closed by stop(); what the end of the start has set up goes as well.
      await Promise.all([this.certificates.close(), this.#closeClientAuth()]);
      throw givenUp();
    }
    this.#policies.start();
    this.#isStarted = true;
  }

  /** Ends everything that runs besides connections and listeners. */
  async stop(): Promise<void> {
    this.#stops += 1;
    this.#isStarted = false;
    this.#policies.close();
    this.router.close();
    this.listeners.forgetObservers();
    await Promise.all([this.certificates.close(), this.#closeClientAuth()]);
    this.reporter.close();
  }

  /** Puts an application's server behind TLS. */
  frontend(server: AttachableServer, started: FrontendOptions['started']): Frontend {
    const { settings, reporter, router } = this;
    return new Frontend(server, {
      router,
      reporter,
      clock: settings.clock,
      policies: this.#policies,
      started,
      admission: this.#admission,
      hsts: settings.hsts === undefined ? undefined : new Hsts(settings.hsts),
      isOwnCheck: (socket) => this.#ownChecks.isOne(socket),
      onHandshake: settings.logsHandshakes ? this.#logHandshake : undefined,
    });
  }

  /** Options for a server that nothing may be attached to. */
  tlsOptions(): TlsOptions {
    if (this.#policies.areSeveral || this.#policies.default.clientAuth !== undefined) {
      throw new TypeError(
        'tlsOptions: a server that nothing is attached to can neither keep `policies` apart nor do `clientAuth`: attach() it instead.',
      );
    }
    const { certificates, challenges, settings } = this;
    const { ticketKeys, sessionIdContext } = this.#policies.default;
    const selection = certificates.resolver.default(undefined, { mayWait: false });
    return inHandshakeOptions({
      settings: settings.tls,
      ticketKeys,
      sessionIdContext,
      challenges,
      refusesUnknownNames: settings.refusesUnknownNames,
      resolve: (serverName, client) => certificates.resolve(serverName, client),
      contextOf: (credential) => certificates.contextOf(credential),
      // Without waiting there is no promise.
      defaultCredential: isPromise(selection) ? undefined : selection,
    });
  }

  /** A `request` listener for plain HTTP. */
  plainListener(action: PlainAction): (request: IncomingMessage, response: ServerResponse) => void {
    return plainListener(this.plainOptions(action));
  }

  /** What plain HTTP is answered with. */
  plainOptions(action: PlainAction): PlainListenerOptions {
    const { publicUrl, trustedProxies } = this.settings;
    return {
      action,
      trusted: trustedProxies,
      location: () => ({ port: this.listeners.httpsPort, publicUrl }),
      keyAuthorizationFor: (token, host) =>
        this.challenges.keyAuthorizationFor(token) ?? this.challenges.keyAuthorizationElsewhere(token, host),
    };
  }

  /** Resolves when no connection is open. */
  async connectionsClosed(): Promise<void> {
    if (this.router.size === 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#onIdle.delete(done);
        resolve();
      };
      this.#onIdle.add(done);
    });
  }

  #plainHttp(): ReturnType<typeof plainHttpReceiver> {
    const { plainHttp, clock } = this.settings;
    if (plainHttp === 'close') return (socket) => socket.destroy();
    const action: PlainAction =
      plainHttp === 'explain' ? { type: 'explain' } : { type: 'redirect', status: 308 };
    return plainHttpReceiver(this.plainOptions(action), clock);
  }

  async #verifyServed(serverName: string, fingerprint256: string): Promise<void> {
    const listener = this.listeners.addresses.find(
      ({ protocol, port }) => protocol === 'https' && port !== undefined,
    );
    // Until the start is complete connections wait for it, our own as well.
    if (!this.#isStarted || listener === undefined || !isCheckable(serverName)) return;
    await this.#ownChecks.verify({ serverName, fingerprint256, listener });
  }

  #createPolicies(): Policies<ClientAuth> {
    const { settings, reporter } = this;
    const host = {
      clock: settings.clock,
      report: reporter.report.bind(reporter),
      resolved: (code: string, source: string): void => {
        reporter.resolved(code, { source });
      },
      fault: reporter.fault.bind(reporter),
    };
    const rulesOf = (name: string, { tls, clientAuth }: PolicyRules): PolicySettings<ClientAuth> => ({
      tls,
      clientAuth: clientAuth === undefined ? undefined : new ClientAuth(clientAuth, name, host),
    });
    return new Policies({
      ...settings,
      defaults: rulesOf('the server', settings),
      byName: new Map([...settings.policies].map(([name, rules]) => [name, rulesOf(name, rules)])),
    });
  }

  async #startClientAuth(): Promise<void> {
    try {
      await Promise.all(this.#policies.all.map(async ({ clientAuth }) => clientAuth?.start()));
    } catch (error) {
      await this.#closeClientAuth();
      throw error;
    }
  }

  async #closeClientAuth(): Promise<void> {
    await Promise.all(this.#policies.all.map(async ({ clientAuth }) => clientAuth?.close()));
  }

  /** Reads again now what can change; all are asked, then the first fault is thrown. */
  async reload(signal: AbortSignal): Promise<void> {
    const results = await Promise.allSettled([
      this.certificates.sources.reload(signal),
      ...this.#policies.all.map(({ clientAuth }) => clientAuth?.reload()),
    ]);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  #createAdmission(): Admission | undefined {
    const { allowedPeers, proxies, clock } = this.settings;
    if (allowedPeers === undefined && proxies === undefined) return undefined;
    return new Admission({
      allowed: allowedPeers,
      proxies,
      clock,
      refused: (code, facts) => {
        this.reporter.refused(code, facts);
      },
      isOwnCheck: (socket) => this.#ownChecks.willBeOne(socket),
    });
  }

  readonly #logHandshake = (socket: TLSSocket): void => {
    this.settings.logger.debug(handshakeFacts(socket), 'TLS handshake complete');
  };
}

function givenUp(): TlsmithError {
  return new TlsmithError('CLOSED', 'The server was closed before its start was done.');
}
