/**
 * The object that `createSecureServer` returns. What each part does stands in its own file, and when it runs in
 * `server-lifecycle.ts` and `server-listening.ts`; here is what users see of it.
 */
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SecureContext, TlsOptions } from 'node:tls';
import { abortable } from './abortable.js';
import type { AttachableServer } from './application/application.js';
import { Entrance } from './application/entrance.js';
import { type CloseOptions, parseGrace } from './close-options.js';
import { normalizeConfiguredName } from './credential/server-name.js';
import { TlsmithError } from './errors.js';
import type { SecureServerEvents } from './events.js';
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
import { ServerListening } from './server-listening.js';
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
  readonly #listening: ServerListening;

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
          this.#listening.opened(further);
        },
        closed: (further) => {
          this.#listening.closed(further);
        },
      },
    );
    this.#lifecycle = new ServerLifecycle(settings.clock, this.#core, this.#addresses);
    this.#listening = new ServerListening({
      ...{ listeners, core: this.#core, addresses: this.#addresses, lifecycle: this.#lifecycle },
      ...{ logger: settings.logger, emitter: this },
    });
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
    await this.#listening.listen(entrance, parsed);
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
    const entrance: Entrance = new Entrance(server, this.#settings.clock, () =>
      this.#listening.startFor(server),
    );
    this.#addresses.add(entrance);
    this.#core.current?.open(entrance);
    this.#listening.follow(entrance);
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
}
