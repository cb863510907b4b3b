/**
 * Who is let in, before a byte of TLS is read: peers that `allowPeers` lists, and proxies, which say by a PROXY header
 * for whom they connect. Only made when one of these options is set: without them no connection pays for it.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { AddressList } from '../address-list.js';
import type { Clock } from '../clock.js';
import type { ProxiedConnection } from './proxy-header.js';
import type * as phase from './proxy-phase.js';

/** Why a peer is not let in. */
export type AdmissionRefusalCode = phase.ProxyRefusalCode | 'PEER_NOT_ALLOWED';

/** What decides. */
export interface AdmissionOptions {
  /** Who may connect, as the application sees the addresses; undefined = everybody. */
  readonly allowed: AddressList | undefined;
  /** The peers that must send a PROXY header. */
  readonly proxies: AddressList | undefined;
  readonly clock: Clock;
  /** Told of every connection that is not let in. */
  readonly refused: (
    code: AdmissionRefusalCode,
    facts: { remoteAddress: string | undefined; reason: string },
  ) => void;
  /**
   * Asked when a peer is not on the list: whether the connection is one that the server has made to itself, to see what
   * it serves. `false` when it makes none.
   */
  readonly isOwnCheck: (socket: Socket) => false | Promise<boolean>;
}

/** How many connections may be in the phase of the PROXY header; beyond, the oldest makes room. */
export const MOST_HEADERS_PENDING = 1_000;

/** Lets peers in, or not. */
export class Admission {
  readonly #options: AdmissionOptions;
  /** Connections whose PROXY header is not read yet, oldest first. */
  readonly #pending = new Set<Socket>();
  #phase: typeof phase | undefined;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Loads what reads PROXY headers, if there are proxies; before it no header can be read. */
  async load(): Promise<void> {
    if (this.#options.proxies !== undefined) this.#phase ??= await import('./proxy-phase.js');
  }

  /** Calls `goOn` when the peer of a new connection may connect, else drops it. */
  admitPeer(socket: Socket, goOn: () => void): void {
    if (this.#isProxy(socket) || this.#mayConnect(socket)) {
      goOn();
      return;
    }
    const isOwnCheck = this.#options.isOwnCheck(socket);
    if (isOwnCheck === false) this.#drop(socket);
    else {
      socket.on('error', ignore);
      void isOwnCheck.then((isOwn) => {
        if (isOwn) goOn();
        else this.#drop(socket);
      });
    }
  }

  /** Calls `goOn` at once for a client, and for a proxy when its PROXY header tells of a client that may connect. */
  readHeader(socket: Socket, goOn: () => void): void {
    if (this.#phase === undefined || !this.#isProxy(socket)) {
      goOn();
      return;
    }
    const proxy = socket.remoteAddress;
    socket.on('error', ignore);
    this.#makeRoom();
    this.#pending.add(socket);
    socket.once('close', () => this.#pending.delete(socket));
    this.#phase.readHeaderOf(socket, this.#options.clock, {
      received: (connection) => {
        this.#pending.delete(socket);
        if (connection !== undefined) showConnection(socket, connection);
        if (connection === undefined || this.#mayConnect(socket)) goOn();
        else this.#drop(socket);
      },
      refused: (code, reason) => {
        this.#options.refused(code, { remoteAddress: proxy, reason });
      },
    });
  }

  /** Ends the connections whose PROXY header is not read yet. */
  destroyPending(): void {
    for (const socket of this.#pending) socket.destroy();
  }

  #isProxy(socket: Socket): boolean {
    return this.#options.proxies?.has(socket.remoteAddress) === true;
  }

  #mayConnect(socket: Socket): boolean {
    const { allowed } = this.#options;
    return allowed === undefined || allowed.has(socket.remoteAddress) || isUnixSocket(socket);
  }

  #drop(socket: Socket): void {
    const { remoteAddress } = socket;
    this.#options.refused('PEER_NOT_ALLOWED', {
      remoteAddress,
      reason: 'its address is not in `allowPeers`',
    });
    socket.on('error', ignore);
    socket.destroy();
  }

  #makeRoom(): void {
    if (this.#pending.size < MOST_HEADERS_PENDING) return;
    const oldest = this.#pending.values().next().value as Socket;
    this.#pending.delete(oldest);
    this.#options.refused('PROXY_HEADER_TIMEOUT', {
      remoteAddress: oldest.remoteAddress,
      reason: `it has waited longest of ${MOST_HEADERS_PENDING} without a whole PROXY header`,
    });
    oldest.destroy();
  }
}

/**
 * Who may use a unix socket is decided by its file, not by addresses: it has none. A TCP socket whose client has left has
 * lost its peer's address, not its own.
 */
function isUnixSocket({ remoteAddress, localAddress }: Socket): boolean {
  return remoteAddress === undefined && localAddress === undefined;
}

/** Makes a socket show the connection that the proxy has told of. */
function showConnection(socket: Socket, { family, client, server }: ProxiedConnection): void {
  show(socket, {
    remoteAddress: client.address,
    remoteFamily: family,
    remotePort: client.port,
    // By this one the certificate for an IP address is found.
    localAddress: server.address,
  });
}

/** Makes the socket over TLS show the client that the raw one shows. */
export function showSameClient(raw: Socket, socket: TLSSocket): void {
  if (!Object.hasOwn(raw, 'remoteAddress')) return;
  const { remoteAddress, remoteFamily, remotePort } = raw;
  show(socket, { remoteAddress, remoteFamily, remotePort });
}

/** Own properties before the getters of node's class. */
function show(socket: Socket, properties: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(properties))
    Object.defineProperty(socket, name, { value, configurable: true, enumerable: false, writable: false });
}

function ignore(): void {
  // 'close' follows.
}
