// Plain HTTP: sent to the TLS port by mistake, on the companion listener, and in a port-80 server of the user's own.
import { beforeAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  type AttachableServer,
  createSecureServer,
  type RequestHandler,
  type SecureServer,
  type SecureServerOptions,
} from '../../src/index.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { curl, nodeHttps } from '../support/clients.js';
import { manualClock } from '../support/manual-clock.js';
import { closesAfterEach } from './support/cleanup.js';
import { exchange, gone, portOf, tcp, untilClosed } from './support/connections.js';
import { memoryLog } from './support/log.js';
import { swappableSource, type SwappableSource } from './support/pairs.js';

const keep = closesAfterEach();
const loopback = { port: 0, host: '127.0.0.1' };
const anyPort = { http: { port: 0, host: '127.0.0.1' } };
let ca: TestCa;
let pair: TestPair;

beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: ['a.test'] });
});

interface Serving {
  readonly secure: SecureServer;
  readonly source: SwappableSource;
  /** Of the TLS listener. */
  readonly port: number;
  /** Of the companion listener, or 0. */
  readonly httpPort: number;
}

type App = RequestHandler | AttachableServer;

const sayUrl = (request: IncomingMessage, response: ServerResponse): void => {
  response.end(`app: ${request.url ?? ''}`);
};

async function serving(options: SecureServerOptions = {}, app: App = sayUrl): Promise<Serving> {
  const source = swappableSource(pair);
  const secure = keep(createSecureServer({ sources: source, logger: false, ...options }, app));
  await secure.listen(loopback);
  const companion = secure.status().listeners.find(({ protocol }) => protocol === 'http');
  return { secure, source, port: portOf(secure.server), httpPort: companion?.port ?? 0 };
}

interface PlainAnswer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
  readonly head: string;
}

/** A request as it stands, and its answer. */
async function plain(port: number, request: string): Promise<PlainAnswer> {
  const [head = '', body = ''] = (await exchange(port, request)).toString().split('\r\n\r\n');
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]),
    location: /^location: (.*)$/im.exec(head)?.[1],
    body,
    head,
  };
}

const get = (path: string, host = 'a.test') =>
  `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;

describe('plain HTTP on the TLS port', () => {
  it('is explained with a 400 that names the https URL', async () => {
    const { port, secure } = await serving();
    const answer = await plain(port, get('/page?x=1', `a.test:${port}`));
    expect(answer).toMatchObject({ status: 400, location: undefined });
    expect(answer.body).toContain(`https://a.test:${port}/page?x=1`);
    expect(await curl({ port, host: 'a.test', scheme: 'http', path: '/p' })).toMatchObject({
      status: 400,
      body: expect.stringContaining(`https://a.test:${port}/p`),
    });
    expect(secure.metrics()).toContain('{result="TLS_PLAIN_HTTP_ON_TLS_PORT"} 2');
  });
  it.each(['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'])(
    "is redirected with 308 by 'redirect', %s with path and query",
    async (method) => {
      const { port } = await serving({ plainHttp: 'redirect' });
      const request = `${method} /a%20b?c=d&e HTTP/1.1\r\nhost: a.test:${port}\r\ncontent-length: 0\r\n\r\n`;
      expect(await plain(port, request)).toMatchObject({
        status: 308,
        location: `https://a.test:${port}/a%20b?c=d&e`,
      });
    },
  );
  it('is followed by curl with method and body', async () => {
    const { port } = await serving(
      { plainHttp: 'redirect' },
      (request: IncomingMessage, response: ServerResponse) => {
        request.pipe(response.writeHead(200, { 'x-method': request.method ?? '' }));
      },
    );
    const answer = await curl({
      ...{ port, host: 'a.test', caPem: ca.rootPem, scheme: 'http', path: '/form' },
      extraArgs: ['--location', '--data', 'name=value', '--request', 'PUT'],
    });
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.body).toContain('name=value');
  });
  it("is closed without an answer by 'close'", async () => {
    const { port } = await serving({ plainHttp: 'close' });
    expect(await exchange(port, get('/'))).toHaveLength(0);
    expect(await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem })).toMatchObject({ body: 'app: /' });
  });
  it('never reaches the application', async () => {
    const paths: string[] = [];
    const { port } = await serving({}, (request: IncomingMessage, response: ServerResponse) => {
      paths.push(request.url ?? '');
      response.end();
    });
    await plain(port, get('/plain'));
    await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem, path: '/secure' });
    expect(paths).toEqual(['/secure']);
  });
  it('is understood in segments of one byte', async () => {
    const { port } = await serving();
    const socket = keep(await tcp(port));
    socket.setNoDelay(true);
    const answer = untilClosed(socket);
    for (const byte of get('/slow')) {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await answer).toString()).toContain(`https://a.test:${port}/slow`);
  });
  it('is given five seconds in all', async () => {
    const clock = manualClock();
    const { port } = await serving({ clock });
    const socket = keep(await tcp(port));
    const closed = gone(socket);
    socket.write('GET / HTTP/1.1\r\nhost: a.test\r\nx-slow: ');
    while (!socket.closed) await clock.advance(1_000);
    await closed;
  });
  it.each(['explain', 'redirect'] as const)(
    'with a header of more than 16 KiB is closed, with %s too, and what comes next is answered',
    async (plainHttp) => {
      const log = memoryLog();
      const seen: unknown[] = [];
      const { port } = await serving({ plainHttp, logger: log.logger }, (request, response) => {
        seen.push(request.url);
        response.end();
      });
      for (const header of [`x: ${'x'.repeat(20_000)}`, 'yyyyyyyy: yyyyyyyy\r\n'.repeat(2_000)]) {
        const answer = (
          await exchange(port, `GET / HTTP/1.1\r\nhost: a.test\r\n${header}\r\n\r\n`)
        ).toString();
        expect(answer).toBe('');
      }
      expect((await plain(port, get('/'))).status).toBe(plainHttp === 'explain' ? 400 : 308);
      expect(seen).toEqual([]);
      expect(log.lines.map(({ facts }) => facts['code'])).toContain('TLS_PLAIN_HTTP_ON_TLS_PORT');
    },
  );
  it('that is no HTTP after all is closed', async () => {
    const { port } = await serving();
    for (const text of ['EHLO mail.test\r\n\r\n', 'hello\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n']) {
      expect((await exchange(port, text)).toString()).not.toContain('app:');
    }
  });
  it('is answered with 15 KiB of headers, and closed with more than 16', async () => {
    const { port } = await serving();
    const request = (length: number) =>
      get('/').replace('\r\n\r\n', `\r\nx-long: ${'x'.repeat(length)}\r\n\r\n`);
    expect((await plain(port, request(15_000))).status).toBe(400);
    expect(await exchange(port, request(17_000))).toHaveLength(0);
  });
  it('with an upgrade is closed', async () => {
    const { port } = await serving();
    const upgrade = 'GET / HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
    expect(await exchange(port, upgrade)).toHaveLength(0);
  });
  it('is one line in the log, however often it comes', async () => {
    const log = memoryLog();
    const { port } = await serving({ logger: log.logger });
    for (let round = 0; round < 20; round += 1) await plain(port, get('/health'));
    const lines = log.lines.filter(({ facts }) => facts['code'] === 'TLS_PLAIN_HTTP_ON_TLS_PORT');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.message).toContain(`127.0.0.1 sent plain HTTP to the TLS port ${port}.`);
    expect(lines[0]?.facts['hint']).toMatch(/proxy_pass https:.*scheme: HTTPS/);
  });
});

describe('the companion listener', () => {
  it.each([
    [undefined, 308],
    [308, 308],
    [301, 301],
    [302, 302],
  ] as const)('redirects with redirect: %s by %s', async (redirect, status) => {
    const { httpPort, port } = await serving({
      http: { port: 0, host: '127.0.0.1', ...(redirect === undefined ? {} : { redirect }) },
    });
    expect(await plain(httpPort, get('/a/b?c=%20', `a.test:${httpPort}`))).toMatchObject({
      status,
      location: `https://a.test:${port}/a/b?c=%20`,
    });
  });
  it('serves the application with redirect: false, without reaching it by ACME paths only', async () => {
    const { httpPort, port } = await serving({ http: { ...anyPort.http, redirect: false } });
    expect(await plain(httpPort, get('/page'))).toMatchObject({
      status: 200,
      body: expect.stringContaining('app: /page'),
    });
    expect(await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem, path: '/page' })).toMatchObject({
      body: 'app: /page',
    });
  });
  it('serves an Express application with redirect: false, which sees an insecure request', async () => {
    const app = express().get('/page', (request, response) => {
      response.end(`${request.protocol} ${String(request.secure)}`);
    });
    const { httpPort, port } = await serving({ http: { ...anyPort.http, redirect: false } }, app);
    expect(await curl({ port: httpPort, host: 'a.test', scheme: 'http', path: '/page' })).toMatchObject({
      body: 'http false',
    });
    expect(await curl({ port, host: 'a.test', caPem: ca.rootPem, path: '/page' })).toMatchObject({
      body: 'https true',
    });
  });
  it('serves a handler of its own with redirect: false', async () => {
    const { httpPort } = await serving({
      http: {
        ...anyPort.http,
        redirect: false,
        handler: (_, response) => response.writeHead(418).end('teapot'),
      },
    });
    expect(await plain(httpPort, get('/'))).toMatchObject({ status: 418 });
  });
  it('redirects to the port of publicUrl, and to its host when a request names none', async () => {
    const { httpPort } = await serving({ ...anyPort, publicUrl: 'https://public.test:8443' });
    expect(await plain(httpPort, get('/x', 'other.test:81'))).toMatchObject({
      location: 'https://other.test:8443/x',
    });
    expect(await plain(httpPort, 'GET /x HTTP/1.0\r\n\r\n')).toMatchObject({
      location: 'https://public.test:8443/x',
    });
  });
  it('leaves the port out of redirects to 443', async () => {
    const { httpPort } = await serving({ ...anyPort, publicUrl: 'https://public.test' });
    expect(await plain(httpPort, get('/', 'a.test:80'))).toMatchObject({ location: 'https://a.test/' });
  });
  it.each([
    ['[::1]', 'https://[::1]:PORT/x'],
    ['[::1]:80', 'https://[::1]:PORT/x'],
    ['[0:0:0:0:0:0:0:1]:8080', 'https://[::1]:PORT/x'],
    ['127.0.0.1', 'https://127.0.0.1:PORT/x'],
    ['A.TEST.:80', 'https://a.test:PORT/x'],
    ['localhost', 'https://localhost:PORT/x'],
  ])('redirects a request for the host %s to %s', async (host, location) => {
    const { httpPort, port } = await serving(anyPort);
    expect(await plain(httpPort, get('/x', host))).toMatchObject({
      status: 308,
      location: location.replace('PORT', String(port)),
    });
  });
  it.each([
    'evil.test/path',
    'user@evil.test',
    'a.test:80@evil.test',
    'a.test#x',
    'a.test?x',
    '[::1',
    '::1',
    '..',
    '-a.test',
    'a b',
    'a\\b',
    '"><script>',
    'x'.repeat(300),
  ])('answers the host %j with 400 and no location', async (host) => {
    const { httpPort } = await serving(anyPort);
    const answer = await plain(httpPort, get('/x', host));
    expect(answer).toMatchObject({ status: 400, location: undefined });
    expect(answer.body).not.toContain('script');
  });
  it.each([
    ['//evil.test/x', '//evil.test/x'],
    ['/\\evil.test', '/\\evil.test'],
    ['*', '/'],
    ['http://a.test/absolute?q', '/absolute?q'],
  ])('keeps the target %s within the host', async (target, path) => {
    const { httpPort, port } = await serving(anyPort);
    const method = target === '*' ? 'OPTIONS' : 'GET';
    const { location } = await plain(
      httpPort,
      `${method} ${target} HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n`,
    );
    expect(location).toBe(`https://a.test:${port}${path}`);
    expect(new URL(location ?? '').hostname).toBe('a.test');
  });
  it('is off with port -1 and with http: false', async () => {
    for (const http of [-1, false, { port: -1 }] as const) {
      const { secure, httpPort } = await serving({ http });
      expect(httpPort).toBe(0);
      expect(secure.status().listeners).toHaveLength(1);
    }
  });
  it('listens without a TLS listener when listen() is told port -1', async () => {
    const source = swappableSource(pair);
    const secure = keep(createSecureServer({ sources: source, logger: false, ...anyPort }, sayUrl));
    await secure.listen({ port: -1, host: '127.0.0.1' });
    expect(secure.status().listeners).toMatchObject([{ protocol: 'http' }]);
    const neither = keep(createSecureServer({ sources: swappableSource(pair), logger: false }, sayUrl));
    await expect(neither.listen(-1)).rejects.toThrow(TypeError);
  });
  it('binds the host of listen() unless it is given one', async () => {
    const secure = keep(
      createSecureServer({ sources: swappableSource(pair), logger: false, http: 0 }, sayUrl),
    );
    await secure.listen(loopback);
    expect(secure.status().listeners.map(({ address }) => address)).toEqual(['127.0.0.1', '127.0.0.1']);
  });
});

describe('HTTP-01', () => {
  const token = 'LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0';
  const keyAuthorization = `${token}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI`;
  const path = `/.well-known/acme-challenge/${token}`;

  it('is answered on the companion listener until the challenge is taken back', async () => {
    const { httpPort, source } = await serving(anyPort);
    const stop = source.host.answer({ type: 'http-01', token, keyAuthorization });
    const answer = await plain(httpPort, get(path));
    expect(answer).toMatchObject({ status: 200, body: keyAuthorization });
    expect(answer.head).toMatch(/content-type: application\/octet-stream/i);
    expect(await plain(httpPort, get(`${path}x`))).toMatchObject({ status: 308 });
    expect(
      await plain(httpPort, `HEAD ${path} HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n`),
    ).toMatchObject({
      status: 200,
      body: '',
    });
    stop();
    expect(await plain(httpPort, get(path))).toMatchObject({ status: 308 });
  });
  it('is answered before the application sees it, also with redirect: false', async () => {
    const { httpPort, source } = await serving({ http: { ...anyPort.http, redirect: false } });
    source.host.answer({ type: 'http-01', token, keyAuthorization });
    expect(await plain(httpPort, get(path))).toMatchObject({ body: keyAuthorization });
    expect(await plain(httpPort, get('/.well-known/acme-challenge/other'))).toMatchObject({
      body: expect.stringContaining('app: /.well-known/acme-challenge/other'),
    });
  });
  it.each(['explain', 'redirect'] as const)(
    'is answered by plain HTTP on the TLS port with plainHttp: %s',
    async (plainHttp) => {
      const { port, source } = await serving({ plainHttp });
      source.host.answer({ type: 'http-01', token, keyAuthorization });
      expect(await plain(port, get(path))).toMatchObject({ status: 200, body: keyAuthorization });
    },
  );
  it("is answered in a server of the user's own through requestListener(next)", async () => {
    const { secure, source, port } = await serving();
    const own = keep(
      createServer(
        secure.requestListener((request, response) => {
          response.end(`own: ${request.url ?? ''}`);
        }),
      ),
    );
    own.listen(0, '127.0.0.1');
    await once(own, 'listening');
    source.host.answer({ type: 'http-01', token, keyAuthorization });
    expect(await plain(portOf(own), get(path))).toMatchObject({ body: keyAuthorization });
    expect(await plain(portOf(own), get('/page'))).toMatchObject({
      body: expect.stringContaining('own: /page'),
    });
    const redirecting = keep(createServer(secure.requestListener()));
    redirecting.listen(0, '127.0.0.1');
    await once(redirecting, 'listening');
    expect(await plain(portOf(redirecting), get('/page'))).toMatchObject({
      status: 308,
      location: `https://a.test:${port}/page`,
    });
  });
  it('is asked of requestListener() before the server has started, which goes on to `next` then', async () => {
    const secure = keep(createSecureServer({ sources: () => pair, logger: false }, () => undefined));
    const listener = secure.requestListener((request, response) => response.end(`own: ${request.url ?? ''}`));
    const own = keep(createServer(listener));
    own.listen(0, '127.0.0.1');
    await once(own, 'listening');
    for (const target of ['/first', '/second'])
      expect(await plain(portOf(own), get(target))).toMatchObject({
        body: expect.stringContaining(`own: ${target}`),
      });
    expect(secure.status().certificates).toEqual([]);
  });
  it('is no way to read anything else', async () => {
    const { httpPort, source } = await serving(anyPort);
    source.host.answer({ type: 'http-01', token, keyAuthorization });
    for (const other of [
      '/.well-known/acme-challenge/',
      '/.well-known/acme-challenge/../../etc/passwd',
      '/.well-known/acme-challenge/__proto__',
      '/.well-known/acme-challenge/constructor',
      `${path}/`,
      `/x${path}`,
    ]) {
      expect(await plain(httpPort, get(other))).toMatchObject({ status: 308 });
    }
  });
});
