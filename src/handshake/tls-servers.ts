/**
 * The TLS servers of one policy in front of one application: one per credential, so that what a client gets is the
 * default context of its server. That needs no SNICallback in the handshake, cannot leak another credential's
 * certificate (node 20 and 22 do with contexts of mixed key types), and lets a second certificate of
 * another key type join the same server. All of them share ticket keys and session id context, so a session
 * resumes across them and survives every swap of a certificate.
 */
import { createServer, type Server, type TlsOptions, type TLSSocket } from 'node:tls';
import { BoundedMap } from '../bounded-map.js';
import type { Credential } from '../credential/credential.js';
import type { ClientHello } from './client-hello.js';
import { takePeerCertificate } from './peer-certificate.js';
import type { ClientAuthentication } from './policies.js';
import type { TicketKey, TicketKeys } from './ticket-keys.js';
import {
  POST_QUANTUM_GROUP_ID,
  takesPostQuantum,
  type TlsSettings,
  tlsServerOptions,
} from './tls-settings.js';

/** A context takes about 50 KB: 2,000 of them are 100 MB. */
const CACHED_SERVERS = 2_000;

/** What becomes of a connection after its handshake. */
export interface HandshakeListener {
  /** The handshake is complete, with this credential. */
  secured(socket: TLSSocket, credential: Credential): void;
  /** It failed, with this credential; the socket has been destroyed. */
  handshakeFailed(error: Error, socket: TLSSocket, credential: Credential): void;
}

/** What the router hands connections to. */
export interface HandshakeServers {
  /** The server that completes this handshake with `credential`. */
  serverFor(credential: Credential, hello: ClientHello): Server;
  /**
   * Makes what {@link HandshakeServers.serverFor} answers for `credential`.
   * @throws OpenSSL's error when it cannot be served
   */
  prepare(credential: Credential): void;
  /** From now on gives the key log lines of every handshake to `onKeylog`; costly, so only done when asked for. */
  enableKeylog(onKeylog: (line: Buffer, socket: TLSSocket) => void): void;
}

/** What the servers of a policy are made from. */
export interface TlsServersOptions {
  readonly settings: TlsSettings;
  readonly ticketKeys: TicketKeys;
  /** Keeps sessions of one policy from being resumed under another; at most 32 bytes. */
  readonly sessionIdContext: string;
  /** ALPN, most wanted first; empty = none is negotiated. */
  readonly protocols: readonly string[] | Uint8Array;
  readonly listener: HandshakeListener;
  /** Undefined: clients are not asked for certificates. */
  readonly clientAuth: ClientAuthentication | undefined;
  /** Counts lookups: hit or miss. */
  readonly contexts: { increment(result: 'hit' | 'miss'): void };
  /** Counts handshakes by the key agreement that client and server are both ready for. */
  readonly keyShares: { increment(kind: 'post_quantum' | 'classic'): void };
}

/** A pool of `tls.Server`s by credential. They never listen: connections are handed to them. */
export class TlsServers implements HandshakeServers {
  readonly #options: TlsServersOptions;
  #current = new BoundedMap<string, Server>(CACHED_SERVERS);
  /** What was in use before the last rotation: taken back when it is asked for, dropped at the next rotation. */
  #resting = new BoundedMap<string, Server>(CACHED_SERVERS);
  /** The same credentials with the ticket keys of the period before; made when a client offers such a ticket. */
  readonly #previous = new BoundedMap<string, Server>(CACHED_SERVERS);

  readonly #takesPostQuantum: boolean;
  #onKeylog: ((line: Buffer, socket: TLSSocket) => void) | undefined;

  constructor(options: TlsServersOptions) {
    this.#options = options;
    this.#takesPostQuantum = takesPostQuantum(options.settings);
    options.ticketKeys.onRotate(() => {
      this.#rotateTicketKeys();
    });
    options.clientAuth?.onChange(() => {
      this.#drop();
    });
  }

  serverFor(credential: Credential, hello: ClientHello): Server {
    const { keyShares, ticketKeys } = this.#options;
    const isPostQuantum = this.#takesPostQuantum && hello.offersKeyShareOf(POST_QUANTUM_GROUP_ID);
    keyShares.increment(isPostQuantum ? 'post_quantum' : 'classic');
    const { current, previous } = ticketKeys;
    if (previous !== undefined && hello.offersTicketOf(previous.name)) {
      return this.#cached(this.#previous, credential, previous);
    }
    return this.#cached(this.#current, credential, current);
  }

  prepare(credential: Credential): void {
    this.#cached(this.#current, credential, this.#options.ticketKeys.current);
  }

  enableKeylog(onKeylog: (line: Buffer, socket: TLSSocket) => void): void {
    if (this.#onKeylog !== undefined) return;
    this.#onKeylog = onKeylog;
    for (const servers of [this.#current, this.#resting, this.#previous]) {
      for (const server of servers.values()) server.on('keylog', onKeylog);
    }
  }

  #cached(servers: BoundedMap<string, Server>, credential: Credential, ticketKey: TicketKey): Server {
    const known = servers.get(credential.id) ?? this.#takeBack(servers, credential.id);
    this.#options.contexts.increment(known === undefined ? 'miss' : 'hit');
    if (known !== undefined) return known;
    const server = this.#create(credential, ticketKey);
    servers.set(credential.id, server);
    return server;
  }

  #takeBack(servers: BoundedMap<string, Server>, id: string): Server | undefined {
    const server = servers === this.#current ? this.#resting.get(id) : undefined;
    if (server === undefined) return undefined;
    this.#resting.delete(id);
    servers.set(id, server);
    return server;
  }

  #create(credential: Credential, ticketKey: TicketKey): Server {
    const { settings, sessionIdContext, protocols, listener, clientAuth } = this.#options;
    const server = createServer({
      ...tlsServerOptions(settings),
      ...certificatesOf(credential),
      ticketKeys: ticketKey.secret,
      sessionIdContext,
      ...(protocols.length === 0 ? {} : { ALPNProtocols: protocols }),
      ...(clientAuth === undefined ? {} : clientAuthOptions(clientAuth)),
    });
    server.on('secureConnection', (socket) => {
      listener.secured(socket, credential);
    });
    server.on('tlsClientError', (error, socket) => {
      // Without this the handshake timeout closes nothing.
      socket.destroy();
      listener.handshakeFailed(error, socket, credential);
    });
    if (this.#onKeylog !== undefined) server.on('keylog', this.#onKeylog);
    return withoutSecrets(server);
  }

  /** The trust has changed: connections from now on are verified by what holds now. */
  #drop(): void {
    for (const servers of [this.#current, this.#resting, this.#previous]) servers.clear();
  }

  #rotateTicketKeys(): void {
    this.#previous.clear();
    for (const server of this.#current.values()) {
      server.setTicketKeys(this.#options.ticketKeys.current.secret);
    }
    // Certificates that were replaced are asked for no more: after two periods their servers are gone.
    this.#resting = this.#current;
    this.#current = new BoundedMap(CACHED_SERVERS);
  }
}

/** With two kinds of key OpenSSL chooses by what the client can check, in its order. */
function certificatesOf({ cert, key, alternative }: Credential): TlsOptions {
  return alternative === undefined
    ? { cert, key }
    : { cert: [cert, alternative.cert], key: [key, alternative.key] };
}

function clientAuthOptions({ isRequired, trust }: ClientAuthentication): TlsOptions {
  return {
    requestCert: true,
    rejectUnauthorized: isRequired,
    ...(isRequired ? { SNICallback: takePeerCertificate } : {}),
    // An empty list trusts nobody; none at all would trust every public authority.
    ca: [...trust.ca],
    ...(trust.crl.length === 0 ? {} : { crl: [...trust.crl] }),
  };
}

/**
 * Node keeps the options of a server on it, where every printed socket shows them; its context has them already. Not
 * deleted, because V8 is slow with objects that have lost a property.
 */
export function withoutSecrets(server: Server): Server {
  for (const option of ['key', 'pfx', 'passphrase', 'ticketKeys']) Reflect.set(server, option, undefined);
  return server;
}
