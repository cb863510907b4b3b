/**
 * What stands between raw connections and one application: connections wait for the start, go through the router to
 * TLS servers of ours, and reach the application when their handshake is complete.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Admission } from '../admission/admission.js';
import type { ConnectionRouter } from '../handshake/connection-router.js';
import type { Credential } from '../credential/credential.js';
import type { ClientAuth, Verdict } from '../client-auth/client-auth.js';
import {
  type ClientCertificateError,
  clientCertificateError,
} from '../client-auth/client-certificate-error.js';
import { peerCertificateOf } from '../handshake/peer-certificate.js';
import type { Policies, Policy } from '../handshake/policies.js';
import { printable } from '../handshake/printable-name.js';
import { PolicyServers } from '../handshake/policy-servers.js';
import { type HandshakeServers, TlsServers } from '../handshake/tls-servers.js';
import type { Hsts } from '../http/hsts.js';
import type { Reporter } from '../reporter.js';
import { type Application, type AttachableServer, isHttp } from './application.js';
import type { Entrance, Interior } from './entrance.js';
import { guardedServer } from './guarded-server.js';

/** What is known of a failed handshake besides node's error. */
interface FailureDetails {
  /** What is wrong with the client's certificate, when that is why. */
  readonly explained: Error | undefined;
  /** What the client was shown. */
  readonly shown?: Credential;
}

/** What a frontend needs of its server. */
export interface FrontendOptions {
  readonly router: ConnectionRouter;
  readonly policies: Policies<ClientAuth>;
  readonly reporter: Reporter;
  /** Decides who is let in; undefined = everybody. */
  readonly admission: Admission | undefined;
  /** Sets Strict-Transport-Security; undefined = nobody does. */
  readonly hsts: Hsts | undefined;
  /** Whether a connection is the server's own check of what it serves. */
  readonly isOwnCheck: (socket: TLSSocket) => boolean;
  /** Whether facts about every handshake are wanted in the log. */
  readonly onHandshake: ((socket: TLSSocket) => void) | undefined;
}

/** One application behind TLS. */
export class Frontend implements Interior {
  readonly #entrance: Entrance;
  readonly #application: Application;
  readonly #options: FrontendOptions;
  readonly #servers: HandshakeServers;
  /** Whether node's own code listens for errors of every connection of this kind of application. */
  readonly #hasErrorListener: boolean;

  constructor(entrance: Entrance, options: FrontendOptions) {
    const { application } = entrance;
    const { kind, server } = application;
    const { policies, hsts } = options;
    this.#entrance = entrance;
    this.#application = application;
    this.#options = options;
    this.#hasErrorListener = kind === 'http' || kind === 'https';
    this.#servers = policies.areSeveral
      ? new PolicyServers(policies, (policy) => this.#serversOf(policy, this.#guardedFor(policy)))
      : this.#serversOf(policies.default, undefined);
    if (isHttp(application)) hsts?.watch(server);
    this.#passKeylog(server);
  }

  /** Makes what completes the handshakes with `credential`; throws OpenSSL's error when it cannot be served. */
  prepare(credential: Credential): void {
    this.#servers.prepare(credential);
  }

  /** Takes a raw connection. */
  accept(socket: Socket): void {
    const { admission } = this.#options;
    if (admission === undefined) this.#acceptPeer(socket);
    else {
      admission.admitPeer(socket, () => {
        this.#acceptPeer(socket);
      });
    }
  }

  #acceptPeer(socket: Socket): void {
    const started = this.#entrance.started();
    if (started === 'started') this.#enter(socket);
    else if (started === 'closed') socket.destroy();
    else {
      this.#entrance.waiting.add(socket, started, () => {
        this.#enter(socket);
      });
    }
  }

  #enter(socket: Socket): void {
    const { admission, router } = this.#options;
    if (admission === undefined) router.accept(socket, this.#servers);
    else {
      admission.readHeader(socket, () => {
        router.accept(socket, this.#servers);
      });
    }
  }

  /** Ends connections of which nothing has come since they were secured. */
  destroySilent(): void {
    this.#options.router.destroySilent(this.#servers);
  }

  /** Ends connections that wait for a PROXY header. */
  destroyPending(): void {
    this.#options.admission?.destroyPending();
  }

  #serversOf(policy: Policy<ClientAuth>, guarded: AttachableServer | undefined): TlsServers {
    const { hsts, reporter } = this.#options;
    const { contexts, keyShares } = reporter.counters;
    return new TlsServers({
      settings: policy.tls,
      ticketKeys: policy.ticketKeys,
      sessionIdContext: policy.sessionIdContext,
      clientAuth: policy.clientAuth,
      protocols: this.#application.protocols,
      contexts,
      keyShares,
      listener: {
        secured: (socket, credential) => {
          hsts?.secured(socket, credential);
          this.#secured(socket, policy, guarded);
        },
        handshakeFailed: (error, socket, shown) => {
          const explained = this.#explained(socket, policy.clientAuth);
          this.#handshakeFailed(error, socket, { explained, shown });
        },
      },
    });
  }

  /** The application as connections of one policy may see it: without the requests for names of others. */
  #guardedFor(policy: Policy<ClientAuth>): AttachableServer | undefined {
    const { policies, reporter } = this.#options;
    // Of what a raw tls.Server carries nothing is known.
    if (!isHttp(this.#application)) return undefined;
    return guardedServer(this.#application.server, {
      admits: (name) => name !== undefined && policies.of(name) === policy,
      refused: () => {
        reporter.misdirected(policy.name);
      },
    });
  }

  #secured(socket: TLSSocket, policy: Policy<ClientAuth>, guarded: AttachableServer | undefined): void {
    const { router, policies, isOwnCheck } = this.#options;
    router.secured(socket);
    if (policies.areSeveral && policies.for(serverNameOf(socket)) !== policy) {
      this.#turnAwayChanged(socket);
      return;
    }
    if (isOwnCheck(socket)) {
      socket.destroy();
      return;
    }
    // A raw tls.Server's connections have no error listener; a client's reset must not end the process.
    if (!this.#hasErrorListener) socket.on('error', ignore);
    if (policy.clientAuth === undefined) this.#forward(socket, guarded);
    else this.#admit(socket, policy.clientAuth, guarded);
  }

  /** The name was changed after the first hello (RFC 8446 §4.1.2 forbids it), to get by its rules. */
  #turnAwayChanged(socket: TLSSocket): void {
    const { reporter, router } = this.#options;
    reporter.refused('SERVER_NAME_CHANGED', {
      remoteAddress: router.remoteAddressOf(socket),
      reason: 'the client changed the name after HelloRetryRequest, to one of another policy',
      serverName: printable(serverNameOf(socket)),
    });
    socket.destroy();
  }

  /** Lets a client in that was asked for a certificate, as soon as it is known whether it may. */
  #admit(socket: TLSSocket, clientAuth: ClientAuth, guarded: AttachableServer | undefined): void {
    const judged = (verdict: Verdict): void => {
      if (verdict === 'refused') {
        const explained = this.#explained(socket, clientAuth);
        socket.destroy();
        this.#handshakeFailed(new Error('the client certificate was refused'), socket, { explained });
        return;
      }
      this.#tellOfUnauthorized(socket, clientAuth);
      if (!socket.destroyed) this.#forward(socket, guarded);
    };
    const verdict = clientAuth.judge(socket);
    if (typeof verdict === 'string') {
      judged(verdict);
      return;
    }
    // Nobody else listens while it waits.
    if (this.#hasErrorListener) socket.on('error', ignore);
    void verdict.then(judged);
  }

  /** Who has sent no certificate was free not to; who has sent a useless one does not know it. */
  #tellOfUnauthorized(socket: TLSSocket, clientAuth: ClientAuth): void {
    const error = socket.authorized ? undefined : this.#explained(socket, clientAuth);
    if (error === undefined || error.code === 'CLIENT_CERT_MISSING') return;
    const { reporter, router } = this.#options;
    reporter.unauthorized(error, router.remoteAddressOf(socket), serverNameOf(socket));
  }

  /** What is wrong with the client's certificate; undefined when that is not why. */
  #explained(socket: TLSSocket, clientAuth: ClientAuth | undefined): ClientCertificateError | undefined {
    return clientAuth && clientCertificateError(socket, peerCertificateOf(socket), clientAuth.trust);
  }

  #forward(socket: TLSSocket, guarded: AttachableServer | undefined): void {
    const { reporter, onHandshake } = this.#options;
    reporter.counters.handshakes.increment('completed');
    reporter.counters.sessions.increment(socket.isSessionReused() ? 'resumed' : 'full');
    onHandshake?.(socket);
    try {
      this.#application.forward(socket, guarded);
    } catch (error) {
      socket.destroy();
      reporter.fault('The application threw while taking a connection', error);
    }
  }

  #handshakeFailed(error: Error, socket: TLSSocket, { explained, shown }: FailureDetails): void {
    const { reporter, router } = this.#options;
    reporter.handshakeFailed({
      error: explained ?? error,
      remoteAddress: router.remoteAddressOf(socket),
      serverName: serverNameOf(socket),
      shown,
    });
    // The socket is destroyed already: here it tells the application who it was, no more.
    if (this.#application.kind !== 'http') this.#tell('tlsClientError', error, socket);
  }

  /** What a listener throws must not end the process because of a stranger's handshake. */
  #tell(event: 'tlsClientError' | 'keylog', ...facts: readonly unknown[]): void {
    try {
      this.#application.server.emit(event, ...facts);
    } catch (error) {
      this.#options.reporter.fault(`A listener of the event ${event} threw`, error);
    }
  }

  /** Key log lines cost something in every handshake, so they are only made once somebody listens. */
  #passKeylog(server: AttachableServer): void {
    if (this.#application.kind === 'http') return;
    const enable = (): void => {
      this.#servers.enableKeylog((line, socket) => {
        this.#tell('keylog', line, socket);
      });
    };
    if (server.listenerCount('keylog') > 0) enable();
    server.on('newListener', (event) => {
      if (event === 'keylog') enable();
    });
  }
}

/** What the client asked for; node has `false` for nothing, and its types say otherwise. */
function serverNameOf(socket: TLSSocket): string | undefined {
  return typeof socket.servername === 'string' ? socket.servername : undefined;
}

function ignore(): void {
  // 'close' follows.
}
