// What bounds strangers who begin and do not go on: numbers, deadlines, and no renegotiation.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { type AttachableServer, createSecureServer, pemPair, type SecureServer } from '../../src/index.js';
import { HELLO_TIMEOUT_MS } from '../../src/handshake/hello-phase.js';
import { MOST_UNSECURED_OF_AN_ADDRESS } from '../../src/handshake/unsecured-connections.js';
import { testCa, type TestCa } from '../support/certificates.js';
import { nodeHttps, sClient } from '../support/clients.js';
import { type ManualClock, manualClock } from '../support/manual-clock.js';
import { captureClientHello } from '../support/raw-client-hello.js';
import { until } from '../support/until.js';
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
import { memoryLog, type MemoryLog } from './support/log.js';

const keep = closesAfterEach();
let ca: TestCa;
let clock: ManualClock;
let log: MemoryLog;
let secure: SecureServer;
let port: number;

beforeEach(async () => {
  ca = await testCa();
  clock = manualClock();
  log = memoryLog();
  secure = createSecureServer(
    { sources: pemPair(await ca.issue({ names: ['a.test'] })), logger: log.logger, clock },
    (_request: IncomingMessage, response: ServerResponse) => {
      response.end('page');
    },
  );
  await secure.listen({ port: 0, host: '127.0.0.1' });
  port = portOf(secure.server);
});

afterEach(async () => {
  expect(await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem })).toMatchObject({ body: 'page' });
  await secure.close({ graceMs: 0 });
  expect(clock.pendingTimers).toBe(0);
});

describe('handshakes that are begun and left', () => {
  it('make room for new clients, the oldest first, in one log line and a count', async () => {
    const accepted: Socket[] = [];
    secure.server.on('connection', (socket: Socket) => accepted.push(socket));
    const sockets: Socket[] = [];
    for (let index = 0; index < MOST_UNSECURED_OF_AN_ADDRESS + 10; index += 1) sockets.push(await tcp(port));
    await until(() => accepted.length === sockets.length, 'all to be accepted');
    await Promise.all(sockets.slice(0, 10).map(gone));
    expect(sockets.slice(10).filter(({ destroyed }) => destroyed)).toEqual([]);
    expect(await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem })).toMatchObject({ body: 'page' });
    const lines = log.lines.filter(({ facts }) => facts['code'] === 'TOO_MANY_HANDSHAKES');
    expect(lines).toMatchObject([{ level: 'warn', facts: { remoteAddress: '127.0.0.1' } }]);
    expect(secure.metrics()).toContain('tlsmith_handshakes_total{result="TOO_MANY_HANDSHAKES"} 11');
    for (const socket of sockets) socket.destroy();
    await Promise.all(sockets.map(gone));
  });

  it('do not count once they are complete', async () => {
    const [used] = await connection();
    used.destroy();
    const kept = keep(await tls(port, { ca: ca.rootPem }));
    const sockets: Socket[] = [];
    for (let index = 0; index < MOST_UNSECURED_OF_AN_ADDRESS; index += 1) sockets.push(await tcp(port));
    expect(await http1Get(kept, '/')).toContain('page');
    for (const socket of sockets) socket.destroy();
    await Promise.all(sockets.map(gone));
    expect(log.lines.map(({ facts }) => facts['code'])).not.toContain('TOO_MANY_HANDSHAKES');
  });

  it('are cut at the deadline of the hello, however slowly it drips', async () => {
    const hello = await captureClientHello({ servername: 'a.test' });
    const [client, socket] = await connection();
    for (let at = 0; at < 8; at += 1) {
      client.write(hello.subarray(at, at + 1));
      await until(() => socket.bytesRead === at + 1, 'the byte');
      await clock.advance(500);
    }
    expect(socket.destroyed).toBe(false);
    await clock.advance(HELLO_TIMEOUT_MS - 4_000);
    await gone(client);
    expect(log.lines.map(({ facts }) => facts['code'])).toContain('CLIENT_HELLO_TIMEOUT');
  });

  it('are cut at the deadline of the handshake', async () => {
    const sources = pemPair(await ca.issue({ names: ['a.test'] }));
    const options = { sources, logger: log.logger, handshakeTimeoutMs: 500 };
    const impatient = keep(createSecureServer(options, () => undefined));
    await impatient.listen({ port: 0, host: '127.0.0.1' });
    const client = keep(await tcp(portOf(impatient.server)));
    client.resume();
    client.write(await captureClientHello({ servername: 'a.test' }));
    await gone(client);
    await until(() => log.lines.some(({ facts }) => facts['code'] === 'HANDSHAKE_TIMEOUT'), 'the log line');
  });

  it('are cut at the deadline of the handshake also when they drip on after the hello', async () => {
    const sources = pemPair(await ca.issue({ names: ['a.test'] }));
    const options = { sources, logger: log.logger, handshakeTimeoutMs: 1_000 };
    const impatient = keep(createSecureServer(options, () => undefined));
    await impatient.listen({ port: 0, host: '127.0.0.1' });
    const client = keep(await tcp(portOf(impatient.server)));
    client.setNoDelay(true);
    client.write(await captureClientHello({ servername: 'a.test' }));
    await once(client, 'data');
    client.resume();
    // A record of 16 KiB, whose bytes come one by one for much longer than the deadline.
    client.write(Buffer.from([23, 3, 3, 64, 0]));
    const drip = setInterval(() => client.write('x'), 20);
    await gone(client);
    clearInterval(drip);
    await until(() => log.lines.some(({ facts }) => facts['code'] === 'HANDSHAKE_TIMEOUT'), 'the log line');
  });

  it('are cut at the deadline of plain HTTP, however slowly it drips', async () => {
    const [client, socket] = await connection();
    client.write('GET / HTTP/1.1\r\nhost: a.test\r\n');
    await until(() => socket.bytesRead > 0, 'the beginning of the request');
    for (let line = 0; line < 4; line += 1) {
      client.write(`x-${line}: drip\r\n`);
      await clock.advance(1_000);
    }
    expect(client.destroyed).toBe(false);
    await clock.advance(1_000);
    await gone(client);
  });

  async function connection(): Promise<[Socket, Socket]> {
    const accepted = once(secure.server, 'connection') as Promise<[Socket]>;
    const client = keep(await tcp(port));
    return [client, (await accepted)[0]];
  }
});

describe('an answer that takes long', () => {
  it('trickles on past every deadline, over HTTP/1.1 and HTTP/2', async () => {
    const CHUNKS = 20;
    const sources = pemPair(await ca.issue({ names: ['a.test'] }));
    const options = { sources, logger: false, handshakeTimeoutMs: 500, clock, http2: true } as const;
    // Longer than the handshake may take in all, and than the hello, by the clock that is set forward in the middle.
    const slow = createSecureServer(options, (_request: IncomingMessage, response: ServerResponse) => {
      let sent = 0;
      const trickle = setInterval(() => {
        sent += 1;
        response.write(`${sent}\n`);
        if (sent < CHUNKS) return;
        clearInterval(trickle);
        response.end();
      }, 50);
    });
    await keep(slow).listen({ port: 0, host: '127.0.0.1' });
    const session = keep(await http2Session(portOf(slow.server), { ca: ca.rootPem }));
    const socket = keep(await tls(portOf(slow.server), { ca: ca.rootPem }));
    const answers = [http2Get(session, '/'), untilClosed(socket)] as const;
    socket.write('GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n');
    await clock.advance(60_000);
    const [{ body }, whole] = await Promise.all(answers);
    expect(body.split('\n')).toHaveLength(CHUNKS + 1);
    expect(whole.toString()).toContain(`\n${CHUNKS}\n`);
  });
});

describe('a renegotiation', () => {
  it('is refused as often as it is asked for', async () => {
    for (let time = 0; time < 3; time += 1) {
      const { stdout, stderr } = await sClient({
        ...{ port, host: 'a.test', caPem: ca.rootPem, protocol: 'tls1_2' },
        send: 'R\nR\nR\nGET / HTTP/1.0\r\n\r\n',
        extraArgs: ['-no_ign_eof'],
      });
      expect(stdout + stderr).toContain('RENEGOTIATING');
      expect(stdout + stderr).toMatch(/no renegotiation|alert number 100|write:errno/i);
    }
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('is refused in a storm of them, and a client beside it has its page', async () => {
    const storm = Array.from({ length: 50 }, async () => renegotiated(port));
    const beside = nodeHttps({ port, host: 'a.test', caPem: ca.rootPem });
    expect(await Promise.all(storm)).toEqual(storm.map(() => 'refused'));
    expect(await beside).toMatchObject({ body: 'page' });
  });

  const page = (_request: unknown, response: { end(text: string): unknown }): void => {
    response.end('page');
  };

  it.each<readonly [string, () => AttachableServer]>([
    ['http.Server', () => createHttpServer(page)],
    ['https.Server', () => createHttpsServer(page)],
    ['Http2SecureServer', () => createHttp2Server({ allowHTTP1: true }, page)],
    ['tls.Server', () => createTlsServer((socket) => socket.pipe(socket))],
  ])('is refused in front of an attached %s, too', async (_, create) => {
    const attached = create();
    const own = createSecureServer({
      sources: pemPair(await ca.issue({ names: ['a.test'] })),
      logger: false,
    });
    keep(own).attach(attached);
    attached.listen(0, '127.0.0.1');
    await once(attached, 'listening');
    expect(await renegotiated(portOf(attached))).toBe('refused');
  });

  it('is refused by a server with tlsOptions, too', async () => {
    const server = createHttpsServer(secure.tlsOptions, page).listen(0, '127.0.0.1');
    await once(server, 'listening');
    expect(await renegotiated(portOf(server))).toBe('refused');
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  /** What comes of it when a client asks for another handshake on its connection. */
  async function renegotiated(target: number): Promise<'agreed' | 'refused'> {
    const client = await tls(target, { ca: ca.rootPem, maxVersion: 'TLSv1.2' });
    try {
      return await new Promise((resolve) => {
        for (const event of ['error', 'close']) {
          client.once(event, () => {
            resolve('refused');
          });
        }
        client.renegotiate({ rejectUnauthorized: false }, (error) => {
          resolve(error === null ? 'agreed' : 'refused');
        });
      });
    } finally {
      client.destroy();
    }
  }
});
