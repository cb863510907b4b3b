// Proxies in front that say for whom they connect: believed when they are listed, refused when they are not.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { createSecureServer, pemPair, type SecureServer, type SecureServerOptions } from '../../src/index.js';
import { MOST_HEADERS_PENDING } from '../../src/admission/admission.js';
import { PROXY_HEADER_TIMEOUT_MS } from '../../src/admission/proxy-phase.js';
import { addressBlock, headerV2, tlv } from '../admission/support/proxy-headers.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { type ManualClock, manualClock } from '../support/manual-clock.js';
import { captureClientHello } from '../support/raw-client-hello.js';
import { until } from '../support/until.js';
import { closesAfterEach } from './support/cleanup.js';
import { exchange, gone, http1Get, http2Get, http2Session, portOf, tcp, tls } from './support/connections.js';
import { memoryLog, type MemoryLog } from './support/log.js';

const keep = closesAfterEach();
const LINE = 'PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n';
let ca: TestCa;
let pair: TestPair;
let clock: ManualClock;
let secure: SecureServer;
let log: MemoryLog;
let port: number;

beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: ['a.test'] });
  clock = manualClock();
  log = memoryLog();
  secure = await listening({ proxyProtocol: { from: ['127.0.0.1'] }, http2: true });
  port = portOf(secure.server);
});

afterEach(async () => {
  expect(await pageAfter(port, LINE)).toContain('203.0.113.7 4711 IPv4');
});

afterAll(async () => {
  await secure.close();
  expect(clock.pendingTimers).toBe(0);
});

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

/** Answers with the client that the application sees. */
function app({ socket }: Request, response: Response): void {
  (response as ServerResponse).end(`${socket.remoteAddress} ${socket.remotePort} ${socket.remoteFamily}`);
}

async function listening(options: SecureServerOptions): Promise<SecureServer> {
  const server = createSecureServer({ sources: pemPair(pair), logger: log.logger, clock, ...options }, app);
  return server.listen({ port: 0, host: '127.0.0.1' });
}

/** A TLS connection that begins with these bytes. */
async function secureAfter(to: number, header: Buffer | string, from = '127.0.0.1'): Promise<TLSSocket> {
  const raw = keep(await tcp({ port: to, host: '127.0.0.1', localAddress: from }));
  raw.write(header);
  return keep(await tls(to, { socket: raw, servername: 'a.test', ca: ca.rootPem }));
}

async function pageAfter(to: number, header: Buffer | string): Promise<string> {
  return http1Get(await secureAfter(to, header), '/');
}

/** What has been logged with this code since the log was `before` lines long. */
function logged(code: string, before = 0): unknown {
  return log.lines.slice(before).find(({ facts }) => facts['code'] === code)?.facts;
}

describe('a PROXY header of a listed proxy', () => {
  it('of version 1 tells the application who the client is', async () => {
    expect(await pageAfter(port, LINE)).toContain('203.0.113.7 4711 IPv4');
  });

  it('of version 2 does so, with all that proxies add to it', async () => {
    const header = headerV2({
      family: 0x21,
      addresses: addressBlock('2001:db8::7', '2001:db8::1', [4712, 443]),
      values: [tlv(1, Buffer.from('h2')), tlv(2, Buffer.from('a.test')), tlv(4, Buffer.alloc(500))],
    });
    expect(await pageAfter(port, header)).toContain('2001:db8::7 4712 IPv6');
  });

  it('does so over HTTP/2', async () => {
    const raw = keep(await tcp(port));
    raw.write(LINE);
    const session = keep(await http2Session(port, { socket: raw, ca: ca.rootPem }));
    expect(await http2Get(session, '/')).toEqual({ status: 200, body: '203.0.113.7 4711 IPv4' });
  });

  it('is the same on a resumed connection', async () => {
    const first = await secureAfter(port, LINE);
    const session = once(first, 'session') as Promise<[Buffer]>;
    expect(await http1Get(first, '/')).toContain('203.0.113.7');
    const raw = keep(await tcp(port));
    raw.write(LINE.replace('203.0.113.7', '203.0.113.8'));
    const resumed = keep(await tls(port, { socket: raw, ca: ca.rootPem, session: (await session)[0] }));
    expect(resumed.isSessionReused()).toBe(true);
    expect(await http1Get(resumed, '/')).toContain('203.0.113.8 4711');
  });

  it.each<[string, Buffer | string]>([
    ['UNKNOWN', 'PROXY UNKNOWN\r\n'],
    ['LOCAL', headerV2({ command: 0x20, family: 0, addresses: Buffer.alloc(0) })],
    ['a unix socket', headerV2({ family: 0x31, addresses: Buffer.alloc(216) })],
  ])('that tells of %s leaves the proxy as the client', async (_, header) => {
    expect(await pageAfter(port, header)).toMatch(/127\.0\.0\.1 \d+ IPv4/);
  });

  it('may come in single bytes, and in one segment with the hello', async () => {
    const flight = await captureClientHello({ servername: 'a.test' });
    for (const bytes of [LINE, headerV2()].map((header) => Buffer.concat([Buffer.from(header), flight]))) {
      expect((await answerTo(bytes.subarray(), 1))[0]).toBe(22);
      expect((await answerTo(bytes, bytes.length))[0]).toBe(22);
    }
  });

  it('names the address that the client reached, whose certificate is shown without SNI', async () => {
    const named = await ca.issue({ names: ['198.51.100.1'] });
    const server = keep(
      await createSecureServer(
        {
          sources: [pemPair(pair), pemPair(named)],
          logger: log.logger,
          proxyProtocol: { from: ['127.0.0.0/8'] },
        },
        app,
      ).listen({ port: 0, host: '127.0.0.1' }),
    );
    const raw = keep(await tcp(portOf(server.server)));
    raw.write(LINE);
    const client = keep(
      await tls(0, { socket: raw, servername: '', ca: ca.rootPem, checkServerIdentity: () => undefined }),
    );
    expect(client.getPeerCertificate().subjectaltname).toBe('IP Address:198.51.100.1');
  });

  it('tells raw TLS servers, and the log', async () => {
    const sockets: TLSSocket[] = [];
    const inner = createTlsServer((socket) => sockets.push(socket));
    const server = createSecureServer(
      {
        sources: pemPair(pair),
        logger: log.logger,
        unknownName: 'reject',
        proxyProtocol: { from: ['127.0.0.1'] },
      },
      inner,
    );
    await keep(server).listen({ port: 0, host: '127.0.0.1' });
    await secureAfter(portOf(inner), LINE);
    await until(() => sockets.length === 1, 'the connection');
    expect(sockets[0]).toMatchObject({
      remoteAddress: '203.0.113.7',
      remotePort: 4711,
      remoteFamily: 'IPv4',
    });
    const before = log.lines.length;
    await expect(tls(0, { socket: await begun(portOf(inner), LINE), servername: 'b.test' })).rejects.toThrow(
      /unrecognized name/,
    );
    expect(logged('SERVER_NAME_UNKNOWN', before)).toMatchObject({ remoteAddress: '203.0.113.7' });
  });
});

async function begun(to: number, bytes: string): Promise<Socket> {
  const raw = keep(await tcp(to));
  raw.write(bytes);
  return raw;
}

/** The first bytes of the answer to these, written in pieces. */
async function answerTo(bytes: Buffer, pieceBytes: number): Promise<Buffer> {
  const socket = keep(await tcp(port));
  socket.setNoDelay(true);
  const answer = once(socket, 'data') as Promise<[Buffer]>;
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    socket.write(bytes.subarray(at, at + pieceBytes));
    if (at < 100) await new Promise(setImmediate);
  }
  return (await answer)[0];
}

describe('a listed proxy', () => {
  it.each<[string, () => Promise<Buffer> | Buffer, string]>([
    ['TLS without a header', () => captureClientHello({ servername: 'a.test' }), 'PROXY_HEADER_MISSING'],
    [
      'HTTP without a header',
      () => Buffer.from('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n'),
      'PROXY_HEADER_MISSING',
    ],
    ['a forged line', () => Buffer.from('PROXY TCP4 evil\r\n'), 'PROXY_HEADER_INVALID'],
    ['a line without end', () => Buffer.from(`PROXY TCP4 ${'1'.repeat(4_096)}`), 'PROXY_HEADER_INVALID'],
    ['a header of 64 KiB', () => headerV2({ length: 0xffff }), 'PROXY_HEADER_INVALID'],
    ['a second header', () => Buffer.concat([Buffer.from(LINE), headerV2()]), 'PROXY_HEADER_UNEXPECTED'],
  ])('that sends %s is cut', async (_, bytes, code) => {
    const server = keep(await listening({ proxyProtocol: { from: ['127.0.0.1'] } }));
    const before = log.lines.length;
    expect((await exchange(portOf(server.server), await bytes())).length).toBe(0);
    expect(logged(code, before)).toMatchObject({ code, remoteAddress: expect.any(String) });
    expect(server.metrics()).toContain(`tlsmith_handshakes_total{result="${code}"} 1`);
  });

  it('that says nothing, or too little, is cut at the deadline', async () => {
    const before = log.lines.length;
    const accepted: Socket[] = [];
    secure.server.on('connection', (socket: Socket) => accepted.push(socket));
    const clients = [keep(await tcp(port)), await begun(port, LINE.slice(0, 20))];
    await until(() => accepted.some(({ bytesRead }) => bytesRead === 20), 'the beginning of the header');
    await until(() => accepted.length === 2, 'both connections');
    await clock.advance(PROXY_HEADER_TIMEOUT_MS - 1);
    expect(accepted.filter(({ destroyed }) => destroyed)).toEqual([]);
    await clock.advance(1);
    await Promise.all(clients.map(gone));
    expect(logged('PROXY_HEADER_TIMEOUT', before)).toMatchObject({ remoteAddress: '127.0.0.1' });
  });

  it('that sends its header byte by byte gets no more time than that', async () => {
    const before = log.lines.length;
    const { server } = keep(await listening({ proxyProtocol: { from: ['127.0.0.1'] } }));
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = keep(await tcp(portOf(server)));
    const [socket] = await accepted;
    const STEPS = 10;
    for (let at = 0; at < STEPS; at += 1) {
      expect(socket.destroyed).toBe(false);
      client.write(LINE.charAt(at));
      await until(() => socket.bytesRead === at + 1, 'the byte');
      await clock.advance(PROXY_HEADER_TIMEOUT_MS / STEPS);
    }
    await gone(client);
    expect(logged('PROXY_HEADER_TIMEOUT', before)).toMatchObject({ remoteAddress: '127.0.0.1' });
  });

  it('that leaves in the middle leaves nothing behind', async () => {
    const timers = clock.pendingTimers;
    const client = await begun(port, LINE.slice(0, 20));
    client.end();
    await gone(client);
    await until(() => clock.pendingTimers === timers, 'the deadline to be forgotten');
  });

  it('cannot fill the room for headers: the oldest makes room', async () => {
    const first = keep(await tcp(port));
    const others = await Promise.all(Array.from({ length: MOST_HEADERS_PENDING }, () => tcp(port)));
    await gone(first);
    expect(others.filter(({ destroyed }) => destroyed)).toEqual([]);
    for (const socket of others) socket.destroy();
    await Promise.all(others.map(gone));
  });

  it('that is in its header when the server closes is cut', async () => {
    const server = await listening({ proxyProtocol: { from: ['127.0.0.1'] } });
    const client = await begun(portOf(server.server), LINE.slice(0, 20));
    await server.close({ graceMs: 0 });
    await gone(client);
  });
});

describe('a PROXY header of anybody else', () => {
  it.each<[string, Buffer | string]>([
    ['version 1', LINE],
    ['version 2', headerV2()],
  ])('of %s is refused', async (_, header) => {
    const before = log.lines.length;
    const server = keep(
      await listening({ proxyProtocol: { from: ['127.0.0.2'] }, allowPeers: ['127.0.0.0/8'] }),
    );
    const to = portOf(server.server);
    await expect(secureAfter(to, header)).rejects.toThrow();
    expect(logged('PROXY_HEADER_UNEXPECTED', before)).toMatchObject({ remoteAddress: '127.0.0.1' });
    const direct = keep(await tls(to, { ca: ca.rootPem }));
    expect(await http1Get(direct, '/')).toContain('127.0.0.1');
    expect(await http1Get(await secureAfter(to, 'PROXY UNKNOWN\r\n', '127.0.0.2'), '/')).toContain(
      '127.0.0.2',
    );
  });

  it('is refused by a server that knows of no proxies', async () => {
    const before = log.lines.length;
    const server = keep(await listening({}));
    await expect(secureAfter(portOf(server.server), LINE)).rejects.toThrow();
    expect(logged('PROXY_HEADER_UNEXPECTED', before)).toMatchObject({
      hint: expect.stringContaining('from'),
    });
  });
});
