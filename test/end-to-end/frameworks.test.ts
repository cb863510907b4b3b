// The ways in which applications and frameworks are put behind tlsmith, each asked by real clients.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { createAdaptorServer, getRequestListener, type HttpBindings } from '@hono/node-server';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { once } from 'node:events';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import { type ClientHttp2Stream, createSecureServer as createHttp2Server } from 'node:http2';
import {
  createServer as createHttpsServer,
  type RequestOptions,
  type Server as HttpsServer,
} from 'node:https';
import { type ConnectionOptions, createServer as createTlsServer, TLSSocket } from 'node:tls';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import {
  type AttachableServer,
  type CertificateSource,
  createSecureServer,
  type FailedEvent,
  pemPair,
  type RequestHandler,
  type SecureServer,
  type SecureServerOptions,
} from '../../src/index.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { chromium, curl, nodeHttp2, nodeHttps } from '../support/clients.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { closesAfterEach } from './support/cleanup.js';
import {
  gone,
  http1Get,
  http2Session,
  portOf,
  portOfUrl,
  tcp,
  tls,
  untilClosed,
} from './support/connections.js';

const keep = closesAfterEach();
let ca: TestCa;
let pair: TestPair;

beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: ['a.test'], serialNumber: '4a11' });
});

type App = RequestHandler | AttachableServer;

function secured(app?: App, options: SecureServerOptions = {}): SecureServer {
  return keep(createSecureServer({ sources: pemPair(pair), logger: false, ...options }, app));
}

async function listening(app: App, options: SecureServerOptions = {}): Promise<number> {
  const secure = await secured(app, options).listen({ port: 0, host: '127.0.0.1' });
  return portOf(secure.server);
}

async function listens(server: NetServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return portOf(server);
}

/** A page by HTTP/1.1, from a server that has shown the certificate of these tests. */
async function http1(port: number, path = '/'): Promise<string> {
  const { status, body, alpn, certificate } = await nodeHttps({
    ...{ port, host: 'a.test', path, caPem: ca.rootPem },
    options: offering('http/1.1'),
  });
  expect({ status, alpn, serial: certificate.serialNumber }).toEqual({
    status: 200,
    alpn: 'http/1.1',
    serial: '4A11',
  });
  return body;
}

/** The same by HTTP/2. */
async function http2(port: number, path = '/'): Promise<string> {
  const { status, body, alpn, certificate } = await nodeHttp2({
    port,
    host: 'a.test',
    path,
    caPem: ca.rootPem,
  });
  expect({ status, alpn, serial: certificate.serialNumber }).toEqual({
    status: 200,
    alpn: 'h2',
    serial: '4A11',
  });
  return body;
}

/** Every name is 127.0.0.1. */
const toLoopback = {
  lookup: (_name: string, _options: object, callback: LookupCallback) => {
    callback(null, [{ address: '127.0.0.1', family: 4 }]);
  },
};
type LookupCallback = (error: null, addresses: { address: string; family: number }[]) => void;

const httpsServer = (secure: SecureServer): HttpsServer => secure.server as unknown as HttpsServer;

/** Options of an https request that @types/node does not know. */
const offering = (...protocols: string[]): RequestOptions => {
  const options: ConnectionOptions = { ALPNProtocols: protocols };
  return options;
};

const trusting = () => ({ ca: ca.rootPem });

const sayVersion = (request: IncomingMessage, response: ServerResponse): void => {
  const { encrypted = false } = request.socket as Socket & { encrypted?: boolean };
  response.end(`HTTP/${request.httpVersion} ${request.url ?? ''} encrypted=${String(encrypted)}`);
};

/** A source that tells when it is started and closed. */
function watchedSource(): CertificateSource & { starts: number; closes: number } {
  const source = pemPair(pair);
  const watched = {
    ...source,
    starts: 0,
    closes: 0,
    async start(host: Parameters<NonNullable<CertificateSource['start']>>[0]) {
      watched.starts += 1;
      await source.start?.(host);
    },
    close() {
      watched.closes += 1;
    },
  };
  return watched;
}

describe('Express', () => {
  it('is served by HTTP/1.1 and sees a secure request', async () => {
    const app = express();
    app.get('/page', (request, response) => {
      response.json({ secure: request.secure, protocol: request.protocol, version: request.httpVersion });
    });
    const port = await listening(app);
    const seen = { secure: true, protocol: 'https', version: '1.1' };
    expect(JSON.parse(await http1(port, '/page'))).toEqual(seen);
    expect(JSON.parse((await curl({ port, host: 'a.test', caPem: ca.rootPem, path: '/page' })).body)).toEqual(
      seen,
    );
  });
  it('is offered no HTTP/2, so that a client which prefers it falls back', async () => {
    const app = express().get('/', (request, response) => {
      response.end(request.httpVersion);
    });
    const port = await listening(app);
    expect(await curl({ port, host: 'a.test', caPem: ca.rootPem, http2: true })).toMatchObject({
      status: 200,
      httpVersion: '1.1',
      body: '1.1',
    });
  });
  it('with http2 is a TypeError that says why', () => {
    expect(() => secured(express(), { http2: true })).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        message: expect.stringMatching(/Express cannot serve HTTP\/2/),
      }),
    );
  });
});

describe('Fastify', () => {
  it('starts and closes the secure server when it is its serverFactory', async () => {
    const source = watchedSource();
    const fastify = Fastify({
      serverFactory: (handler) => httpsServer(secured(handler, { sources: source })),
      forceCloseConnections: true,
    });
    fastify.get('/page', (request) => ({ protocol: request.protocol, version: request.raw.httpVersion }));
    keep(() => fastify.close());
    await fastify.listen({ port: 0, host: '127.0.0.1' });
    const { port } = fastify.server.address() as AddressInfo;
    expect(JSON.parse(await http1(port, '/page'))).toEqual({ protocol: 'https', version: '1.1' });
    expect(source).toMatchObject({ starts: 1, closes: 0 });
    await fastify.close();
    await until(() => source.closes === 1, 'the source to be closed');
    await expect(tcp(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
  it('serves HTTP/1.1 and HTTP/2 through serverFactory', async () => {
    const fastify = Fastify({
      serverFactory: (handler) => httpsServer(secured(handler, { http2: true })),
    });
    fastify.get('/page', (request) => request.raw.httpVersion);
    keep(() => fastify.close());
    await fastify.listen({ port: 0, host: '127.0.0.1' });
    const { port } = fastify.server.address() as AddressInfo;
    expect(await http1(port, '/page')).toBe('1.1');
    expect(await http2(port, '/page')).toBe('2.0');
  });
  it('takes tlsOptions as its https option after start()', async () => {
    const secure = secured();
    expect(() => secure.tlsOptions).toThrow(expect.objectContaining({ code: 'NOT_STARTED' }));
    await secure.start();
    const fastify = Fastify({ https: secure.tlsOptions });
    fastify.get('/page', (request) => request.protocol);
    keep(() => fastify.close());
    await fastify.listen({ port: 0, host: '127.0.0.1' });
    expect(await http1((fastify.server.address() as AddressInfo).port, '/page')).toBe('https');
  });
  it('takes tlsOptions with http2 and serves both protocols', async () => {
    const secure = await secured().start();
    const fastify = Fastify({ http2: true, https: { allowHTTP1: true, ...secure.tlsOptions } });
    fastify.get('/page', (request) => request.raw.httpVersion);
    keep(() => fastify.close());
    await fastify.listen({ port: 0, host: '127.0.0.1' });
    const { port } = fastify.server.address() as AddressInfo;
    expect(await http1(port, '/page')).toBe('1.1');
    expect(await http2(port, '/page')).toBe('2.0');
  });
});

describe('Koa', () => {
  it('is served by both protocols and sees a secure request', async () => {
    const app = new Koa();
    app.use((context) => {
      context.body = `${context.protocol} ${String(context.secure)} ${context.req.httpVersion}`;
    });
    const port = await listening(app.callback(), { http2: true });
    expect(await http1(port)).toBe('https true 1.1');
    expect(await http2(port)).toBe('https true 2.0');
  });
});

describe('Hono', () => {
  const hono = () =>
    new Hono<{ Bindings: HttpBindings }>().get('/page', (context) =>
      context.text(`${new URL(context.req.url).protocol} ${context.env.incoming.httpVersion}`),
    );

  it('is served by both protocols as a request listener', async () => {
    const port = await listening(getRequestListener(hono().fetch), { http2: true });
    expect(await http1(port, '/page')).toBe('https: 1.1');
    expect(await http2(port, '/page')).toBe('https: 2.0');
  });
  it('is secured as the server that its own adapter makes', async () => {
    const server = keep(createAdaptorServer({ fetch: hono().fetch }) as HttpServer);
    secured(server);
    expect(await http1(await listens(server), '/page')).toBe('https: 1.1');
  });
});

describe('a plain listener', () => {
  it('serves clients of HTTP/1.1 and HTTP/2 on one port', async () => {
    const port = await listening(sayVersion, { http2: true });
    expect(await http1(port, '/x?y')).toBe('HTTP/1.1 /x?y encrypted=true');
    expect(await http2(port, '/x?y')).toMatch(/^HTTP\/2\.0 \/x\?y/);
    const request = { port, host: 'a.test', caPem: ca.rootPem };
    expect(await curl(request)).toMatchObject({ httpVersion: '1.1' });
    expect(await curl({ ...request, http2: true })).toMatchObject({ httpVersion: '2' });
  });
  it('is served to a client without ALPN by HTTP/1.1', async () => {
    const port = await listening(sayVersion, { http2: true });
    const { body, alpn } = await nodeHttps({
      port,
      host: 'a.test',
      caPem: ca.rootPem,
      options: offering(),
    });
    expect({ body, alpn }).toEqual({ body: 'HTTP/1.1 / encrypted=true', alpn: false });
  });
  it('is a TypeError when it is missing', async () => {
    const secure = secured();
    await expect(secure.listen(0)).rejects.toThrow(TypeError);
    expect(() => secure.server).toThrow(TypeError);
  });
});

describe('ws', () => {
  it('echoes messages over a WebSocket on secure.server', async () => {
    const secure = secured(sayVersion);
    const sockets = new WebSocketServer({ server: httpsServer(secure) });
    sockets.on('connection', (socket, request) => {
      socket.on('message', (data: Buffer) => {
        socket.send(`${request.url ?? ''}: ${data.toString()}`);
      });
    });
    await secure.listen({ port: 0, host: '127.0.0.1' });
    const port = portOf(secure.server);
    const trust: ClientOptions & ConnectionOptions = { ca: ca.rootPem };
    const client = new WebSocket(`wss://a.test:${port}/chat`, { ...trust, ...toLoopback });
    await once(client, 'open');
    client.send('hello');
    const [data] = (await once(client, 'message')) as [Buffer];
    expect(data.toString()).toBe('/chat: hello');
    expect(await http1(port)).toContain('HTTP/1.1');
    client.close();
    await once(client, 'close');
    sockets.close();
  });
  it('reaches the upgrade listener of an attached http.Server', async () => {
    const server = keep(createHttpServer(sayVersion));
    server.on('upgrade', (request: IncomingMessage, socket) => {
      socket.end(
        `HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n${request.url ?? ''}`,
      );
    });
    secured(server);
    const client = keep(await tls(await listens(server), trusting()));
    client.write('GET /up HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
    expect((await untilClosed(client)).toString()).toMatch(/^HTTP\/1.1 101 [^]*\/up$/);
  });
});

describe('server-sent events', () => {
  it('arrive as they are sent, on several streams of one HTTP/2 connection', async () => {
    const responses: ServerResponse[] = [];
    const port = await listening(
      (_request: IncomingMessage, response: ServerResponse) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        responses.push(response);
      },
      { http2: true },
    );
    const session = keep(await http2Session(port, trusting()));
    const streams: ClientHttp2Stream[] = [];
    const received: string[] = ['', '', ''];
    for (const index of [0, 1, 2]) {
      const stream = session.request({ ':path': `/${index}` });
      stream
        .setEncoding('utf8')
        .on('data', (text: string) => (received[index] = (received[index] ?? '') + text));
      streams.push(stream);
      await until(() => responses.length === index + 1, 'the request');
    }
    for (const [round, text] of ['one', 'two'].entries()) {
      for (const [index, response] of responses.entries()) {
        response.write(`data: ${text}-${index}\n\n`);
        await until(
          () => received[index]?.includes(`${text}-${index}`) === true,
          `event ${round} of stream ${index}`,
        );
      }
    }
    expect(received[1]).toBe('data: one-1\n\ndata: two-1\n\n');
    for (const response of responses) response.end();
    await Promise.all(streams.map((stream) => once(stream, 'end')));
  });
});

describe('the event sources of a browser', () => {
  const COUNT = 10;
  /** So many of one origin: the page is complete once `enough` of them are open. */
  const openedWith = async (http2: boolean, enough: number): Promise<{ most: number; dom: string }> => {
    let most = 0;
    const streams = new Set<ServerResponse>();
    let waiting: ServerResponse | undefined;
    const script = `for (let index = 0; index < ${COUNT}; index += 1)
        new EventSource('/events/' + index);`;
    const complete = (): void => {
      // The picture that the page waits for takes a connection of its own.
      if (streams.size >= enough && waiting !== undefined) waiting.end();
    };
    const port = await listening(
      (request: IncomingMessage, response: ServerResponse) => {
        if (request.url === '/picture') {
          waiting = response;
          complete();
        } else if (request.url?.startsWith('/events/') === true) {
          response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: x\n\n');
          streams.add(response);
          response.on('close', () => streams.delete(response));
          most = Math.max(most, streams.size);
          complete();
        } else {
          response.setHeader('content-type', 'text/html');
          response.end(`<img src="/picture"><script>${script}</script>`);
        }
      },
      { http2 },
    );
    return withTemporaryFolder(async (folder) => {
      const { rootFile: caFile } = await ca.writeTo(folder.path);
      const { dom } = await chromium({ url: `https://a.test:${port}/`, caFile });
      return { most, dom };
    });
  };

  it('are as many as a page wants over HTTP/2', async () => {
    const { most, dom } = await openedWith(true, COUNT);
    expect(most).toBe(COUNT);
    expect(dom).toContain('<img');
  });

  it('are six connections at most over HTTP/1.1, whatever the page wants', async () => {
    const { most } = await openedWith(false, 5);
    expect(most).toBeGreaterThanOrEqual(5);
    expect(most).toBeLessThanOrEqual(6);
  });
});

describe('attach', () => {
  const kinds: readonly (readonly [string, () => AttachableServer])[] = [
    ['http.Server', () => createHttpServer(sayVersion)],
    ['https.Server', () => createHttpsServer(sayVersion)],
    [
      'Http2SecureServer',
      () =>
        createHttp2Server({ allowHTTP1: true }, (request, response) => {
          response.end(`HTTP/${request.httpVersion}`);
        }),
    ],
  ];

  it.each(kinds)('secures a %s before it listens', async (_, create) => {
    const server = keep(create());
    secured().attach(server);
    expect(await http1(await listens(server))).toContain('HTTP/1.1');
  });
  it.each(kinds)('secures a %s that listens already', async (_, create) => {
    const server = keep(create());
    const port = await listens(server);
    secured().attach(server);
    expect(await http1(port)).toContain('HTTP/1.1');
  });
  it.each(kinds)('lets secure.listen() open a %s, and opens it again after close()', async (_, create) => {
    const secure = secured().attach(keep(create()));
    for (let round = 0; round < 3; round += 1) {
      await secure.listen({ port: 0, host: '127.0.0.1' });
      const port = portOf(secure.server);
      expect(await http1(port)).toContain('HTTP/1.1');
      await secure.close();
      await expect(tcp(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    }
  });
  it('serves HTTP/2 and HTTP/1.1 through an http2 server that allows both', async () => {
    const server = keep(
      createHttp2Server({ allowHTTP1: true }, (request, response) => {
        response.end(`HTTP/${request.httpVersion}`);
      }),
    );
    secured(server);
    const port = await listens(server);
    expect(await http2(port)).toBe('HTTP/2.0');
    expect(await http1(port)).toBe('HTTP/1.1');
    const without = await nodeHttps({
      port,
      host: 'a.test',
      caPem: ca.rootPem,
      options: offering(),
    });
    expect(without.body).toBe('HTTP/1.1');
  });
  it('offers only h2 where the http2 server takes nothing else', async () => {
    const server = keep(createHttp2Server({}, (request, response) => response.end(request.httpVersion)));
    secured(server);
    const port = await listens(server);
    expect(await http2(port)).toBe('2.0');
    await expect(tls(port, { ...trusting(), ALPNProtocols: ['http/1.1'] })).rejects.toMatchObject({
      code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
    });
  });
  it('forwards the connections of a tls.Server with what it wants to know about them', async () => {
    const server = keep(
      createTlsServer({ ALPNProtocols: ['echo/1'] }, (socket) => {
        socket.write(`${String(socket.servername)} ${String(socket.alpnProtocol)} `);
        socket.pipe(socket);
      }),
    );
    secured(server);
    const client = keep(await tls(await listens(server), { ...trusting(), ALPNProtocols: ['echo/1'] }));
    const answer = untilClosed(client);
    client.end('bytes');
    expect((await answer).toString()).toBe('a.test echo/1 bytes');
  });
  it("uses none of the server's own certificates", async () => {
    const other = await ca.issue({ names: ['a.test'], serialNumber: '7777' });
    const server = keep(createHttpsServer({ cert: other.cert, key: other.key }, sayVersion));
    secured(server);
    expect(await http1(await listens(server))).toContain('HTTP/1.1');
  });
  it("leaves the raw socket to the application's own connection listeners", async () => {
    const server = keep(createHttpServer(sayVersion));
    const seen: [string, Socket][] = [];
    server.on('connection', (socket) => seen.push(['before', socket]));
    secured(server);
    server.on('connection', (socket) => seen.push(['after', socket]));
    await http1(await listens(server));
    expect(seen.map(([when]) => when)).toEqual(['before', 'after']);
    for (const [, socket] of seen) expect(socket).not.toBeInstanceOf(TLSSocket);
  });
  it("re-emits tlsClientError and keylog on the application's server", async () => {
    const server = keep(createHttpsServer(sayVersion));
    secured(server);
    const port = await listens(server);
    const keylog = once(server, 'keylog') as Promise<[Buffer, TLSSocket]>;
    await http1(port);
    expect((await keylog)[0].toString()).toMatch(/^(?:CLIENT|SERVER)_/);
    const failure = once(server, 'tlsClientError') as Promise<[NodeJS.ErrnoException]>;
    await expect(tls(port, { ca: [] })).rejects.toThrow();
    await expect(
      tls(port, { ...trusting(), maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' }),
    ).rejects.toThrow();
    expect((await failure)[0]).toMatchObject({ code: expect.stringMatching(/^ERR_SSL|ECONNRESET/) });
  });
  it('survives listeners of tlsClientError and keylog that throw', async () => {
    const server = keep(createHttpsServer(sayVersion));
    const throwing = (): never => {
      throw new Error('a listener of the application');
    };
    server.on('tlsClientError', throwing).on('keylog', throwing);
    secured(server);
    const port = await listens(server);
    await expect(
      tls(port, { ...trusting(), maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' }),
    ).rejects.toThrow();
    expect(await http1(port)).toContain('HTTP/1.1');
  });
  it('keeps headersTimeout of an attached http.Server working', async () => {
    const server = keep(
      createHttpServer(
        { headersTimeout: 100, requestTimeout: 200, connectionsCheckingInterval: 20 },
        sayVersion,
      ),
    );
    secured(server);
    const client = keep(await tls(await listens(server), trusting()));
    client.write('GET / HTTP/1.1\r\nhost: a.test\r\nx-slow: ');
    expect((await untilClosed(client)).toString()).toContain('408 Request Timeout');
  });
  it('lets closeIdleConnections() end idle connections and no others', async () => {
    let answer: (() => void) | undefined;
    const server = keep(
      createHttpServer((request, response) => {
        if (request.url === '/slow') answer = () => response.end('late');
        else response.end('ok');
      }),
    );
    secured(server);
    const port = await listens(server);
    const idle = keep(await tls(port, trusting()));
    await http1Get(idle, '/');
    const busy = keep(await tls(port, trusting()));
    const late = http1Get(busy, '/slow');
    await until(() => answer !== undefined, 'the request');
    server.closeIdleConnections();
    await gone(idle);
    answer?.();
    expect(await late).toMatch(/late$/);
  });
  it('is closed by server.close() like any http.Server', async () => {
    const source = watchedSource();
    const server = keep(createHttpServer(sayVersion));
    secured(server, { sources: source });
    const port = await listens(server);
    const idle = keep(await tls(port, trusting()));
    await http1Get(idle, '/');
    server.close();
    await once(server, 'close');
    await gone(idle);
    await until(() => source.closes === 1, 'the source to be closed');
    expect(source.starts).toBe(1);
  });
  it('secures several servers that share certificates, and closes with the last of them', async () => {
    const source = watchedSource();
    const servers = [keep(createHttpServer(sayVersion)), keep(createHttpsServer(sayVersion))] as const;
    const secure = secured(servers[0], { sources: source }).attach(servers[1]);
    const ports = await Promise.all(servers.map(listens));
    for (const port of ports) expect(await http1(port)).toContain('HTTP/1.1');
    expect(secure.status().listeners.map(({ port }) => port)).toEqual(ports);
    servers[0].close();
    await once(servers[0], 'close');
    expect(await http1(ports[1] ?? 0)).toContain('HTTP/1.1');
    expect(source.closes).toBe(0);
    servers[1].close();
    await until(() => source.closes === 1, 'the source to be closed');
  });
  it.each([
    ['a plain object', {}],
    ['null', null],
    ['a request listener that is no server', { on: () => undefined }],
  ])('is a TypeError for %s', (_, thing) => {
    expect(() => secured().attach(thing as unknown as AttachableServer)).toThrow(TypeError);
  });
});

describe('listening', () => {
  it('starts when the user calls listen() of secure.server', async () => {
    const source = watchedSource();
    const secure = secured(sayVersion, { sources: source });
    expect(await http1(await listens(secure.server))).toContain('HTTP/1.1');
    expect(source.starts).toBe(1);
    expect(secure.status().listeners).toEqual([
      { protocol: 'https', address: '127.0.0.1', port: portOf(secure.server) },
    ]);
  });
  it('opens the companion listener too, on the same host, when the user calls listen() of secure.server', async () => {
    const secure = secured(sayVersion, { http: 0 });
    await listens(secure.server);
    await until(() => secure.status().listeners.length === 2, 'the companion listener');
    const companion = secure.status().listeners.find(({ protocol }) => protocol === 'http');
    expect(companion).toMatchObject({ address: '127.0.0.1' });
    const closed = once(secure.server, 'close');
    secure.server.close();
    await closed;
    await until(() => secure.status().listeners.length === 0, 'the companion listener to close');
    await expect(tcp(companion?.port ?? 0)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
  it('closes the server and says why when the companion listener cannot be opened', async () => {
    const other = keep(createHttpServer());
    const port = await listens(other);
    const secure = secured(sayVersion, { http: { port, host: '127.0.0.1' } });
    const failures: FailedEvent[] = [];
    secure.on('failed', (event) => failures.push(event));
    const closed = once(secure.server, 'close');
    secure.server.listen(0, '127.0.0.1');
    await closed;
    expect(failures.map(({ error }) => error.code)).toEqual(['PORT_IN_USE']);
    await until(() => secure.status().listeners.length === 0, 'the server to close');
  });
  it('lets connections wait for a start that takes its time', async () => {
    let release: () => void = () => undefined;
    const source: CertificateSource = {
      ...pemPair(pair),
      start: () =>
        new Promise((resolve) => {
          release = resolve;
        }),
      find: () => pair,
    };
    const secure = secured(sayVersion, { sources: source });
    const port = await listens(secure.server);
    const page = http1(port);
    const accepted = once(secure.server, 'connection');
    await accepted;
    release();
    expect(await page).toContain('HTTP/1.1');
  });
  it('closes the server and says why when a start in the background fails', async () => {
    const broken = pemPair({ cert: pair.cert, key: (await ca.issue({ names: ['b.test'] })).key });
    const secure = secured(sayVersion, { sources: broken });
    const failures: FailedEvent[] = [];
    secure.on('failed', (event) => failures.push(event));
    const closed = once(secure.server, 'close');
    secure.server.listen(0, '127.0.0.1');
    await closed;
    expect(failures).toHaveLength(1);
    expect(failures[0]?.error).toMatchObject({ code: 'TLS_KEY_MISMATCH' });
    expect(secure.server.listening).toBe(false);
  });
  it('fails in the background without an event listener, and the process lives', async () => {
    const secure = secured(sayVersion, {
      sources: {
        name: 'broken',
        start: () => Promise.reject(new Error('no database')),
        find: () => undefined,
      },
    });
    const closed = once(secure.server, 'close');
    secure.server.listen(0, '127.0.0.1');
    await closed;
    expect(secure.server.listening).toBe(false);
  });
  it('reads keys after OpenSSL has refused the groups of another server', async () => {
    expect(() => secured(sayVersion, { groups: ['no-such-group'] })).toThrow(TypeError);
    expect(await http1(await listening(sayVersion))).toContain('HTTP/1.1');
  });
  it('opens a further address at each further listen()', async () => {
    const secure = secured(sayVersion, { http2: true });
    await secure.listen({ port: 0, host: '127.0.0.1' });
    await secure.listen({ port: 0, host: '127.0.0.1' });
    const ports = secure.urls.map(portOfUrl);
    expect(ports).toHaveLength(2);
    expect(portOf(secure.server)).toBe(ports[0]);
    for (const port of ports) {
      expect(await http1(port)).toContain('HTTP/1.1');
      expect(await http2(port)).toContain('HTTP/2.0');
    }
    await secure.close();
    for (const port of ports) await expect(tcp(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
  it('works again after close(), with everything started anew', async () => {
    const source = watchedSource();
    const secure = secured(sayVersion, { sources: source, http2: true });
    for (let round = 1; round <= 3; round += 1) {
      await secure.listen({ port: 0, host: '127.0.0.1' });
      expect(await http2(portOf(secure.server))).toContain('HTTP/2.0');
      expect(await http1(portOf(secure.server))).toContain('HTTP/1.1');
      await secure.close();
      expect(source).toMatchObject({ starts: round, closes: round });
      expect(secure.status().listeners).toEqual([]);
    }
  });
  it('works again when listen() does not wait for close()', async () => {
    const source = watchedSource();
    const secure = await secured(sayVersion, { sources: source }).listen({ port: 0, host: '127.0.0.1' });
    const closing = secure.close();
    await secure.listen({ port: 0, host: '127.0.0.1' });
    await closing;
    expect(await http1(portOf(secure.server))).toContain('HTTP/1.1');
    expect(source).toMatchObject({ starts: 2, closes: 1 });
  });
  it('works again when the server listens from within its own close callback', async () => {
    const source = watchedSource();
    const server = keep(createHttpServer(sayVersion));
    secured(server, { sources: source });
    await listens(server);
    await new Promise<void>((resolve) => {
      server.close(() => {
        server.listen(0, '127.0.0.1', resolve);
      });
    });
    await until(() => source.starts === 2, 'the second start');
    expect(server.listening).toBe(true);
    expect(await http1(portOf(server))).toContain('HTTP/1.1');
    expect(source.closes).toBe(1);
  });
});
