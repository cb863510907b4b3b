/**
 * An application: a node server whose place behind the raw connection tlsmith takes. Its own `connection` listener
 * is set aside and called with the TLS socket instead; nothing of the server is replaced or patched, so timeouts,
 * upgrades, `close()` and `closeIdleConnections()` work as before.
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { Server as NetServer, Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls';

/** A server that tlsmith can stand in front of. */
export type AttachableServer = HttpServer | HttpsServer | Http2SecureServer | TlsServer;

/** What kind of server an application is; decides ALPN and how connections are forwarded. */
export type ApplicationKind = 'http' | 'https' | 'http2' | 'tls';

/** A server with its connections taken over. */
export interface Application {
  readonly kind: ApplicationKind;
  readonly server: AttachableServer;
  /** ALPN of the TLS servers in front, most wanted first. */
  readonly protocols: readonly string[] | Uint8Array;
  /**
   * Gives a connection whose handshake is complete to the application, or to a guarded form of its server.
   */
  forward(socket: TLSSocket, guarded?: AttachableServer): void;
}

type ConnectionListener = (socket: Socket) => void;

/**
 * Takes the raw connections of `server`.
 * @throws `TypeError` when the server is of no kind that can be secured, or somebody else has taken it over
 */
export function takeOver(server: AttachableServer, accept: ConnectionListener): Application {
  const kind = kindOf(server);
  assertNoClientAuthentication(server);
  const own = ownConnectionListener(server, kind);
  // 'connection' listeners of the application's own stay, and keep getting the raw socket.
  server.removeListener('connection', own);
  server.prependListener('connection', accept);
  return {
    kind,
    server,
    protocols: protocolsOf(server, kind),
    forward: (socket, guarded = server) => {
      if (kind === 'http') own.call(guarded, socket);
      else forwardSecure(server, socket, guarded);
    },
  };
}

function forwardSecure(server: AttachableServer, socket: TLSSocket, guarded: AttachableServer): void {
  // Without this node 20 and 22 crash when an HTTP/1.1 client meets an allowHTTP1 http2 server.
  Object.assign(socket, { server });
  if (guarded === server) server.emit('secureConnection', socket);
  // To emit would call them with the server itself, which is what they take requests for.
  else for (const listener of server.rawListeners('secureConnection')) listener.call(guarded, socket);
}

function kindOf(server: AttachableServer): ApplicationKind {
  if (!isServer(server)) {
    throw new TypeError('attach: expected an http.Server, https.Server, Http2SecureServer or tls.Server.');
  }
  if ('setSecureContext' in server) {
    if ('updateSettings' in server) return 'http2';
    return 'closeIdleConnections' in server ? 'https' : 'tls';
  }
  if ('closeIdleConnections' in server) return 'http';
  throw new TypeError(
    'attach: this server speaks no TLS-capable protocol (a plain net.Server or http2.createServer()); use http, https, http2.createSecureServer or tls.',
  );
}

/** Its TLS options go unused; silently serving everybody in place of clients with a certificate would be a hole. */
function assertNoClientAuthentication(server: AttachableServer): void {
  if (Reflect.get(server, 'requestCert') !== true) return;
  throw new TypeError(
    'attach: this server asks its clients for certificates (requestCert), which tlsmith does not do for it. Hand `secure.tlsOptions` to it instead, with requestCert and ca beside them.',
  );
}

function isServer(value: unknown): value is NetServer {
  return typeof value === 'object' && value !== null && 'listen' in value && 'prependListener' in value;
}

/** Node's own listener is the same function in every server of a kind, so a fresh server shows which one it is. */
function ownConnectionListener(server: AttachableServer, kind: ApplicationKind): ConnectionListener {
  const fresh: NetServer = kind === 'http' ? createHttpServer() : createTlsServer();
  const own = fresh.listeners('connection')[0] as ConnectionListener | undefined;
  if (own === undefined || !server.listeners('connection').includes(own)) {
    throw new TypeError('attach: something else has already taken over the connections of this server.');
  }
  return own;
}

/** What the server would have negotiated by itself. */
function protocolsOf(server: AttachableServer, kind: ApplicationKind): readonly string[] | Uint8Array {
  const configured: unknown = Reflect.get(server, 'ALPNProtocols');
  if (kind !== 'http' && ArrayBuffer.isView(configured)) return configured as Uint8Array;
  if (kind === 'http2') return ['h2'];
  return kind === 'tls' ? [] : ['http/1.1'];
}

/** Whether connections of this application carry HTTP. */
export function isHttp(application: Application): boolean {
  return application.kind !== 'tls';
}

/** A function that answers requests over HTTP/1.1, as `http.createServer`, Express and Koa have it. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A function that answers requests over HTTP/2, and over HTTP/1.1 by the same interface. */
export type Http2RequestHandler = (request: Http2ServerRequest, response: Http2ServerResponse) => unknown;

/** The server that is made when only a function is given. */
export function createApplicationServer(
  handler: RequestHandler | Http2RequestHandler,
  { http2 }: { http2: boolean },
): HttpsServer | Http2SecureServer {
  if (!http2) return createHttpsServer(handler as RequestHandler);
  // Loaded only when asked for: node:http2 alone costs 5 ms.
  const { createSecureServer } = process.getBuiltinModule('node:http2');
  return createSecureServer({ allowHTTP1: true }, handler as Http2RequestHandler);
}

/** Whether a function is an Express application, which cannot serve HTTP/2. */
export function isExpress(app: unknown): boolean {
  return typeof app === 'function' && 'handle' in app && 'engine' in app && 'set' in app;
}
