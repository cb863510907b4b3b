/**
 * The object that `createSecureServer` returns: sources, router and listeners are brought to life together and
 * closed together. What each part does stands in its own file; here is only when.
 */
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createNetServer, type Server as NetServer } from 'node:net';
import type { SecureContext, TlsOptions } from 'node:tls';
import type { AttachableServer } from './application/application.js';
import type { Frontend } from './application/frontend.js';
import { alarm } from './clock.js';
import { normalizeConfiguredName } from './credential/server-name.js';
import { TlsmithError } from './errors.js';
import { emitGuarded, type SecureServerEvents } from './events.js';
import { type HttpListener, openHttpListener } from './http/http-listener.js';
import { drain, type Draining } from './listening/draining.js';
import { listen } from './listening/listen.js';
import { type ListenTarget, parseListenTarget } from './listening/listen-target.js';
import { urlsOf } from './listening/listeners.js';
import { openMetrics } from './metrics.js';
import { asTlsmithError, Reporter } from './reporter.js';
import { ServerCore, type ServerParts } from './server-core.js';
import { startFacts } from './start-line.js';
import type { ServerStatus } from './status.js';

const GRACE_MS = 10_000;
/** How long destroyed connections may take to be gone. */
const LINGER_MS = 1_000;

/** For what may be given up while it is waited for. */
export interface WaitOptions {
  /** Ends the wait; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Options of {@link SecureServer.close}. */
export interface CloseOptions {
  /**
   * How long requests that are being answered may take, in milliseconds.
   * @defaultValue 10 000
   */
  readonly graceMs?: number;
}

/**
 * A server that gets its certificates from sources. Made by {@link createSecureServer}.
 *
 * Events: `certificate`, `expiring`, `expired`, `failed`, `warning` ({@link SecureServerEvents}). There is no `error`
 * event: background failures never throw for want of a listener, and what a listener throws is logged.
 */
export class SecureServer<
  Server extends AttachableServer = AttachableServer,
> extends EventEmitter<SecureServerEvents> {
  readonly #core: ServerCore;
  readonly #frontends: Frontend[] = [];
  /** Further addresses of the first application, and the companion listener. */
  readonly #furtherServers = new Set<NetServer>();
  #companion: HttpListener | undefined;
  #starting: Promise<void> | undefined;
  /** What the present start and all that follows from it belong to. */
  #run: symbol | undefined;
  #isStarted = false;
  #closing: Promise<void> | undefined;
  /** How often it has been closed: whoever has waited sees that it happened meanwhile. */
  #closes = 0;
  /** The latest `listen()`, whatever became of it. */
  #opening: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(parts: ServerParts, server: AttachableServer | undefined) {
    super();
    const { logger, clock } = parts.settings;
    const reporter: Reporter = new Reporter(logger, clock, (event, argument) => {
      emitGuarded(this, [event, argument], (error) => {
        reporter.fault(`A listener of the event ${event} threw`, error);
      });
    });
    this.#core = new ServerCore(parts, reporter);
    if (server !== undefined) this.attach(server);
  }

  /**
   * The node server behind the application: an `https.Server`, an `Http2SecureServer`, or the `http.Server` that was
   * given. For `ws`, socket.io, Fastify's `serverFactory`. Whoever calls its `listen()` starts this server; when its
   * last server has closed, this one is closed.
   * @throws `TypeError` when there is neither an application nor an attached server
   */
  get server(): Server {
    // The first frontend is the one that was made from what the type was made from.
    return this.#first().application.server as unknown as Server;
  }

  /**
   * Options for `https.createServer`, `http2.createSecureServer`, `tls.createServer`, Fastify's `https` or Vite's
   * `server.https`, when nothing may be attached. docs/frameworks.md says what this mode cannot do.
   * @throws {@link TlsmithError} `NOT_STARTED` before `start()`
   */
  get tlsOptions(): TlsOptions {
    this.#assertStarted('tlsOptions');
    return this.#core.tlsOptions();
  }

  /** Where the server can be reached: `publicUrl` first, then real ports with the names of the certificates. */
  get urls(): string[] {
    const names = this.#core.certificates.status().flatMap((certificate) => certificate.names);
    return urlsOf(this.#core.listeners.addresses, {
      names: [...new Set(names)],
      publicUrl: this.#core.settings.publicUrl,
    });
  }

  /**
   * Loads and checks the sources; opens no socket. Idempotent.
   * @throws {@link TlsmithError} what a source cannot do without (see {@link filePair}, {@link pemPair}),
   * `DEFAULT_NAME_NOT_COVERED`, or in strict mode the code of a finding
   */
  async start({ signal }: WaitOptions = {}): Promise<this> {
    await abortable(this.#start(), signal);
    return this;
  }

  /**
   * Starts, then opens the TLS listener and the companion HTTP listener together; when one fails nothing stays open.
   * Takes all that node's `server.listen` takes. Called again, it opens a further address for the same application.
   *
   * @param target - a port (0 = any free one), or options of `net.Server.listen` plus `mode` for unix sockets
   * @throws {@link TlsmithError} as `start`, and `PORT_IN_USE`, `PORT_PRIVILEGED`, `ADDRESS_NOT_LOCAL`,
   * `SOCKET_PATH_IN_USE`, `SOCKET_PATH_TOO_LONG`, `LISTEN_FAILED`
   * @throws `TypeError` for a wrong port, or when there is neither an application nor an attached server
   */
  async listen(target: number | ListenTarget): Promise<this> {
    const parsed = parseListenTarget(target);
    const frontend = this.#first();
    if (parsed === undefined && this.#core.settings.http === undefined) {
      throw new TypeError(
        'listen: port -1 disables the TLS listener and `http` is off, so nothing would listen.',
      );
    }
    // One after the other: the second of two calls must find the first address open.
    const opening = this.#opening.then(() => this.#startAndOpen(frontend, parsed));
    this.#opening = opening.catch(() => undefined);
    await opening;
    this.#logStart();
    return this;
  }

  /**
   * Starts, and resolves when every managed name has a usable certificate. Rejects only for failures that no retry
   * can mend.
   */
  async ready({ signal }: WaitOptions = {}): Promise<this> {
    await this.start(signal === undefined ? {} : { signal });
    const controller = new AbortController();
    try {
      await abortable(this.#core.certificates.sources.ready(controller.signal), signal);
    } finally {
      controller.abort();
    }
    return this;
  }

  /**
   * Stops accepting, ends idle connections, lets requests finish for `graceMs`, then destroys what is left; stops
   * timers, watchers and issuance, releases leases. Nothing keeps the process alive afterwards.
   */
  close({ graceMs = GRACE_MS }: CloseOptions = {}): Promise<void> {
    if (this.#closing === undefined) {
      this.#closes += 1;
      this.#closing = this.#close(graceMs).finally(() => {
        this.#closing = undefined;
      });
    }
    return this.#closing;
  }

  /** As {@link SecureServer.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Secures a server that exists already: an `http.Server` becomes TLS on its own port; of an `https.Server`,
   * `Http2SecureServer` or `tls.Server` the own TLS options go unused. It may listen already, or be told to later;
   * timeouts, upgrades and `close()` work as before, and `connection` listeners keep getting the raw socket.
   * @throws `TypeError` when the server is of another kind, or somebody else has taken over its connections
   */
  attach(server: AttachableServer): this {
    const frontend = this.#core.frontend(server, () => (this.#isStarted ? undefined : this.#start()));
    this.#frontends.push(frontend);
    server.on('listening', () => {
      this.#onListening(frontend);
    });
    server.on('close', () => {
      this.#onServerClosed();
    });
    if (server.listening) this.#onListening(frontend);
    return this;
  }

  /**
   * A request listener for a port-80 server of your own: answers ACME's HTTP-01 challenges, then calls `next`, or
   * redirects to HTTPS when there is none.
   */
  requestListener(
    next?: (request: IncomingMessage, response: ServerResponse) => unknown,
  ): (request: IncomingMessage, response: ServerResponse) => void {
    return this.#core.plainListener(
      next === undefined ? { type: 'redirect', status: 308 } : { type: 'handle', handler: next },
    );
  }

  /**
   * What a client that sends `serverName` gets; undefined for one without SNI. Rejects with `NOT_STARTED` before
   * `start()`.
   */
  async resolve(serverName?: string, { signal }: WaitOptions = {}): Promise<SecureContext | undefined> {
    this.#assertStarted('resolve');
    return abortable(this.#core.certificates.resolve(serverName), signal);
  }

  /** Certificates, findings and listeners; JSON-serialisable and without secrets. */
  status(): ServerStatus {
    const { certificates, reporter, listeners } = this.#core;
    return {
      certificates: certificates.status(),
      findings: reporter.findings,
      listeners: listeners.addresses,
    };
  }

  /** Counters and validity of certificates as OpenMetrics text. */
  metrics(): string {
    return openMetrics(this.#core.reporter.counters, this.#core.certificates.status());
  }

  /** Makes every source read again what can change, now. Rejects with the first fault; what was loaded keeps serving. */
  async reload({ signal }: WaitOptions = {}): Promise<void> {
    this.#assertStarted('reload');
    const controller = new AbortController();
    try {
      await abortable(this.#core.certificates.sources.reload(controller.signal), signal);
    } finally {
      controller.abort();
    }
  }

  /**
   * Renews the certificate of a managed name now; resolves when the new one is served, rejects after the first
   * failed attempt.
   * @throws {@link TlsmithError} `NOT_STARTED`, `NAME_NOT_MANAGED`, or the issuer's error
   */
  async renew(serverName: string, { signal }: WaitOptions = {}): Promise<void> {
    this.#assertStarted('renew');
    const name = normalizeConfiguredName(serverName);
    if (name === undefined)
      throw new TypeError(`renew: ${serverName} is neither a DNS name nor an IP address.`);
    const controller = new AbortController();
    try {
      await abortable(this.#core.certificates.sources.renew(name, controller.signal), signal);
    } finally {
      controller.abort();
    }
  }

  #first(): Frontend {
    const [frontend] = this.#frontends;
    if (frontend !== undefined) return frontend;
    throw new TypeError(
      'createSecureServer: there is no application; give one as second argument, or attach() a server.',
    );
  }

  #assertStarted(member: string): void {
    if (this.#isStarted) return;
    throw new TlsmithError('NOT_STARTED', `${member} was used before the server had started.`, {
      hint: 'await secure.start() (or listen()) first.',
    });
  }

  #start(): Promise<void> {
    // What is asked for while the server closes begins when it has closed.
    if (this.#closing !== undefined) return this.#closing.then(() => this.#start());
    if (this.#starting === undefined) {
      const run = (this.#run = Symbol('run'));
      this.#starting = this.#startOnce(run).catch((error: unknown) => {
        if (this.#run === run) this.#starting = undefined;
        throw error;
      });
    }
    return this.#starting;
  }

  async #startOnce(run: symbol): Promise<void> {
    await this.#core.start();
    if (this.#run === run) {
      this.#isStarted = true;
      return;
    }
    // It took so long that close() has given up waiting for it.
    await this.#core.stop();
    throw closedMeanwhile('start()');
  }

  async #startAndOpen(frontend: Frontend, target: ListenTarget | undefined): Promise<void> {
    await this.#closing;
    const wasStarted = this.#isStarted;
    const closes = this.#closes;
    const signal = target?.signal;
    try {
      await this.start(signal === undefined ? {} : { signal });
      if (closes !== this.#closes) throw closedMeanwhile('listen()');
      const opened = await this.#open(frontend, target);
      if (closes === this.#closes) return;
      for (const server of opened) server.close();
      throw closedMeanwhile('listen()');
    } catch (error) {
      const closing = wasStarted ? undefined : this.close({ graceMs: 0 });
      // Who gives up does not wait for a source that hangs.
      if (signal?.aborted !== true) await closing;
      throw error;
    }
  }

  /** Opens both listeners or none; answers what it has opened. */
  async #open(frontend: Frontend, target: ListenTarget | undefined): Promise<NetServer[]> {
    const opened = target === undefined ? [] : [await this.#openAddress(frontend, target)];
    try {
      const companion = await this.#openCompanion(frontend, target?.host);
      return companion === undefined ? opened : [...opened, companion];
    } catch (error) {
      for (const server of opened) server.close();
      throw error;
    }
  }

  async #openAddress(frontend: Frontend, target: ListenTarget): Promise<NetServer> {
    const { server } = frontend.application;
    if (!server.listening) {
      await listen(server, target);
      return server;
    }
    const further = createNetServer({ noDelay: true }, frontend.accept);
    await listen(further, target);
    this.#furtherServers.add(further);
    this.#core.listeners.add(further, 'https');
    further.once('close', () => {
      this.#furtherServers.delete(further);
      this.#onServerClosed();
    });
    return further;
  }

  async #openCompanion(frontend: Frontend, tlsHost: string | undefined): Promise<NetServer | undefined> {
    const { http } = this.#core.settings;
    if (http === undefined || this.#companion !== undefined) return undefined;
    const { port, host = tlsHost, redirect } = http;
    const serve =
      http.handler ?? ((...exchange: unknown[]) => frontend.application.server.emit('request', ...exchange));
    const action =
      redirect === false
        ? ({ type: 'handle', handler: serve } as const)
        : ({ type: 'redirect', status: redirect } as const);
    this.#companion = await openHttpListener({ port, host }, this.#core.plainOptions(action));
    this.#core.listeners.add(this.#companion.server, 'http');
    return this.#companion.server;
  }

  /** Somebody, perhaps a framework, has made the application's server listen. */
  #onListening(frontend: Frontend): void {
    this.#core.listeners.add(frontend.application.server, 'https');
    this.#start().catch((error: unknown) => {
      this.#core.reporter.failed({ error: asTlsmithError(error, 'SOURCE_FAILED'), names: [], attempt: 1 });
      frontend.shut();
    });
  }

  #onServerClosed(): void {
    const isOpen =
      this.#furtherServers.size > 0 ||
      this.#frontends.some(({ application }) => application.server.listening);
    if (!isOpen && this.#closing === undefined && this.#starting !== undefined)
      void this.close({ graceMs: 0 });
  }

  async #close(graceMs: number): Promise<void> {
    // Before anything is waited for: a server that is told to listen meanwhile belongs to the next start.
    const drainings = this.#stopAccepting();
    // A start that fails on its way has nothing left to close; one that hangs is not waited for for ever.
    if (!this.#isStarted) await this.#atMost(GRACE_MS, this.#starting);
    this.#starting = undefined;
    this.#run = undefined;
    this.#isStarted = false;
    for (const frontend of this.#frontends) frontend.destroyWaiting();
    this.#core.router.destroy('unsecured');
    const closed = Promise.all([
      ...drainings.map((draining) => draining.closed),
      this.#core.connectionsClosed(),
    ]);
    await this.#atMost(graceMs, closed);
    for (const draining of drainings) draining.finish();
    this.#core.router.destroy('all');
    await this.#atMost(LINGER_MS, closed);
    this.#companion = undefined;
    await this.#core.stop();
  }

  #stopAccepting(): Draining[] {
    const { clock } = this.#core.settings;
    const companions = this.#companion === undefined ? [] : [this.#companion];
    return [
      ...[...this.#frontends, ...companions].map((part) => part.drain(clock)),
      ...[...this.#furtherServers].map((server) => drain(server, clock)),
    ];
  }

  /** Waits for a promise, whatever becomes of it, but no longer than `limitMs`. */
  async #atMost(limitMs: number, promise: Promise<unknown> | undefined): Promise<void> {
    if (promise === undefined || limitMs <= 0) return;
    const { clock } = this.#core.settings;
    const controller = new AbortController();
    const cancel = alarm(clock, clock.now() + limitMs, () => {
      controller.abort();
    });
    await abortable(promise, controller.signal).catch(() => undefined);
    cancel();
  }

  #logStart(): void {
    const { settings } = this.#core;
    settings.logger.info(
      startFacts({
        urls: this.urls,
        status: this.status(),
        tls: settings.tls,
        protocols: this.#first().application.protocols,
      }),
      `Listening at ${this.urls.join(', ')}`,
    );
  }
}

function closedMeanwhile(call: string): TlsmithError {
  return new TlsmithError('CLOSED', `The server was closed before ${call} was done.`, {
    hint: `Call ${call} again to open it anew.`,
  });
}

/** `promise`, unless the signal is aborted first. What was begun goes on. */
async function abortable<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  promise.catch(() => undefined);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
