// What strangers send. Whatever it is, it ends soon, and the same server goes on serving everybody else.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { createSecureServer, pemPair, type SecureServer } from '../../src/index.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { nodeHttps, sClient } from '../support/clients.js';
import { type ManualClock, manualClock } from '../support/manual-clock.js';
import {
  captureClientHello,
  handshakeMessageOf,
  inRecordsOf,
  inSegmentsOf,
  writeSegments,
} from '../support/raw-client-hello.js';
import { until } from '../support/until.js';
import { closesAfterEach } from './support/cleanup.js';
import { exchange, gone, portOf, tcp, tls, untilClosed } from './support/connections.js';
import { cuttingProxy, helloWithName, inRecord } from './support/hostile-hello.js';
import { memoryLog } from './support/log.js';

const keep = closesAfterEach();
const log = memoryLog();
let ca: TestCa;
let pair: TestPair;
let clock: ManualClock;
let secure: SecureServer;
let port: number;
let hello: Buffer;

beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: ['a.test'], serialNumber: '4a11' });
  clock = manualClock();
  secure = createSecureServer(
    { sources: pemPair(pair), logger: log.logger, clock },
    (_request: IncomingMessage, response: ServerResponse) => {
      response.end('page');
    },
  );
  await secure.listen({ port: 0, host: '127.0.0.1' });
  port = portOf(secure.server);
  hello = await captureClientHello({ servername: 'a.test', ALPNProtocols: ['http/1.1'] });
});

afterEach(async () => {
  expect(await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem })).toMatchObject({ body: 'page' });
});

afterAll(async () => {
  await secure.close();
  expect(clock.pendingTimers).toBe(0);
});

const ALERT = 21;
const HANDSHAKE = 22;

/** The alert that a server has sent, or what else its answer begins with. */
function alertOf(answer: Buffer): number | string {
  if (answer.length === 0) return 'nothing';
  if (answer[0] === HANDSHAKE) return 'handshake';
  return answer[0] === ALERT ? (answer[6] ?? 'cut') : answer.toString('latin1');
}

/** What the server answers to a hello whose sender then says nothing more. */
async function answerTo(bytes: Buffer): Promise<number | string> {
  const client = await tcp(port);
  client.once('data', (first: Buffer) => {
    // The server would wait for the rest of the handshake.
    if (first[0] === HANDSHAKE) client.end();
  });
  const answer = untilClosed(client);
  client.write(bytes);
  return alertOf(await answer);
}

/** A connection of which the server has read `bytes`. */
async function connectionWith(bytes: Buffer): Promise<{ client: Socket; socket: Socket }> {
  const accepted = once(secure.server, 'connection') as Promise<[Socket]>;
  const client = keep(await tcp(port));
  const [socket] = await accepted;
  client.write(bytes);
  await until(() => socket.bytesRead === bytes.length, 'the bytes to arrive');
  return { client, socket };
}

describe('a ClientHello in pieces', () => {
  it.each<[string, (flight: Buffer) => Buffer[]]>([
    ['segments of one byte', (flight) => inSegmentsOf(1, flight)],
    ['segments of seven bytes', (flight) => inSegmentsOf(7, flight)],
    ['records of three bytes', (flight) => [inRecordsOf(3, flight)]],
    ['records of 100 bytes', (flight) => [inRecordsOf(100, flight)]],
    ['records of five bytes in segments of two', (flight) => inSegmentsOf(2, inRecordsOf(5, flight))],
    ['one segment', (flight) => [flight]],
  ])('is understood in %s', async (_, cut) => {
    const proxy = keep(await cuttingProxy(port, cut));
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const request = { port: portOf(proxy), host: 'a.test', caPem: ca.rootPem, options: { maxVersion } };
      expect(await nodeHttps(request)).toMatchObject({ body: 'page', protocol: maxVersion });
    }
  });
  it('that is cut off and half-closed is closed', async () => {
    for (const length of [1, 4, 5, 8, 9, 43, hello.length - 1]) {
      const client = keep(await tcp({ port, host: '127.0.0.1', allowHalfOpen: true }));
      const answer = untilClosed(client);
      client.end(hello.subarray(0, length));
      client.once('end', () => client.end());
      expect((await answer).length).toBeLessThan(10);
    }
  });
  it('that is followed by a half-close is closed after the answer', async () => {
    const client = keep(await tcp({ port, host: '127.0.0.1', allowHalfOpen: true }));
    client.end(hello);
    await untilClosed(client);
  });
  it('that never ends is cut after five seconds', async () => {
    const { client, socket } = await connectionWith(hello.subarray(0, 100));
    await clock.advance(4_999);
    expect(socket.destroyed).toBe(false);
    await clock.advance(1);
    await gone(client);
    expect(socket.destroyed).toBe(true);
    expect(secure.metrics()).toContain('{result="CLIENT_HELLO_TIMEOUT"}');
  });
  it('that comes byte by byte gets no more time than that', async () => {
    const { client } = await connectionWith(hello.subarray(0, 1));
    for (let second = 1; second <= 5 && !client.destroyed; second += 1) {
      client.write(hello.subarray(second, second + 1));
      await clock.advance(1_000);
    }
    await gone(client);
  });
  it('that is whole, but whose sender goes silent, is cut by the handshake timeout', async () => {
    const options = { sources: pemPair(pair), logger: log.logger, handshakeTimeoutMs: 500 };
    const impatient = keep(createSecureServer(options, () => undefined));
    await impatient.listen({ port: 0, host: '127.0.0.1' });
    const client = keep(await tcp(portOf(impatient.server)));
    client.write(hello);
    expect(alertOf(await untilClosed(client))).toBe('handshake');
    await until(() => impatient.metrics().includes('{result="HANDSHAKE_TIMEOUT"}'), 'the count');
  });
});

describe('a silent connection', () => {
  it('is cut after five seconds', async () => {
    const clients: Socket[] = [];
    for (let index = 0; index < 20; index += 1) clients.push((await connectionWith(Buffer.alloc(0))).client);
    await clock.advance(5_000);
    await Promise.all(clients.map(gone));
  });
  it('that is half-closed ends at once', async () => {
    const client = keep(await tcp({ port, host: '127.0.0.1', allowHalfOpen: true }));
    client.end();
    await untilClosed(client);
  });
  it('that is reset is forgotten', async () => {
    const { client, socket } = await connectionWith(hello.subarray(0, 20));
    client.resetAndDestroy();
    await gone(socket);
  });
});

describe('bytes that are no hello', () => {
  const decodeError = 50;

  it.each<[string, Buffer]>([
    ['zeros', Buffer.alloc(64)],
    ['ones', Buffer.alloc(64, 0xff)],
    [
      'an SSLv2 hello',
      Buffer.from('802e010301001500000010010080030080070 0c0'.replace(/ /g, '').padEnd(92, '0'), 'hex'),
    ],
    ['an alert', Buffer.from('15030100020228', 'hex')],
    ['application data', Buffer.from('170303000568656c6c6f', 'hex')],
    ['a ServerHello', inRecord(Buffer.from('0200000403030000', 'hex'))],
    ['an empty record', Buffer.from('1603010000', 'hex')],
    ['a record that is too long', Buffer.from('160301ffff01', 'hex')],
    ['a record of another major version', Buffer.from('160901000401000000', 'hex')],
    ['a hello without body', inRecord(Buffer.from('01000000', 'hex'))],
    ['a hello that claims 16 MB', inRecord(Buffer.from('01ffffff03030000', 'hex'))],
  ])('such as %s are refused with decode_error', async (_, bytes) => {
    expect(await answerTo(bytes)).toBe(decodeError);
  });
  it('such as a PROXY header of version 2 are closed without a word', async () => {
    expect(await answerTo(Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex'))).toBe('nothing');
  });
  it('at random neither stay open nor do harm', async () => {
    const answers = Array.from({ length: 100 }, (_, index) => {
      const bytes = randomBytes(1 + ((index * 37) % 400));
      // A record header that promises more would be waited for; that is tested above.
      if (bytes[0] === HANDSHAKE) bytes[0] = 0;
      return exchange(port, bytes);
    });
    await clock.advance(5_000);
    const ended = Promise.all(answers);
    const ticking = setInterval(() => void clock.advance(1_000), 20);
    await ended;
    clearInterval(ticking);
  });
  it('after a real hello only spoil their own connection', async () => {
    for (let index = 0; index < hello.length; index += 7) {
      const spoilt = Buffer.from(hello);
      spoilt[index] = (spoilt[index] ?? 0) ^ 0xff;
      const client = await tcp(port);
      const closed = untilClosed(client);
      client.end(spoilt);
      await closed;
    }
  });
});

describe('an oversized hello', () => {
  const filler = (bytes: number) => [
    'http/1.1',
    ...Array.from({ length: bytes / 200 }, () => 'x'.repeat(199)),
  ];

  it.each([2_000, 12_000])(
    'of about %d bytes, as post-quantum key shares make it, is served',
    async (bytes) => {
      const options: ConnectionOptions = { ALPNProtocols: filler(bytes) };
      const request = { port, host: 'a.test', caPem: ca.rootPem, options: options as RequestOptions };
      expect(await nodeHttps(request)).toMatchObject({ body: 'page', alpn: 'http/1.1' });
    },
  );
  it('of more than 16 KiB is refused with decode_error', async () => {
    const flight = await captureClientHello({ ALPNProtocols: filler(16_400) });
    expect(handshakeMessageOf(flight).length).toBeGreaterThan(16_384);
    expect(await answerTo(flight)).toBe(50);
    expect(secure.metrics()).toContain('{result="CLIENT_HELLO_TOO_LARGE"}');
  });
  it('that is spread over endless tiny records is refused', async () => {
    const claim = Buffer.concat([Buffer.from('01003fff', 'hex'), Buffer.alloc(0x3fff)]);
    const records = inRecordsOf(1, inRecord(claim));
    const client = keep(await tcp(port));
    const answer = untilClosed(client);
    await writeSegments(client, inSegmentsOf(8_192, records));
    expect(alertOf(await answer)).toBe(50);
  });
});

describe('HelloRetryRequest', () => {
  it('is gone through with a client whose first key share the server does not take', async () => {
    const seen = await sClient({
      port,
      host: 'a.test',
      caPem: ca.rootPem,
      groups: 'P-521:P-384',
      protocol: 'tls1_3',
    });
    expect(seen).toMatchObject({
      isConnected: true,
      verifyCode: 0,
      temporaryKey: expect.stringContaining('384'),
    });
  });
  it('is gone through when the first hello comes in tiny records', async () => {
    const proxy = keep(await cuttingProxy(port, (flight) => inSegmentsOf(50, inRecordsOf(10, flight))));
    const seen = await sClient({
      port: portOf(proxy),
      host: 'a.test',
      caPem: ca.rootPem,
      groups: 'P-521:P-256',
    });
    expect(seen).toMatchObject({ isConnected: true, temporaryKey: expect.stringContaining('256') });
  });
  it('does not help a client that shares no group', async () => {
    const seen = await sClient({ port, host: 'a.test', groups: 'P-521', protocol: 'tls1_3' });
    expect(seen).toMatchObject({ isConnected: false, alert: 40 });
  });
});

describe('a server name', () => {
  it.each(['A.TEST', 'a.test.', 'A.Test.'])(
    '%s is the name in lower case without dot',
    async (servername) => {
      const client = await tls(port, { servername, ca: ca.rootPem, checkServerIdentity: () => undefined });
      expect(client.getPeerCertificate().serialNumber).toBe('4A11');
      client.destroy();
    },
  );
  it.each<[string, Buffer]>([
    ['a path', Buffer.from('../../x')],
    ['an absolute path', Buffer.from('/etc/passwd')],
    ['a leading hyphen', Buffer.from('-x')],
    ['an empty label', Buffer.from('a..test')],
    ['a dot', Buffer.from('.')],
    ['a wildcard', Buffer.from('*.test')],
    ['300 characters', Buffer.alloc(300, 'x')],
    ['12,000 characters', Buffer.alloc(12_000, 'x')],
    ['a label of 64 characters', Buffer.from(`${'x'.repeat(64)}.test`)],
    ['a NUL', Buffer.from('a.test\0.evil.test')],
    ['raw UTF-8', Buffer.from('bücher.test')],
    ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0x80])],
    ['a line break', Buffer.from('a.test\r\nx')],
    ['a space', Buffer.from('a test')],
    ['a zone', Buffer.from('fe80::1%eth0')],
    ['an escape sequence', Buffer.from('\x1b[31mred')],
    ['a property of objects', Buffer.from('__proto__!')],
  ])('with %s is refused with unrecognized_name', async (_, name) => {
    expect(await answerTo(await helloWithName(name))).toBe(112);
  });
  it('that is empty is refused with decode_error', async () => {
    expect(await answerTo(await helloWithName(Buffer.alloc(0)))).toBe(50);
  });
  it.each(['__proto__', 'constructor', 'hasownproperty', '127.0.0.1', '::1', 'unknown.test'])(
    '%s gets the default certificate',
    async (name) => {
      expect(await answerTo(await helloWithName(Buffer.from(name)))).toBe('handshake');
    },
  );
  it('never reaches the log with anything but printable characters', () => {
    const text = JSON.stringify(log.lines);
    expect(text).toContain('SERVER_NAME_INVALID');
    expect(text).not.toMatch(/\\u0000|\\u001b|\\r|\\n|bücher/);
  });
});

describe('many at once', () => {
  it('do not keep a normal client from its page', async () => {
    const hostile = Array.from({ length: 200 }, async (_, index) => {
      const socket = await tcp(port);
      socket.write(index % 2 === 0 ? hello.subarray(0, 50) : randomBytes(20).fill(0, 0, 1));
      return socket;
    });
    const sockets = await Promise.all(hostile);
    expect(await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem })).toMatchObject({ body: 'page' });
    for (const socket of sockets) socket.destroy();
    await Promise.all(sockets.map(gone));
  });
});
