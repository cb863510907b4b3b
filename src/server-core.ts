/**
 * The working parts of one server and how they are wired: certificates, challenges, ticket keys, router, listeners.
 * It starts and stops them; `SecureServer` decides when.
 */
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server as NetServer } from 'node:net';
import type { TlsOptions, TLSSocket } from 'node:tls';
import { Admission, showSameClient } from './admission/admission.js';
import type { Application } from './application/application.js';
import type { Entrance } from './application/entrance.js';
import { Frontend } from './application/frontend.js';
import { Certificates } from './certificates.js';
import { assertServable, type Credential, unservable } from './credential/credential.js';
import { Challenges } from './handshake/challenges.js';
import { ConnectionRouter } from './handshake/connection-router.js';
import { isPromise } from './handshake/credential-resolver.js';
import type { ClientAuth } from './client-auth/client-auth.js';
import { closeClientAuth, createPolicies, startClientAuth } from './client-authentication.js';
import type { Policies } from './handshake/policies.js';
import { inHandshakeOptions } from './handshake/tls-options.js';
import { TlsmithError } from './errors.js';
import { emitGuarded, type SecureServerEvents } from './events.js';
import { Hsts } from './http/hsts.js';
import { type HttpListener, type HttpListenerTarget, openHttpListener } from './http/http-listener.js';
import { plainHttpReceiver } from './http/plain-http.js';
import { type PlainAction, plainListener, type PlainListenerOptions } from './http/plain-listener.js';
import { listen } from './listening/listen.js';
import type { ListenTarget } from './listening/listen-target.js';
import type { Listeners } from './listening/listeners.js';
import type { ServerSettings } from './options.js';
import { OwnChecks } from './own-checks.js';
import { asTlsmithError, Reporter } from './reporter.js';
import { isCheckable } from './served-check.js';
import type { CertificateSource, WayIn } from './sources/certificate-source.js';
import { handshakeFacts, startFacts } from './start-line.js';
import type { ServerStatus } from './status.js';
import type { Storage } from './storage/storage.js';

/** What the composition root gives to a server. */
export interface ServerParts {
  readonly settings: ServerSettings;
  readonly sources: readonly CertificateSource[];
  /** The shared default storage, made when it is first asked for. */
  readonly storage: () => Storage;
}

/** What a core shares with the server that it is the core of. */
export interface ServerSurroundings {
  readonly listeners: Listeners;
  /** Emits the events. */
  readonly emitter: EventEmitter<SecureServerEvents>;
}

/** What the companion listener does besides answering ACME. */
type CompanionOptions = Required<Pick<PlainListenerOptions, 'action' | 'behindTls'>>;

/** The parts of one server. */
export class ServerCore {
  readonly reporter: Reporter;
  readonly #settings: ServerSettings;
  readonly #listeners: Listeners;
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
  /** The application that was opened first. */
  #frontend: Frontend | undefined;

  constructor({ settings, sources, storage }: ServerParts, { listeners, emitter }: ServerSurroundings) {
    this.#settings = settings;
    this.#listeners = listeners;
    const reporter: Reporter = new Reporter(settings.logger, settings.clock, (event, argument) => {
      emitGuarded(emitter, [event, argument], (error) => {
        reporter.fault(`A listener of the event ${event} threw`, error);
      });
    });
    this.reporter = reporter;
    this.challenges = new Challenges(settings.clock);
    this.#ownChecks = new OwnChecks(settings.proxies);
    this.#admission = this.#createAdmission();
    this.#policies = createPolicies(settings, reporter);
    this.certificates = new Certificates({
      ...settings,
      sources,
      storage,
      reporter,
      listeners: (onChange) => {
        if (onChange !== undefined) listeners.observe(onChange);
        return listeners.addresses;
      },
      wayIn: () => wayInto(settings, listeners),
      prepare: this.#prepare,
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
        if (code === 'TLS_PLAIN_HTTP_ON_TLS_PORT') reporter.plainHttp(facts, { isRedirected });
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
    await startClientAuth(this.#policies);
    try {
      await this.certificates.start();
    } catch (error) {
      await closeClientAuth(this.#policies);
      throw error;
    }
    if (stops !== this.#stops) {
      // The sources have been closed by stop(); what the end of the start has set up goes as well.
      await Promise.all([this.certificates.close(), closeClientAuth(this.#policies)]);
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
    this.#listeners.forgetObservers();
    await Promise.all([this.certificates.close(), closeClientAuth(this.#policies)]);
    this.reporter.close();
  }

  /** Puts an application behind TLS. */
  open(entrance: Entrance): void {
    const { reporter, router } = this;
    const settings = this.#settings;
    const frontend = new Frontend(entrance, {
      router,
      reporter,
      policies: this.#policies,
      admission: this.#admission,
      hsts: settings.hsts === undefined ? undefined : new Hsts(settings.hsts),
      isOwnCheck: (socket) => this.#ownChecks.isOne(socket),
      onHandshake: settings.logsHandshakes ? this.#logHandshake : undefined,
    });
    this.#frontend ??= frontend;
    entrance.lead(frontend);
  }

  /** Where nothing is attached, contexts are made when a client comes. */
  readonly #prepare = (credential: Credential): void => {
    const frontend = this.#frontend;
    if (frontend === undefined) {
      assertServable(credential);
      return;
    }
    try {
      frontend.prepare(credential);
    } catch (error) {
      throw unservable(credential, error);
    }
  };

  /** Makes a server listen; see {@link listen} for what it rejects with. */
  listen(server: NetServer, target: ListenTarget): Promise<void> {
    return listen(server, target);
  }

  /** Opens the companion listener for plain HTTP. */
  openHttpListener(
    target: HttpListenerTarget,
    { action, behindTls }: CompanionOptions,
  ): Promise<HttpListener> {
    const allowed = this.#settings.allowedPeers;
    return openHttpListener(target, { ...this.#plainOptions(action), behindTls, allowed });
  }

  /** Certificates, findings and listeners. */
  status(): ServerStatus {
    return {
      certificates: this.certificates.status(),
      findings: this.reporter.findings,
      listeners: this.#listeners.addresses,
    };
  }

  /** Logs the line that says what is served, and where. */
  logStart(urls: readonly string[], { protocols }: Application): void {
    const { logger, tls } = this.#settings;
    const facts = startFacts({ urls, status: this.status(), tls, protocols });
    logger.info(facts, `Listening at ${urls.join(', ')}`);
  }

  /** Tells of a start that nobody waits for and that has failed. */
  startFailed(error: unknown): void {
    this.reporter.failed({ error: asTlsmithError(error, 'SOURCE_FAILED'), names: [], attempt: 1 });
  }

  /** Options for a server that nothing may be attached to. */
  tlsOptions(): TlsOptions {
    if (this.#policies.areSeveral || this.#policies.default.clientAuth !== undefined) {
      throw new TypeError(
        'tlsOptions: a server that nothing is attached to can neither keep `policies` apart nor do `clientAuth`: attach() it instead.',
      );
    }
    const { certificates, challenges } = this;
    const settings = this.#settings;
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
    return plainListener(this.#plainOptions(action));
  }

  /** What plain HTTP is answered with. */
  #plainOptions(action: PlainAction): PlainListenerOptions {
    const { publicUrl, trustedProxies } = this.#settings;
    return {
      action,
      trusted: trustedProxies,
      location: () => ({ port: this.#listeners.httpsPort, publicUrl }),
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
    const { plainHttp, clock } = this.#settings;
    if (plainHttp === 'close') return (socket) => socket.destroy();
    const action: PlainAction =
      plainHttp === 'explain' ? { type: 'explain' } : { type: 'redirect', status: 308 };
    return plainHttpReceiver(this.#plainOptions(action), clock);
  }

  async #verifyServed(serverName: string, fingerprint256: string): Promise<void> {
    const listener = this.#listeners.addresses.find(
      ({ protocol, port }) => protocol === 'https' && port !== undefined,
    );
    // Until the start is complete connections wait for it, our own as well.
    if (!this.#isStarted || listener === undefined || !isCheckable(serverName)) return;
    await this.#ownChecks.verify({ serverName, fingerprint256, listener });
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
    const { allowedPeers, proxies, clock } = this.#settings;
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
    this.#settings.logger.debug(handshakeFacts(socket), 'TLS handshake complete');
  };
}

/** What is known of how connections come from outside. */
function wayInto({ publicUrl, proxies }: ServerSettings, { hasRequestListener }: Listeners): WayIn {
  const isBehindProxy = proxies !== undefined;
  return {
    isBehindProxy,
    hasRequestListener,
    ...(publicUrl === undefined ? {} : { publicUrl: publicUrl.origin }),
  };
}

function givenUp(): TlsmithError {
  return new TlsmithError('CLOSED', 'The server was closed before its start was done.');
}
