/**
 * Every raw connection begins here. The ClientHello is read before any TLS state exists; then the connection goes
 * to the TLS server that completes it, to a challenge server, to the plain HTTP answer, or is refused. The hot path
 * (one segment, a name whose credential is at hand) runs in a single turn without waiting or touching a file.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../clock.js';
import type { Credential } from '../credential/credential.js';
import { normalizeServerName } from '../credential/server-name.js';
import { type Challenges, isValidator } from './challenges.js';
import type { ClientHello, FirstBytes } from './client-hello.js';
import {
  type CredentialResolver,
  isPromise,
  type Selection,
  type SelectionOptions,
} from './credential-resolver.js';
import { hold } from './held-connection.js';
import { HELLO_TIMEOUT_MS, HelloPhase, type PendingHello } from './hello-phase.js';
import { rawSocketOf } from './raw-socket.js';
import { type Refused, Refusals } from './refusals.js';
import type { HandshakeServers } from './tls-servers.js';
import { UnsecuredConnections } from './unsecured-connections.js';
import { Validators } from './validators.js';
import { NO_NAME, queueNameOf, WaitingQueue } from './waiting-queue.js';

/** What the router needs. */
export interface RouterOptions {
  readonly resolver: CredentialResolver;
  readonly challenges: Challenges;
  readonly clock: Clock;
  /** Whether a name that no source knows is refused (alert 112) instead of served the default. */
  readonly refusesUnknownNames: boolean;
  /** Takes over a connection that speaks plain HTTP; its first bytes have been pushed back. */
  readonly plainHttp: (socket: Socket) => void;
  /** Makes the socket over TLS show the client that a proxy has told of; undefined where there is no proxy. */
  readonly showClient?: (raw: Socket, socket: TLSSocket) => void;
  /** Told of every connection that is turned away, and why. */
  readonly refused: Refused;
  /** Told when the last connection has closed. */
  readonly idle: () => void;
}

/** Routes connections by their ClientHello. */
export class ConnectionRouter {
  readonly #options: RouterOptions;
  readonly #hellos: HelloPhase<Connection>;
  readonly #connections = new Map<Socket, Connection>();
  readonly #unsecured = new UnsecuredConnections<Socket>();
  readonly #queue = new WaitingQueue();
  readonly #refusals: Refusals;
  readonly #validators: Validators;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#refusals = new Refusals(options.clock, options.refused);
    this.#validators = new Validators(options.challenges, this.#refusals);
    this.#hellos = new HelloPhase(options.clock, {
      received: (begun, first, bytes) => {
        try {
          this.#route(begun, first, bytes);
        } catch (error) {
          // Nothing that a source or a listener does may leave the socket's event and end the process.
          this.#refusals.fail(begun.socket, error);
        }
      },
      timedOut: (socket, byteCount) => {
        const reason = `${byteCount} bytes within ${HELLO_TIMEOUT_MS} ms`;
        this.#refusals.turnAway(socket, 'CLIENT_HELLO_TIMEOUT', { reason });
      },
    });
  }

  /** How many connections are open: in the hello, in the handshake, or in use. */
  get size(): number {
    return this.#connections.size;
  }

  /** How many connections wait for a credential that is not there yet. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Takes a raw connection whose handshake is to be completed by one of `servers`. */
  accept(socket: Socket, servers: HandshakeServers): void {
    // An http.Server accepts half-open connections, but over TLS they would outlive clients that have left.
    socket.allowHalfOpen = false;
    const connection: Connection = {
      servers,
      // Asked while the client is there: once it has left, node only knows it if it has been asked before.
      remoteAddress: socket.remoteAddress,
      serverName: undefined,
      secured: undefined,
    };
    this.#connections.set(socket, connection);
    const oldest = this.#unsecured.enter(socket, connection.remoteAddress);
    if (oldest !== undefined) this.#makeRoom(oldest);
    socket.on('error', ignore);
    const hello = this.#hellos.begin(socket, connection);
    socket.on('close', () => {
      this.#hellos.forget(hello);
      this.#forget(socket);
    });
  }

  /** The address of the client, also when it has left. */
  remoteAddressOf(socket: TLSSocket): string | undefined {
    return rawSocketOf(socket)?.remoteAddress;
  }

  /** Told when a handshake is complete. */
  secured(socket: TLSSocket): void {
    const raw = rawSocketOf(socket);
    const connection = raw === undefined ? undefined : this.#connections.get(raw);
    if (raw === undefined || connection === undefined) return;
    connection.secured = socket;
    this.#unsecured.leave(raw);
    this.#options.showClient?.(raw, socket);
    // A resumed TLS 1.2 connection does not know its name (nodejs/node#57175); the hello did.
    if (typeof socket.servername !== 'string') socket.servername = connection.serverName ?? false;
  }

  /** Ends connections at once: those whose handshake is not complete, or all. */
  destroy(which: 'unsecured' | 'all'): void {
    for (const [socket, { secured }] of [...this.#connections]) {
      if (which === 'all' || secured === undefined) socket.destroy();
    }
  }

  /** Ends the connections completed by `servers` whose client has not sent anything since its handshake. */
  destroySilent(servers: HandshakeServers): void {
    for (const { servers: own, secured } of [...this.#connections.values()]) {
      // The bytes of a TLS socket are those after the handshake.
      if (own === servers && secured?.bytesRead === 0) secured.destroy();
    }
  }

  /** Ends the timers. */
  close(): void {
    this.#hellos.close();
    this.#refusals.close();
  }

  #makeRoom(oldest: Socket): void {
    const reason = `it had waited longest of ${this.#unsecured.size} whose handshake was not complete`;
    this.#refusals.turnAway(oldest, 'TOO_MANY_HANDSHAKES', { reason });
    oldest.destroy();
  }

  #forget(socket: Socket): void {
    this.#connections.delete(socket);
    this.#unsecured.leave(socket);
    this.#refusals.forget(socket);
    if (this.#connections.size === 0) this.#options.idle();
  }

  #route(begun: Begun, first: FirstBytes, bytes: Buffer): void {
    const { socket } = begun;
    switch (first.kind) {
      case 'hello':
        this.#routeHello(begun, first.hello, bytes);
        return;
      case 'plain-text':
        socket.unshift(bytes);
        this.#refusals.turnAway(socket, 'TLS_PLAIN_HTTP_ON_TLS_PORT', {
          reason: 'the first bytes are no TLS',
          localPort: socket.localPort,
        });
        this.#options.plainHttp(socket);
        return;
      case 'proxy-header':
        this.#refusals.turnAway(socket, 'PROXY_HEADER_UNEXPECTED', {
          reason: 'it begins with a PROXY protocol header',
        });
        socket.destroy();
        return;
      case 'too-large':
        this.#refusals.refuse(socket, 'decode_error', {
          code: 'CLIENT_HELLO_TOO_LARGE',
          reason: 'the ClientHello is over 16 KiB',
        });
        return;
      case 'invalid':
        this.#refusals.refuse(socket, 'decode_error', { code: 'CLIENT_HELLO_INVALID', reason: first.reason });
    }
  }

  #routeHello({ socket, connection }: Begun, hello: ClientHello, bytes: Buffer): void {
    connection.serverName = hello.serverName;
    const { servers } = connection;
    if (isValidator(hello)) {
      socket.unshift(bytes);
      this.#validators.accept(socket, hello);
      return;
    }
    const selection = this.#select(socket, hello);
    if (selection === undefined) {
      this.#refusals.refuseName(socket, hello.serverName);
      return;
    }
    socket.unshift(bytes);
    if (!isPromise(selection)) {
      this.#handOff(socket, servers, { hello, credential: selection });
      return;
    }
    const leaveQueue = this.#queue.enter(queueNameOf(hello));
    socket.once('close', leaveQueue);
    this.#waitFor(selection, socket, (credential) => {
      leaveQueue();
      socket.removeListener('close', leaveQueue);
      this.#handOff(socket, servers, { hello, credential });
    });
  }

  #waitFor(
    selection: Promise<Credential | undefined>,
    socket: Socket,
    goOn: (credential: Credential | undefined) => void,
  ): void {
    hold(socket, selection, {
      goOn,
      failed: (error) => {
        this.#refusals.fail(socket, error);
      },
    });
  }

  #select(socket: Socket, hello: ClientHello): Selection {
    const { resolver, refusesUnknownNames } = this.#options;
    if (hello.serverName === undefined) return resolver.default(socket.localAddress, this.#mayWait(NO_NAME));
    const serverName = normalizeServerName(hello.serverName);
    // A name that is none by grammar belongs to nobody: it is refused by #handOff like an unknown one.
    if (serverName === undefined) return undefined;
    const options = this.#mayWait(serverName);
    const selection = resolver.find(serverName, options);
    if (refusesUnknownNames) return selection;
    if (isPromise(selection)) {
      return selection.then((credential) => credential ?? resolver.default(socket.localAddress, options));
    }
    return selection ?? resolver.default(socket.localAddress, options);
  }

  #mayWait(serverName: string): SelectionOptions {
    return { mayWait: this.#queue.hasRoomFor(serverName) };
  }

  #handOff(socket: Socket, servers: HandshakeServers, { hello, credential }: Selected): void {
    if (credential === undefined) {
      this.#refusals.refuseName(socket, hello.serverName);
      return;
    }
    servers.serverFor(credential, hello).emit('connection', socket);
  }
}

type Begun = Pick<PendingHello<Connection>, 'socket' | 'connection'>;

/** An open connection. */
interface Connection {
  readonly servers: HandshakeServers;
  readonly remoteAddress: string | undefined;
  /** What it asked for, as it was sent. */
  serverName: string | undefined;
  /** The connection over TLS, once its handshake is complete. */
  secured: TLSSocket | undefined;
}

function ignore(): void {
  // 'close' follows; why a connection breaks is its peer's business.
}

interface Selected {
  readonly hello: ClientHello;
  readonly credential: Credential | undefined;
}
