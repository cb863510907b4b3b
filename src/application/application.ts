/**
 * An application: a node server whose place behind the raw connection tlsmith takes. Its own `connection` listener
 * is set aside and called with the TLS socket instead; nothing of the server is replaced or patched, so timeouts,
 * upgrades, `close()` and `closeIdleConnections()` work as before (NODE_TLS §7).
 */
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { type Server as NetServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';

/** A server that tlsmith can stand in front of. */
export type AttachableServer = NetServer;

/** What kind of server an application is; decides ALPN and how connections are forwarded. */
export type ApplicationKind = 'http' | 'https' | 'http2' | 'tls';

/** A server with its connections taken over. */
export interface Application {
  readonly kind: ApplicationKind;
  readonly server: AttachableServer;
  /** ALPN of the TLS servers in front, most wanted first. */
  readonly protocols: readonly string[] | Uint8Array;
  /** Gives a connection whose handshake is complete to the application. */
  forward(socket: TLSSocket): void;
  /** Gives the server its own connections back. */
  release(): void;
}

type ConnectionListener = (socket: Socket) => void;

/**
 * Takes the raw connections of `server`.
 * @throws `TypeError` when the server is of no kind that can be secured, or somebody else has taken it over
 */
export function takeOver(server: AttachableServer, accept: ConnectionListener): Application {
  const kind = kindOf(server);
  const own = ownConnectionListener(server, kind);
  // 'connection' listeners of the application's own stay, and keep getting the raw socket.
  server.removeListener('connection', own);
  server.prependListener('connection', accept);
  return {
    kind,
    server,
    protocols: protocolsOf(server, kind),
    forward: (socket) => {
      if (kind === 'http') own.call(server, socket);
      else forwardSecure(server, socket);
    },
    release: () => {
      server.removeListener('connection', accept);
      server.prependListener('connection', own);
    },
  };
}

function forwardSecure(server: AttachableServer, socket: TLSSocket): void {
  // Without this node 20 and 22 crash when an HTTP/1.1 client meets an allowHTTP1 http2 server (NODE_TLS §0).
  Object.assign(socket, { server });
  server.emit('secureConnection', socket);
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

/** A function that answers requests, as node's http modules, Express and Koa have it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- http and http2 pass different classes; so do frameworks
export type RequestHandler = (request: any, response: any) => unknown;

/** The server that is made when only a function is given. */
export function createApplicationServer(handler: RequestHandler, { http2 }: { http2: boolean }): HttpServer {
  if (!http2) return process.getBuiltinModule('node:https').createServer(handler);
  // Loaded only when asked for: node:http2 alone costs 5 ms.
  const server: unknown = process
    .getBuiltinModule('node:http2')
    .createSecureServer({ allowHTTP1: true }, handler);
  return server as HttpServer;
}

/** Whether a function is an Express application, which cannot serve HTTP/2. */
export function isExpress(app: unknown): boolean {
  return typeof app === 'function' && 'handle' in app && 'engine' in app && 'set' in app;
}
