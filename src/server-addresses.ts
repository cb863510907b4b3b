/**
 * Where a server listens: the servers of its applications, further addresses of the first one, and the companion
 * listener for plain HTTP. Opened together or not at all.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createNetServer, type Server as NetServer } from 'node:net';
import type { Entrance } from './application/entrance.js';
import type { HttpListener } from './http/http-listener.js';
import type { PlainAction } from './http/plain-listener.js';
import { drain, type Draining } from './listening/draining.js';
import type { ListenTarget } from './listening/listen-target.js';
import type { Listeners } from './listening/listeners.js';
import type { LazyCore } from './lazy-core.js';
import type { ServerSettings } from './options.js';
import { closedMeanwhile, type ServerOpenings } from './server-lifecycle.js';

/** Told of addresses that belong to no application's own server. */
export interface FurtherAddressListener {
  opened(server: NetServer): void;
  closed(server: NetServer): void;
}

/** What addresses are made from. */
export interface AddressParts {
  readonly settings: ServerSettings;
  readonly listeners: Listeners;
  readonly core: LazyCore;
}

/** The listeners of one server. */
export class ServerAddresses implements ServerOpenings {
  readonly #settings: ServerSettings;
  readonly #listeners: Listeners;
  readonly #core: LazyCore;
  readonly #entrances: Entrance[] = [];
  readonly #further = new Set<NetServer>();
  readonly #furtherAddress: FurtherAddressListener;
  #companion: Promise<HttpListener> | undefined;
  #openCompanion: HttpListener | undefined;
  /** How many calls of `open` are under way. */
  #opening = 0;
  /** How often accepting was stopped: what is opened across that is closed again. */
  #stops = 0;

  constructor(parts: AddressParts, furtherAddress: FurtherAddressListener) {
    this.#settings = parts.settings;
    this.#listeners = parts.listeners;
    this.#core = parts.core;
    this.#furtherAddress = furtherAddress;
  }

  /** The applications, in the order they were added. */
  get entrances(): readonly Entrance[] {
    return this.#entrances;
  }

  /** Whether an application can be reached. */
  get isOpen(): boolean {
    return this.#further.size > 0 || this.#entrances.some(({ application }) => application.server.listening);
  }

  /** Whether `open` is at work: it sees to everything that listens meanwhile. */
  get isOpening(): boolean {
    return this.#opening > 0;
  }

  /** Adds an application. */
  add(entrance: Entrance): void {
    this.#entrances.push(entrance);
  }

  /** Opens an address and the companion listener, or neither. */
  async open(entrance: Entrance, target: ListenTarget | undefined): Promise<void> {
    this.#opening += 1;
    try {
      const opened = target === undefined ? undefined : await this.#openAddress(entrance, target);
      try {
        await this.openCompanion(entrance, target?.host);
      } catch (error) {
        opened?.close();
        throw error;
      }
    } finally {
      this.#opening -= 1;
    }
  }

  /** Opens the companion listener, if there is to be one and it is not open yet. */
  async openCompanion(entrance: Entrance, tlsHost: string | undefined): Promise<void> {
    const { http } = this.#settings;
    if (http === undefined) return;
    const { port, host = tlsHost } = http;
    const stops = this.#stops;
    const companion = (this.#companion ??= this.#core.loaded.openHttpListener(
      { port, host },
      { action: this.#plainAction(entrance), behindTls: applicationOf(entrance) },
    ));
    try {
      const listener = await companion;
      if (stops === this.#stops) {
        this.#openCompanion = listener;
        this.#listeners.add(listener.server, 'http');
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
    const { clock } = this.#settings;
    const companions = this.#openCompanion === undefined ? [] : [this.#openCompanion];
    this.#stops += 1;
    this.#companion = undefined;
    this.#openCompanion = undefined;
    return [
      ...[...this.#entrances, ...companions].map((part) => part.drain(clock)),
      ...[...this.#further].map((server) => drain(server, clock)),
    ];
  }

  destroyWaiting(): void {
    for (const entrance of this.#entrances) entrance.destroyWaiting();
  }

  async #openAddress(entrance: Entrance, target: ListenTarget): Promise<NetServer> {
    const { server } = entrance.application;
    const isFurther = server.listening;
    const stops = this.#stops;
    const opened = isFurther ? createNetServer({ noDelay: true }, entrance.accept) : server;
    await this.#core.loaded.listen(opened, target);
    if (stops !== this.#stops) {
      opened.close();
      throw closedMeanwhile('listen()');
    }
    if (isFurther) this.#addFurther(opened);
    return opened;
  }

  #addFurther(server: NetServer): void {
    this.#further.add(server);
    this.#listeners.add(server, 'https');
    this.#furtherAddress.opened(server);
    server.once('close', () => {
      this.#further.delete(server);
      this.#furtherAddress.closed(server);
    });
  }

  #plainAction(entrance: Entrance): PlainAction {
    const { redirect, handler } = this.#settings.http ?? {};
    if (redirect !== undefined && redirect !== false) return { type: 'redirect', status: redirect };
    return { type: 'handle', handler: handler ?? applicationOf(entrance) };
  }
}

type PlainHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

function applicationOf({ application }: Entrance): PlainHandler {
  return (...exchange) => application.server.emit('request', ...exchange);
}
