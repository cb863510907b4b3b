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
import type { TlsmithErrorCode } from '../errors.js';
import { type AlertName, alertOf } from './alert.js';
import { LeavingConnections } from './leaving-connections.js';
import { challengeServerFor } from './challenge-server.js';
import { type Challenges, isValidator } from './challenges.js';
import type { ClientHello, FirstBytes } from './client-hello.js';
import {
  type CredentialResolver,
  isPromise,
  type Selection,
  type SelectionOptions,
} from './credential-resolver.js';
import { HELLO_TIMEOUT_MS, HelloPhase, type PendingHello } from './hello-phase.js';
import { printable } from './printable-name.js';
import { rawSocketOf } from './raw-socket.js';
import { readAhead } from './read-ahead.js';
import type { HandshakeServers } from './tls-servers.js';
import { UnsecuredConnections } from './unsecured-connections.js';
import { NO_NAME, queueNameOf, WaitingQueue } from './waiting-queue.js';

/** Why a connection did not get as far as a handshake. */
export type RefusalCode = Extract<
  TlsmithErrorCode,
  | 'CLIENT_HELLO_INVALID'
  | 'CLIENT_HELLO_TIMEOUT'
  | 'CLIENT_HELLO_TOO_LARGE'
  | 'PROXY_HEADER_UNEXPECTED'
  | 'SERVER_NAME_INVALID'
  | 'SERVER_NAME_UNKNOWN'
  | 'TLS_PLAIN_HTTP_ON_TLS_PORT'
  | 'TOO_MANY_HANDSHAKES'
  | 'HANDSHAKE_FAILED'
>;

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
  readonly refused: (code: RefusalCode, facts: RefusalFacts) => void;
  /** Told when the last connection has closed. */
  readonly idle: () => void;
}

/** Facts for log and metrics about a connection that was turned away. */
export interface RefusalFacts {
  readonly remoteAddress: string | undefined;
  readonly reason: string;
  readonly serverName?: string;
  readonly cause?: unknown;
}

/** Routes connections by their ClientHello. */
export class ConnectionRouter {
  readonly #options: RouterOptions;
  readonly #hellos: HelloPhase<Connection>;
  readonly #connections = new Map<Socket, Connection>();
  readonly #unsecured = new UnsecuredConnections<Socket>();
  readonly #queue = new WaitingQueue();
  readonly #leaving: LeavingConnections;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#leaving = new LeavingConnections(options.clock);
    this.#hellos = new HelloPhase(options.clock, {
      received: (begun, first, bytes) => {
        try {
          this.#route(begun, first, bytes);
        } catch (error) {
          // Nothing that a source or a listener does may leave the socket's event and end the process.
          this.#fail(begun.socket, error);
        }
      },
      timedOut: (socket, byteCount) => {
        const reason = `${byteCount} bytes within ${HELLO_TIMEOUT_MS} ms`;
        this.#turnAway(socket, 'CLIENT_HELLO_TIMEOUT', { reason });
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
    this.#leaving.close();
  }

  #makeRoom(oldest: Socket): void {
    const reason = `it had waited longest of ${this.#unsecured.size} whose handshake was not complete`;
    this.#turnAway(oldest, 'TOO_MANY_HANDSHAKES', { reason });
    oldest.destroy();
  }

  #forget(socket: Socket): void {
    this.#connections.delete(socket);
    this.#unsecured.leave(socket);
    this.#leaving.forget(socket);
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
        this.#turnAway(socket, 'TLS_PLAIN_HTTP_ON_TLS_PORT', { reason: 'the first bytes are no TLS' });
        this.#options.plainHttp(socket);
        return;
      case 'proxy-header':
        this.#turnAway(socket, 'PROXY_HEADER_UNEXPECTED', {
          reason: 'it begins with a PROXY protocol header',
        });
        socket.destroy();
        return;
      case 'too-large':
        this.#refuse(socket, 'decode_error', {
          code: 'CLIENT_HELLO_TOO_LARGE',
          reason: 'the ClientHello is over 16 KiB',
        });
        return;
      case 'invalid':
        this.#refuse(socket, 'decode_error', { code: 'CLIENT_HELLO_INVALID', reason: first.reason });
    }
  }

  #routeHello({ socket, connection }: Begun, hello: ClientHello, bytes: Buffer): void {
    connection.serverName = hello.serverName;
    const { servers } = connection;
    if (isValidator(hello)) {
      socket.unshift(bytes);
      this.#routeValidator(socket, hello);
      return;
    }
    const selection = this.#select(socket, hello);
    if (selection === undefined) {
      this.#refuseName(socket, hello.serverName);
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
    const stopReading = readAhead(socket);
    void selection
      .then((credential) => {
        if (socket.destroyed) return;
        stopReading();
        goOn(credential);
      })
      .catch((error: unknown) => {
        this.#fail(socket, error);
      });
  }

  #routeValidator(socket: Socket, hello: ClientHello): void {
    const { challenges } = this.#options;
    const credential = challenges.credentialFor(hello.serverName);
    const elsewhere = credential === undefined ? challenges.credentialElsewhere(hello.serverName) : undefined;
    if (elsewhere === undefined) {
      this.#answerValidator(socket, hello, credential);
      return;
    }
    this.#waitFor(elsewhere, socket, (found) => {
      this.#answerValidator(socket, hello, found);
    });
  }

  #answerValidator(socket: Socket, hello: ClientHello, credential: Credential | undefined): void {
    if (credential === undefined) {
      this.#refuse(socket, 'unrecognized_name', {
        code: 'SERVER_NAME_UNKNOWN',
        reason: 'an ACME validator asked for a name that no challenge is open for',
        serverName: printable(hello.serverName),
      });
      return;
    }
    challengeServerFor(credential).emit('connection', socket);
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
      this.#refuseName(socket, hello.serverName);
      return;
    }
    servers.serverFor(credential, hello).emit('connection', socket);
  }

  #refuseName(socket: Socket, serverName: string | undefined): void {
    if (serverName === undefined) {
      this.#refuse(socket, 'handshake_failure', {
        code: 'SERVER_NAME_UNKNOWN',
        reason: 'the client sent no server name and no source has a default certificate',
      });
      return;
    }
    const isValid = normalizeServerName(serverName) !== undefined;
    this.#refuse(socket, 'unrecognized_name', {
      code: isValid ? 'SERVER_NAME_UNKNOWN' : 'SERVER_NAME_INVALID',
      reason: isValid
        ? 'no source has a certificate for this name'
        : 'the server name is neither a DNS name nor an IP address',
      serverName: printable(serverName),
    });
  }

  #fail(socket: Socket, cause: unknown): void {
    this.#refuse(socket, 'internal_error', {
      code: 'HANDSHAKE_FAILED',
      reason: 'the TLS server could not take the connection',
      cause,
    });
  }

  #refuse(socket: Socket, alert: AlertName, { code, ...facts }: Refusal): void {
    this.#turnAway(socket, code, facts);
    this.#leaving.add(socket, alertOf(alert));
  }

  #turnAway(socket: Socket, code: RefusalCode, facts: Omit<RefusalFacts, 'remoteAddress'>): void {
    this.#options.refused(code, { remoteAddress: socket.remoteAddress, ...facts });
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

interface Refusal extends Omit<RefusalFacts, 'remoteAddress'> {
  readonly code: RefusalCode;
}
