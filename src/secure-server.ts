/**
 * The object that `createSecureServer` returns. What each part does stands in its own file, and when it runs in
 * `server-lifecycle.ts`; here is what users see of it.
 */
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server as NetServer } from 'node:net';
import type { SecureContext, TlsOptions } from 'node:tls';
import { abortable } from './abortable.js';
import type { AttachableServer } from './application/application.js';
import { Entrance } from './application/entrance.js';
import { type CloseOptions, parseGrace } from './close-options.js';
import { normalizeConfiguredName } from './credential/server-name.js';
import { messageOf, TlsmithError } from './errors.js';
import { emitGuarded, type SecureServerEvents } from './events.js';
import { deferredListener } from './http/deferred-listener.js';
import type { PlainAction } from './http/plain-listener.js';
import { LazyCore } from './lazy-core.js';
import { type ListenTarget, parseListenTarget } from './listening/listen-target.js';
import { Listeners, urlsOf } from './listening/listeners.js';
import { Counters, openMetrics } from './metrics.js';
import type { ServerSettings } from './options.js';
import { ServerAddresses } from './server-addresses.js';
import type { ServerCore, ServerParts } from './server-core.js';
import { ServerLifecycle } from './server-lifecycle.js';
import type { ServerStatus } from './status.js';

/** For what may be given up while it is waited for. */
export interface WaitOptions {
  /** Ends the wait; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
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
  readonly #settings: ServerSettings;
  readonly #listeners = new Listeners();
  readonly #core: LazyCore;
  readonly #addresses: ServerAddresses;
  readonly #lifecycle: ServerLifecycle;
  /** To which run what listens belongs: a late 'close' must not end a later one. */
  readonly #runOf = new WeakMap<NetServer, number>();
  /** The latest `listen()`, whatever became of it. */
  #opening: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(parts: ServerParts, server: AttachableServer | undefined) {
    super();
    const { settings } = parts;
    const listeners = this.#listeners;
    this.#settings = settings;
    this.#core = new LazyCore(
      () => this.#load(parts),
      (core) => {
        for (const entrance of this.#addresses.entrances) core.open(entrance);
      },
    );
    this.#addresses = new ServerAddresses(
      { settings, listeners, core: this.#core },
      {
        opened: (further) => {
          this.#runOf.set(further, this.#lifecycle.ends);
        },
        closed: (further) => {
          this.#onServerClosed(further);
        },
      },
    );
    this.#lifecycle = new ServerLifecycle(settings.clock, this.#core, this.#addresses);
    if (server !== undefined) this.attach(server);
  }

  /**
   * The node server behind the application: an `https.Server`, an `Http2SecureServer`, or the `http.Server` that was
   * given. For `ws`, socket.io, Fastify's `serverFactory`. Whoever calls its `listen()` starts this server; when its
   * last server has closed, this one is closed.
   * @throws `TypeError` when there is neither an application nor an attached server
   */
  get server(): Server {
    // The first entrance is that of the server that the type was made from.
    return this.#first().application.server as unknown as Server;
  }

  /**
   * Options for `https.createServer`, `http2.createSecureServer`, `tls.createServer`, Fastify's `https` or Vite's
   * `server.https`, when nothing may be attached. docs/frameworks.md says what this mode cannot do.
   * @throws {@link TlsmithError} `NOT_STARTED` before `start()`
   * @throws `TypeError` with `policies` or `clientAuth`, which this mode cannot do
   */
  get tlsOptions(): TlsOptions {
    this.#assertStarted('tlsOptions');
    return this.#core.loaded.tlsOptions();
  }

  /** Where the server can be reached: `publicUrl` first, then real ports with the names of the certificates. */
  get urls(): string[] {
    const { certificates, listeners } = this.status();
    return urlsOf(listeners, {
      names: [...new Set(certificates.flatMap(({ names }) => names))],
      publicUrl: this.#settings.publicUrl,
    });
  }

  /**
   * Loads and checks the sources; opens no socket. Idempotent.
   * @throws {@link TlsmithError} what a source cannot do without (see {@link filePair}, {@link pemPair}),
   * `DEFAULT_NAME_NOT_COVERED`, or in strict mode the code of a finding
   */
  async start({ signal }: WaitOptions = {}): Promise<this> {
    const { closes } = this.#lifecycle;
    await abortable(this.#lifecycle.start(), signal);
    this.#lifecycle.assertNotClosedSince(closes, 'start()');
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
    const entrance = this.#first();
    if (parsed === undefined && this.#settings.http === undefined) {
      throw new TypeError(
        'listen: port -1 disables the TLS listener and `http` is off, so nothing would listen.',
      );
    }
    const { closes } = this.#lifecycle;
    // One after the other: the second of two calls must find the first address open.
    const opening = this.#opening.then(() => this.#startAndOpen(entrance, parsed, closes));
    this.#opening = opening.catch(() => undefined);
    await opening;
    this.#core.loaded.logStart(this.urls, entrance.application);
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
      const ready = this.#core.loaded.certificates.sources.ready(controller.signal);
      await abortable(ready, signal, this.#lifecycle.over);
    } finally {
      controller.abort();
    }
    return this;
  }

  /**
   * Stops accepting, ends idle connections, lets requests finish for `graceMs`, then destroys what is left; stops
   * timers, watchers and issuance, releases leases. Nothing keeps the process alive afterwards.
   * @throws `TypeError` when `graceMs` is no number from 0
   */
  async close(options?: CloseOptions): Promise<void> {
    await this.#lifecycle.close(parseGrace(options));
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
    const entrance: Entrance = new Entrance(server, this.#settings.clock, () => this.#startFor(server));
    this.#addresses.add(entrance);
    this.#core.current?.open(entrance);
    server.on('listening', () => {
      this.#onListening(entrance);
    });
    server.on('close', () => {
      this.#onServerClosed(server);
    });
    if (server.listening) this.#onListening(entrance);
    return this;
  }

  /**
   * A request listener for a port-80 server of your own: answers ACME's HTTP-01 challenges, then calls `next`, or
   * redirects to HTTPS when there is none.
   */
  requestListener(
    next?: (request: IncomingMessage, response: ServerResponse) => unknown,
  ): (request: IncomingMessage, response: ServerResponse) => void {
    this.#listeners.hasRequestListener = true;
    const action: PlainAction =
      next === undefined ? { type: 'redirect', status: 308 } : { type: 'handle', handler: next };
    return deferredListener(async () => (await this.#core.load()).plainListener(action));
  }

  /**
   * What a client that sends `serverName` gets; undefined for one without SNI. Rejects with `NOT_STARTED` before
   * `start()`.
   */
  async resolve(serverName?: string, { signal }: WaitOptions = {}): Promise<SecureContext | undefined> {
    this.#assertStarted('resolve');
    return abortable(this.#core.loaded.certificates.resolve(serverName), signal);
  }

  /** Certificates, findings and listeners; JSON-serialisable and without secrets. */
  status(): ServerStatus {
    const nothing = { certificates: [], findings: [], listeners: this.#listeners.addresses };
    return this.#core.current?.status() ?? nothing;
  }

  /** Counters and validity of certificates as OpenMetrics text. */
  metrics(): string {
    const counters = this.#core.current?.reporter.counters ?? new Counters();
    return openMetrics(counters, this.status().certificates);
  }

  /**
   * Makes every source, and every `clientAuth`, read again what can change, now. Rejects with the first fault; what was loaded
   * keeps serving.
   */
  async reload({ signal }: WaitOptions = {}): Promise<void> {
    this.#assertStarted('reload');
    const controller = new AbortController();
    try {
      await abortable(this.#core.loaded.reload(controller.signal), signal);
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
      await abortable(this.#core.loaded.certificates.sources.renew(name, controller.signal), signal);
    } finally {
      controller.abort();
    }
  }

  async #load(parts: ServerParts): Promise<ServerCore> {
    const { ServerCore } = await import('./server-core.js');
    return new ServerCore(parts, { listeners: this.#listeners, emitter: this });
  }

  #first(): Entrance {
    const [first] = this.#addresses.entrances;
    if (first !== undefined) return first;
    throw new TypeError(
      'createSecureServer: there is no application; give one as second argument, or attach() a server.',
    );
  }

  #assertStarted(member: string): void {
    if (this.#lifecycle.isStarted) return;
    throw new TlsmithError('NOT_STARTED', `${member} was used before the server had started.`, {
      hint: 'await secure.start() (or listen()) first.',
    });
  }

  /** What a connection has to wait for; a stray one must not start a server again that was closed. */
  #startFor(server: AttachableServer): Promise<void> | 'started' | 'closed' {
    const lifecycle = this.#lifecycle;
    if (lifecycle.isStarted) return 'started';
    const isClosed = !lifecycle.isRunning && lifecycle.ends > 0 && !server.listening;
    return isClosed ? 'closed' : lifecycle.start();
  }

  async #startAndOpen(entrance: Entrance, target: ListenTarget | undefined, closes: number): Promise<void> {
    const lifecycle = this.#lifecycle;
    await lifecycle.closing;
    lifecycle.assertNotClosedSince(closes, 'listen()');
    const { ends } = lifecycle;
    const isHeld = lifecycle.isStarted && !this.#addresses.isOpen;
    const signal = target?.signal;
    try {
      await abortable(lifecycle.start(), signal);
      lifecycle.assertNotClosedSince(closes, 'listen()');
      await this.#addresses.open(entrance, target);
    } catch (error) {
      const isLeftOver = ends === lifecycle.ends && !isHeld && !this.#addresses.isOpen;
      const ending = isLeftOver ? lifecycle.end(0) : undefined;
      // Who gives up does not wait for a source that hangs.
      if (signal?.aborted !== true) await ending;
      throw error;
    }
  }

  /** Somebody, perhaps a framework, has made the application's server listen. */
  #onListening(entrance: Entrance): void {
    const { server } = entrance.application;
    this.#listeners.add(server, 'https');
    this.#runOf.set(server, this.#lifecycle.ends);
    // Of what listen() opens it hears by itself.
    if (this.#addresses.isOpening) return;
    this.#startListening(entrance).catch((error: unknown) => {
      if (!server.listening) return;
      const { current } = this.#core;
      if (current === undefined) this.#notLoaded(error);
      else current.startFailed(error);
      entrance.shut();
    });
  }

  /** The core tells of all else that fails; this is its own absence, such as after an update under a process that runs. */
  #notLoaded(cause: unknown): void {
    const error = new TlsmithError('SOURCE_FAILED', `The server could not be loaded: ${messageOf(cause)}`, {
      hint: 'Restart the process; if that does not help, install the package again.',
      cause,
    });
    const { code, hint, message } = error;
    const { logger } = this.#settings;
    logger.error({ code, hint }, message);
    emitGuarded(this, ['failed', { error, names: [], attempt: 1 }], (thrown) => {
      logger.error({ reason: messageOf(thrown) }, 'A listener of the event failed threw');
    });
  }

  async #startListening(entrance: Entrance): Promise<void> {
    const { server } = entrance.application;
    await this.#lifecycle.start(() => server.listening);
    const address = server.address();
    if (address === null) return;
    await this.#addresses.openCompanion(entrance, typeof address === 'string' ? undefined : address.address);
  }

  #onServerClosed(server: NetServer): void {
    const isOfThisRun = this.#runOf.get(server) === this.#lifecycle.ends;
    // A listen() that is under way ends the run by itself when it fails.
    const isLast = !this.#addresses.isOpen && !this.#addresses.isOpening;
    if (isOfThisRun && isLast && this.#lifecycle.isRunning) void this.#lifecycle.end(0);
  }
}
