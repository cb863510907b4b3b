// close(): what ends at once, what may finish, and that nothing is left.
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { createServer as createTlsServer } from 'node:tls';
import { WebSocketServer } from 'ws';
import {
  type AttachableServer,
  type CertificateSource,
  createSecureServer,
  type CredentialInput,
  pemPair,
  type RequestHandler,
  type SecureServer,
  type SecureServerOptions,
} from '../../src/index.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { nodeHttps } from '../support/clients.js';
import { manualClock, until } from '../support/manual-clock.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { runChild } from './support/child.js';
import { closesAfterEach } from './support/cleanup.js';
import {
  gone,
  http1Get,
  http2Get,
  http2Session,
  portOf,
  tcp,
  tls,
  untilClosed,
} from './support/connections.js';

jest.setTimeout(60_000);

const keep = closesAfterEach();
const loopback = { port: 0, host: '127.0.0.1' };
let ca: TestCa;
let pair: TestPair;

beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: ['a.test'] });
});

const trusting = () => ({ ca: ca.rootPem });

const answer = (_request: IncomingMessage, response: ServerResponse): void => {
  response.end('page');
};

async function serving(
  app: RequestHandler | AttachableServer = answer,
  options: SecureServerOptions = {},
): Promise<{ secure: SecureServer; port: number }> {
  const secure = keep(createSecureServer({ sources: pemPair(pair), logger: false, ...options }, app));
  await secure.listen(loopback);
  return { secure, port: portOf(secure.server) };
}

/** An application whose requests are answered when the test says so. */
function slowApp() {
  const responses: ServerResponse[] = [];
  return {
    responses,
    app: (_request: IncomingMessage, response: ServerResponse) => {
      responses.push(response);
    },
  };
}

describe('close()', () => {
  it('ends idle keep-alive connections at once', async () => {
    const { secure, port } = await serving(answer, { clock: manualClock() });
    const client = keep(await tls(port, trusting()));
    await http1Get(client, '/');
    await secure.close();
    await gone(client);
    await expect(tcp(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
  it('ends connections that were opened in advance, without a request, at once', async () => {
    const { secure, port } = await serving(answer, {
      clock: manualClock(),
      http: { port: 0, host: '127.0.0.1' },
    });
    const { port: httpPort = 0 } =
      secure.status().listeners.find(({ protocol }) => protocol === 'http') ?? {};
    const client = keep(await tls(port, trusting()));
    const plain = keep(await tcp(httpPort));
    await secure.close();
    await Promise.all([gone(client), gone(plain)]);
  });
  it('ends idle HTTP/2 sessions, and idle HTTP/1.1 connections beside them, at once', async () => {
    const { secure, port } = await serving(answer, { http2: true, clock: manualClock() });
    const session = keep(await http2Session(port, trusting()));
    expect(await http2Get(session, '/')).toEqual({ status: 200, body: 'page' });
    const client = keep(await tls(port, { ...trusting(), ALPNProtocols: ['http/1.1'] }));
    await http1Get(client, '/');
    const ended = once(session, 'close');
    await secure.close();
    await ended;
    await gone(client);
  });
  it('lets a running HTTP/1.1 request finish', async () => {
    const { app, responses } = slowApp();
    const { secure, port } = await serving(app);
    const page = nodeHttps({ port, host: 'a.test', caPem: ca.rootPem });
    await until(() => responses.length === 1, 'the request');
    const closing = secure.close();
    await expect(tcp(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    responses[0]?.end('late');
    expect((await page).body).toBe('late');
    await closing;
  });
  it('ends a keep-alive connection after its running request, long before the grace is over', async () => {
    const { app, responses } = slowApp();
    const { secure, port } = await serving(app);
    const client = keep(await tls(port, trusting()));
    const page = http1Get(client, '/');
    await until(() => responses.length === 1, 'the request');
    const closing = secure.close({ graceMs: 600_000 });
    responses[0]?.setHeader('content-length', 4).end('late');
    expect(await page).toMatch(/late$/);
    await closing;
    await gone(client);
  });
  it.each([true, false])(
    'lets a running request finish on a server with http2 on, by HTTP/2: %s',
    async (isHttp2) => {
      const { app, responses } = slowApp();
      const { secure, port } = await serving(app, { http2: true });
      const client = isHttp2
        ? undefined
        : keep(await tls(port, { ...trusting(), ALPNProtocols: ['http/1.1'] }));
      const session = isHttp2 ? keep(await http2Session(port, trusting())) : undefined;
      const page =
        session === undefined ? http1Get(client!, '/') : http2Get(session, '/').then(({ body }) => body);
      await until(() => responses.length === 1, 'the request');
      const closing = secure.close({ graceMs: 600_000 });
      responses[0]?.setHeader('content-length', 4);
      responses[0]?.end('late');
      expect(await page).toMatch(/late$/);
      await closing;
    },
  );
  it('destroys a request that misses the grace', async () => {
    const clock = manualClock();
    const { app, responses } = slowApp();
    const { secure, port } = await serving(app, { clock });
    const client = keep(await tls(port, trusting()));
    client.write('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n');
    await until(() => responses.length === 1, 'the request');
    const closing = secure.close();
    await clock.advance(9_999);
    expect(client.destroyed).toBe(false);
    await clock.advance(1);
    await gone(client);
    await closing;
  });
  it('destroys an open WebSocket when the grace is over', async () => {
    const clock = manualClock();
    const { secure, port } = await serving(answer, { clock });
    const sockets = new WebSocketServer({ server: secure.server as unknown as HttpsServer });
    const connected = once(sockets, 'connection');
    const client = keep(await tls(port, trusting()));
    client.write(
      'GET / HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    client.resume();
    await connected;
    const closing = secure.close({ graceMs: 300 });
    await clock.advance(299);
    expect(client.destroyed).toBe(false);
    await clock.advance(1);
    await closing;
    await gone(client);
    expect([...sockets.clients].every(({ readyState }) => readyState >= 2)).toBe(true);
  });
  it('with graceMs 0 destroys everything at once', async () => {
    const { app, responses } = slowApp();
    const { secure, port } = await serving(app, { http2: true, clock: manualClock() });
    const client = keep(await tls(port, { ...trusting(), ALPNProtocols: ['http/1.1'] }));
    client.write('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n');
    const session = keep(await http2Session(port, trusting()));
    session.request({ ':path': '/' }).on('error', () => undefined);
    await until(() => responses.length === 2, 'the requests');
    const ended = once(session, 'close');
    await secure.close({ graceMs: 0 });
    await gone(client);
    await ended;
  });
  it('destroys silent connections and half a hello at once', async () => {
    const { secure, port } = await serving(answer, { clock: manualClock() });
    const accepted = new Promise<void>((resolve) => {
      let count = 0;
      secure.server.on('connection', () => {
        count += 1;
        if (count === 2) resolve();
      });
    });
    const silent = keep(await tcp(port));
    const half = keep(await tcp(port));
    half.write(Buffer.from('160301020001', 'hex'));
    await accepted;
    await secure.close();
    await Promise.all([gone(silent), gone(half)]);
  });
  it('destroys connections that wait for a certificate at once', async () => {
    let isAsked = false;
    const { secure, port } = await serving(answer, {
      clock: manualClock(),
      sources: {
        name: 'slow',
        find: () => {
          isAsked = true;
          return { pending: new Promise(() => undefined) };
        },
      },
    });
    const handshake = tls(port, trusting());
    await until(() => isAsked, 'the question');
    await secure.close();
    await expect(handshake).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
  it('ends the connections of a raw tls.Server when the grace is over', async () => {
    const server = createTlsServer((socket) => socket.resume());
    const { secure, port } = await serving(server);
    const client = keep(await tls(port, trusting()));
    const closed = untilClosed(client);
    await secure.close({ graceMs: 20 });
    await closed;
    expect(server.listening).toBe(false);
  });
  it('closes the companion listener, and lets its running request finish', async () => {
    const { app, responses } = slowApp();
    const { secure } = await serving(app, { http: { port: 0, host: '127.0.0.1', redirect: false } });
    const { port = 0 } = secure.status().listeners.find(({ protocol }) => protocol === 'http') ?? {};
    const idle = keep(await tcp(port));
    const client = keep(await tcp(port));
    const page = untilClosed(client);
    client.write('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n');
    await until(() => responses.length === 1, 'the request');
    const closing = secure.close();
    await expect(tcp(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    responses[0]?.end('late');
    expect((await page).toString()).toContain('late');
    await closing;
    await gone(idle);
  });
  it('can be called twice, and before anything was started', async () => {
    const secure = createSecureServer({ sources: pemPair(pair), logger: false }, answer);
    await secure.close();
    await secure.listen(loopback);
    await Promise.all([secure.close(), secure.close()]);
    await secure.close();
    expect(secure.server.listening).toBe(false);
    expect(() => secure.tlsOptions).toThrow(expect.objectContaining({ code: 'NOT_STARTED' }));
  });
  it('during a start makes listen() reject, and nothing is opened', async () => {
    let release: () => void = () => undefined;
    let closes = 0;
    const source: CertificateSource = {
      name: 'slow',
      start: () => new Promise((resolve) => (release = resolve)),
      find: () => pair,
      close: () => {
        closes += 1;
      },
    };
    const secure = keep(createSecureServer({ sources: source, logger: false, http: 0 }, answer));
    const listening = secure.listen(loopback);
    const outcome = expect(listening).rejects.toMatchObject({ code: 'CLOSED' });
    await new Promise((resolve) => setImmediate(resolve));
    const closing = secure.close();
    release();
    await closing;
    await outcome;
    expect(secure.server.listening).toBe(false);
    expect(secure.status().listeners).toEqual([]);
    expect(closes).toBe(1);
  });
  it('does not wait for ever for a start that hangs', async () => {
    const clock = manualClock();
    let release: () => void = () => undefined;
    const source: CertificateSource = {
      name: 'hanging',
      start: () => new Promise((resolve) => (release = resolve)),
      find: () => pair,
    };
    const secure = keep(createSecureServer({ sources: source, logger: false, clock }, answer));
    const starting = expect(secure.start()).rejects.toMatchObject({ code: 'CLOSED' });
    const closing = secure.close();
    await clock.advance(10_000);
    await closing;
    release();
    await starting;
    expect(clock.pendingTimers).toBe(0);
  });
  it('destroys connections that wait for a start', async () => {
    const source: CertificateSource = {
      name: 'failing',
      start: () => new Promise(() => undefined),
      find: () => pair,
    };
    const clock = manualClock();
    const secure = keep(createSecureServer({ sources: source, logger: false, clock }, answer));
    secure.server.listen(0, '127.0.0.1');
    await once(secure.server, 'listening');
    const accepted = once(secure.server, 'connection');
    const client = keep(await tcp(portOf(secure.server)));
    await accepted;
    const closing = secure.close();
    await clock.advance(10_000);
    await closing;
    await gone(client);
  });
  it('leaves no timer behind', async () => {
    const clock = manualClock();
    const { secure, port } = await serving(answer, { clock, http: 0, http2: true });
    await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem });
    expect(clock.pendingTimers).toBeGreaterThan(0);
    await secure.close();
    expect(clock.pendingTimers).toBe(0);
  });
  it('is what `await using` calls', async () => {
    const secure = createSecureServer({ sources: pemPair(pair), logger: false }, answer);
    await secure.listen(loopback);
    const port = portOf(secure.server);
    await secure[Symbol.asyncDispose]();
    await expect(tcp(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
  it('survives a source whose close() throws', async () => {
    const failing: CertificateSource = {
      name: 'failing',
      find: () => pair,
      close: () => {
        throw new Error('close');
      },
    };
    const { secure } = await serving(answer, { sources: [failing, pemPair(pair)] });
    await secure.close();
    expect(secure.server.listening).toBe(false);
  });
});

describe('two servers in one process', () => {
  it('know nothing of each other', async () => {
    const other = await ca.issue({ names: ['a.test'], commonName: 'other' });
    const one = await serving();
    const two = await serving(createHttpServer(answer), {
      sources: pemPair({ cert: other.cert, key: other.key }),
    });
    const page = (port: number) => nodeHttps({ port, host: 'a.test', caPem: ca.rootPem });
    expect((await page(one.port)).certificate.subject.CN).toBe('a.test');
    expect((await page(two.port)).certificate.subject.CN).toBe('other');
    await one.secure.close();
    expect((await page(two.port)).body).toBe('page');
    expect(one.secure.metrics()).toContain('tlsmith_handshakes_total{result="completed"} 1');
    expect(two.secure.metrics()).toContain('tlsmith_handshakes_total{result="completed"} 2');
  });
  it('do not resume sessions of each other', async () => {
    const input: CredentialInput = pair;
    const one = await serving(answer, { sources: () => input });
    const two = await serving(answer, { sources: () => input });
    const first = keep(await tls(one.port, { ...trusting(), maxVersion: 'TLSv1.2' }));
    const session = first.getSession();
    for (const [port, isReused] of [
      [one.port, true],
      [two.port, false],
    ] as const) {
      const socket = keep(
        await tls(port, { ...trusting(), maxVersion: 'TLSv1.2', ...(session && { session }) }),
      );
      expect(socket.isSessionReused()).toBe(isReused);
    }
  });
});

describe('a process', () => {
  it('ends by itself after close(), whatever was open', async () => {
    await withTemporaryFolder(async ({ path }) => {
      const { exitCode, output } = await runChild('closes', { input: { folder: path } });
      expect({ exitCode, output }).toEqual({ exitCode: 0, output: 'closed\n' });
    });
  });
});
