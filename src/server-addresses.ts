/**
 * Where a server listens: the servers of its applications, further addresses of the first one, and the companion
 * listener for plain HTTP. Opened together or not at all.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createNetServer, type Server as NetServer } from 'node:net';
import type { Frontend } from './application/frontend.js';
import { type HttpListener, openHttpListener } from './http/http-listener.js';
import type { PlainAction } from './http/plain-listener.js';
import { drain, type Draining } from './listening/draining.js';
import { listen } from './listening/listen.js';
import type { ListenTarget } from './listening/listen-target.js';
import type { ServerCore } from './server-core.js';
import { closedMeanwhile, type ServerOpenings } from './server-lifecycle.js';

/** Told of addresses that belong to no application's own server. */
export interface FurtherAddressListener {
  opened(server: NetServer): void;
  closed(server: NetServer): void;
}

/** The listeners of one server. */
export class ServerAddresses implements ServerOpenings {
  readonly #core: ServerCore;
  readonly #frontends: Frontend[] = [];
  readonly #further = new Set<NetServer>();
  readonly #furtherAddress: FurtherAddressListener;
  #companion: Promise<HttpListener> | undefined;
  #openCompanion: HttpListener | undefined;
  /** How many calls of `open` are under way. */
  #opening = 0;
  /** How often accepting was stopped: what is opened across that is closed again. */
  #stops = 0;

  constructor(core: ServerCore, furtherAddress: FurtherAddressListener) {
    this.#core = core;
    this.#furtherAddress = furtherAddress;
  }

  /** The frontend whose application `listen()` opens. */
  get first(): Frontend | undefined {
    return this.#frontends[0];
  }

  /** Whether an application can be reached. */
  get isOpen(): boolean {
    return this.#further.size > 0 || this.#frontends.some(({ application }) => application.server.listening);
  }

  /** Whether `open` is at work: it sees to everything that listens meanwhile. */
  get isOpening(): boolean {
    return this.#opening > 0;
  }

  /** Adds an application. */
  add(frontend: Frontend): void {
    this.#frontends.push(frontend);
  }

  /** Opens an address and the companion listener, or neither. */
  async open(frontend: Frontend, target: ListenTarget | undefined): Promise<void> {
    this.#opening += 1;
    try {
      const opened = target === undefined ? undefined : await this.#openAddress(frontend, target);
      try {
        await this.openCompanion(frontend, target?.host);
      } catch (error) {
        opened?.close();
        throw error;
      }
    } finally {
      this.#opening -= 1;
    }
  }

  /** Opens the companion listener, if there is to be one and it is not open yet. */
  async openCompanion(frontend: Frontend, tlsHost: string | undefined): Promise<void> {
    const { http } = this.#core.settings;
    if (http === undefined) return;
    const { port, host = tlsHost } = http;
    const stops = this.#stops;
    const companion = (this.#companion ??= openHttpListener(
      { port, host },
      {
        ...this.#core.plainOptions(this.#plainAction(frontend)),
        behindTls: applicationOf(frontend),
        allowed: this.#core.settings.allowedPeers,
      },
    ));
    try {
      const listener = await companion;
      if (stops === this.#stops) {
        this.#openCompanion = listener;
        this.#core.listeners.add(listener.server, 'http');
        return;
      }
      listener.server.close();
    } catch (error) {
      if (this.#companion === companion) this.#companion = undefined;
      throw error;
    }
    throw closedMeanwhile('listen()');
  }

  stopAccepting(): Draining[] {
    const { clock } = this.#core.settings;
    const companions = this.#openCompanion === undefined ? [] : [this.#openCompanion];
    this.#stops += 1;
    this.#companion = undefined;
    this.#openCompanion = undefined;
    return [
      ...[...this.#frontends, ...companions].map((part) => part.drain(clock)),
      ...[...this.#further].map((server) => drain(server, clock)),
    ];
  }

  destroyWaiting(): void {
    for (const frontend of this.#frontends) frontend.destroyWaiting();
  }

  async #openAddress(frontend: Frontend, target: ListenTarget): Promise<NetServer> {
    const { server } = frontend.application;
    const isFurther = server.listening;
    const stops = this.#stops;
    const opened = isFurther ? createNetServer({ noDelay: true }, frontend.accept) : server;
    await listen(opened, target);
    if (stops !== this.#stops) {
      opened.close();
      throw closedMeanwhile('listen()');
    }
    if (isFurther) this.#addFurther(opened);
    return opened;
  }

  #addFurther(server: NetServer): void {
    this.#further.add(server);
    this.#core.listeners.add(server, 'https');
    this.#furtherAddress.opened(server);
    server.once('close', () => {
      this.#further.delete(server);
      this.#furtherAddress.closed(server);
    });
  }

  #plainAction(frontend: Frontend): PlainAction {
    const { redirect, handler } = this.#core.settings.http ?? {};
    if (redirect !== undefined && redirect !== false) return { type: 'redirect', status: redirect };
    return { type: 'handle', handler: handler ?? applicationOf(frontend) };
  }
}

type PlainHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

function applicationOf({ application }: Frontend): PlainHandler {
  return (...exchange) => application.server.emit('request', ...exchange);
}
