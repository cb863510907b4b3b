// close(): what ends at once, what may finish, and that nothing is left.
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { Socket } from 'node:net';
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
import { manualClock } from '../support/manual-clock.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
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

/** A source whose first start is over when the test says so; it tells what is asked of it. */
function slowSource() {
  const calls: string[] = [];
  let release: () => void = () => undefined;
  const source: CertificateSource = {
    name: 'slow',
    start: () => {
      calls.push('start');
      if (calls.length > 1) return undefined;
      return new Promise<void>((resolve) => (release = resolve));
    },
    find: () => pair,
    close: () => {
      calls.push('close');
    },
  };
  return {
    source,
    calls,
    release: () => {
      release();
    },
  };
}

describe('what was asked for before close()', () => {
  it.each([
    ['listen()', (secure: SecureServer) => secure.listen(loopback)],
    ['start()', (secure: SecureServer) => secure.start()],
    ['ready()', (secure: SecureServer) => secure.ready()],
  ])('by %s is rejected as CLOSED, and nothing is opened', async (_, ask) => {
    const secure = keep(createSecureServer({ sources: pemPair(pair), logger: false }, answer));
    const outcome = expect(ask(secure)).rejects.toMatchObject({ code: 'CLOSED' });
    await secure.close();
    await outcome;
    expect(secure.server.listening).toBe(false);
    expect(() => secure.tlsOptions).toThrow(expect.objectContaining({ code: 'NOT_STARTED' }));
  });
  it('by listen() during another close() is rejected as CLOSED', async () => {
    const { secure } = await serving();
    const first = secure.close();
    const outcome = expect(secure.listen(loopback)).rejects.toMatchObject({ code: 'CLOSED' });
    await Promise.all([first, secure.close()]);
    await outcome;
    expect(secure.server.listening).toBe(false);
  });
  it('by ready() does not go on waiting for a certificate', async () => {
    const source: CertificateSource = {
      name: 'pending',
      find: () => undefined,
      ready: () => new Promise(() => undefined),
    };
    const { secure } = await serving(answer, { sources: source });
    const outcome = expect(secure.ready()).rejects.toMatchObject({ code: 'CLOSED' });
    await secure.close();
    await outcome;
  });
});

describe('a start that close() has given up', () => {
  it('is waited for no longer than graceMs', async () => {
    const { source } = slowSource();
    const secure = createSecureServer({ sources: source, logger: false, clock: manualClock() }, answer);
    const outcome = expect(secure.start()).rejects.toMatchObject({ code: 'CLOSED' });
    await secure.close({ graceMs: 0 });
    await outcome;
  });
  it('starts no source when it has not come to that yet', async () => {
    const start = jest.fn<() => void>();
    const sources = { name: 'counting', start, find: () => pair };
    const secure = keep(createSecureServer({ sources, logger: false }, answer));
    const outcome = expect(secure.start()).rejects.toMatchObject({ code: 'CLOSED' });
    await secure.close({ graceMs: 0 });
    await outcome;
    await secure.start();
    expect(start).toHaveBeenCalledTimes(1);
  });
  it('is over before the sources are started again, and does not close them under the next run', async () => {
    const clock = manualClock();
    const { source, calls, release } = slowSource();
    const secure = keep(createSecureServer({ sources: source, logger: false, clock }, answer));
    const outcome = expect(secure.start()).rejects.toMatchObject({ code: 'CLOSED' });
    const closing = secure.close();
    await clock.advance(10_000);
    await closing;
    await outcome;
    const listening = secure.listen(loopback);
    await clock.advance(1_500);
    expect(calls).toEqual(['start', 'close']);
    release();
    await listening;
    await clock.advance(1_000);
    expect(calls).toEqual(['start', 'close', 'start']);
    const page = await nodeHttps({ port: portOf(secure.server), host: 'a.test', caPem: ca.rootPem });
    expect(page.body).toBe('page');
  });
});

describe('a source', () => {
  it('that was never started is not closed', async () => {
    const { source, calls } = slowSource();
    await createSecureServer({ sources: source, logger: false }, answer).close();
    expect(calls).toEqual([]);
  });
  it('is closed once when listen() fails', async () => {
    const { secure: other, port } = await serving();
    const { source, calls, release } = slowSource();
    const secure = keep(createSecureServer({ sources: source, logger: false }, answer));
    const outcome = expect(secure.listen({ ...loopback, port })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
    });
    await until(() => calls.length === 1, 'the start');
    release();
    await outcome;
    await secure.close();
    expect(calls).toEqual(['start', 'close']);
    await other.close();
  });
  it('is closed once when its start fails', async () => {
    let closes = 0;
    const source: CertificateSource = {
      name: 'failing',
      start: () => Promise.reject(new Error('no database')),
      find: () => undefined,
      close: () => {
        closes += 1;
      },
    };
    const secure = keep(createSecureServer({ sources: source, logger: false }, answer));
    await expect(secure.listen(loopback)).rejects.toMatchObject({ code: 'SOURCE_FAILED' });
    await secure.close();
    expect(closes).toBe(1);
  });
  it('whose close() never ends is given up after five seconds, and said to have failed', async () => {
    const clock = manualClock();
    const source: CertificateSource = {
      name: 'stuck',
      find: () => pair,
      close: () => new Promise(() => undefined),
    };
    const { secure } = await serving(answer, { sources: source, clock });
    let isClosed = false;
    const closing = secure.close({ graceMs: 0 }).then(() => (isClosed = true));
    await clock.advance(4_999);
    expect(isClosed).toBe(false);
    await until(() => !secure.server.listening, 'the server to close');
    await clock.advance(1);
    await closing;
    expect(secure.status().findings).toEqual([
      expect.objectContaining({ code: 'SOURCE_FAILED', source: 'stuck' }),
    ]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('a connection', () => {
  it('handed over after close() is destroyed and starts nothing', async () => {
    const { source, calls, release } = slowSource();
    const secure = keep(createSecureServer({ sources: source, logger: false }, answer));
    const listening = secure.listen(loopback);
    await until(() => calls.length === 1, 'the start');
    release();
    await listening;
    await secure.close();
    const socket = new Socket();
    secure.server.emit('connection', socket);
    await gone(socket);
    expect(calls).toEqual(['start', 'close']);
  });
  it('handed over while close() waits for a start is destroyed and starts nothing', async () => {
    const { source, calls, release } = slowSource();
    const secure = keep(createSecureServer({ sources: source, logger: false }, answer));
    const outcome = expect(secure.start()).rejects.toMatchObject({ code: 'CLOSED' });
    await until(() => calls.length === 1, 'the start');
    const closing = secure.close();
    const socket = new Socket();
    secure.server.emit('connection', socket);
    await gone(socket);
    release();
    await closing;
    await outcome;
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toEqual(['start', 'close']);
  });
  it('that waits for a start ends when its client leaves', async () => {
    const { source } = slowSource();
    const secure = keep(createSecureServer({ sources: source, logger: false }, answer));
    secure.server.listen(0, '127.0.0.1');
    await once(secure.server, 'listening');
    const accepted = once(secure.server, 'connection') as Promise<[Socket]>;
    const client = keep(await tcp(portOf(secure.server)));
    const [socket] = await accepted;
    client.write('half a hello');
    client.destroy();
    await gone(socket);
  });
  it('that waits for a start is destroyed after thirty seconds', async () => {
    const clock = manualClock();
    const { source } = slowSource();
    const secure = keep(createSecureServer({ sources: source, logger: false, clock }, answer));
    const socket = new Socket();
    secure.server.emit('connection', socket);
    await clock.advance(29_999);
    expect(socket.destroyed).toBe(false);
    await clock.advance(1);
    expect(socket.destroyed).toBe(true);
    await secure.close({ graceMs: 0 });
    expect(clock.pendingTimers).toBe(0);
  });
  it('beyond a thousand that wait for a start is destroyed at once', () => {
    const { source } = slowSource();
    const secure = keep(createSecureServer({ sources: source, logger: false }, answer));
    const sockets = Array.from({ length: 1_001 }, () => new Socket());
    for (const socket of sockets) secure.server.emit('connection', socket);
    expect(sockets.map(({ destroyed }) => destroyed).indexOf(true)).toBe(1_000);
  });
});

describe('the options of close()', () => {
  it.each([NaN, -1, 'x', null])('with graceMs %p are a TypeError', async (graceMs) => {
    const { secure } = await serving();
    await expect(secure.close({ graceMs: graceMs as number })).rejects.toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringContaining('graceMs') }),
    );
    expect(secure.server.listening).toBe(true);
  });
  it('may be null', async () => {
    const { secure } = await serving();
    await secure.close(null as unknown as object);
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
