// Policies: names with rules of their own behind one port, and requests that come in by the wrong door.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  constants,
  createSecureServer as createHttp2Server,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import {
  type AttachableServer,
  createSecureServer,
  pemPair,
  type SecureServer,
  type SecureServerOptions,
} from '../../src/index.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { closesAfterEach } from './support/cleanup.js';
import { memoryLog } from './support/log.js';
import { until } from '../support/until.js';
import { gone, http1Get, http2Session, portOf, tcp, tls, untilClosed } from './support/connections.js';
import { retriedHandshake } from './support/retrying-client.js';

const keep = closesAfterEach();
let ca: TestCa;
let pair: TestPair;

beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: ['open.test', 'strict.test', '*.b.test', 'x.b.test'] });
});

const POLICIES = {
  'strict.test': { minVersion: 'TLSv1.3' },
  '*.B.test.': { maxVersion: 'TLSv1.2' },
} as const;

/** What reached the application, and how. */
interface Served {
  readonly secure: SecureServer;
  readonly port: number;
  readonly seen: string[];
}

async function serve(
  app: (seen: string[]) => AttachableServer,
  options: SecureServerOptions = {},
): Promise<Served> {
  const seen: string[] = [];
  const secure = createSecureServer(
    { sources: pemPair(pair), policies: POLICIES, logger: false, ...options },
    app(seen),
  );
  keep(secure);
  await secure.listen({ port: 0, host: '127.0.0.1' });
  return { secure, seen, port: portOf(secure.server) };
}

function answering(seen: string[]): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    seen.push(`${request.method ?? ''} ${request.headers.host ?? '-'}`);
    response.end('app');
  };
}

/** The servers whose requests come by HTTP/1.1, of every kind that can be attached. */
const HTTP1_SERVERS: readonly (readonly [string, (seen: string[]) => AttachableServer])[] = [
  ['an http.Server', (seen) => createHttpServer(answering(seen))],
  ['an https.Server', (seen) => createHttpsServer({}, answering(seen))],
  ['an Http2SecureServer', (seen) => createHttp2Server({ allowHTTP1: true }, answering(seen) as never)],
];

/** Sends one request on a connection of its own, answers the whole response. */
async function ask(port: number, serverName: string, head: string): Promise<string> {
  const socket = await open(port, serverName);
  const answer = untilClosed(socket);
  socket.write(`${head}\r\nconnection: close\r\n\r\n`);
  return (await answer).toString();
}

describe.each(HTTP1_SERVERS)('over HTTP/1.1 in front of %s', (_, app) => {
  it('a request for another policy than that of its connection is answered 421, and the application never sees it', async () => {
    const { port, seen } = await serve(app);
    expect(await ask(port, 'strict.test', 'GET / HTTP/1.1\r\nhost: strict.test')).toMatch(/^HTTP\/1.1 200/);
    expect(await ask(port, 'open.test', 'GET / HTTP/1.1\r\nhost: open.test')).toMatch(/^HTTP\/1.1 200/);
    const before = seen.length;
    for (const [serverName, host] of [
      ['open.test', 'strict.test'],
      ['strict.test', 'open.test'],
      ['x.b.test', 'strict.test'],
      ['open.test', 'y.b.test'],
      ['open.test', 'STRICT.test.:443'],
      ['', 'strict.test'],
    ] as const) {
      expect(await ask(port, serverName, `GET / HTTP/1.1\r\nhost: ${host}`)).toMatch(/^HTTP\/1.1 421 /);
    }
    expect(before).toBe(2);
    expect(seen).toHaveLength(2);
  });

  it('also the later requests of a kept connection are looked at, and it stays usable', async () => {
    const { port, seen } = await serve(app);
    const socket = await open(port, 'open.test');
    for (const [host, status] of [
      ['open.test', 200],
      ['strict.test', 421],
      ['open.test', 200],
    ] as const) {
      socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      expect(chunk.toString()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    }
    expect(seen).toEqual(['GET open.test', 'GET open.test']);
  });

  it('a missing or empty Host counts as the name of the connection', async () => {
    const { port, seen } = await serve(app);
    expect(await ask(port, 'strict.test', 'GET / HTTP/1.0')).toMatch(/^HTTP\/1.1 200 /);
    expect(await ask(port, 'strict.test', 'GET / HTTP/1.1\r\nhost:')).toMatch(/^HTTP\/1.1 200 /);
    expect(seen).toHaveLength(2);
  });

  it('a target in absolute form overrides the Host header, also for the application', async () => {
    const { port, seen } = await serve(app);
    const absolute = (host: string): string => `GET https://${host}/x?y=@open.test HTTP/1.1\r\nhost: `;
    expect(await ask(port, 'open.test', `${absolute('strict.test')}open.test`)).toMatch(/^HTTP\/1.1 421 /);
    expect(await ask(port, 'open.test', `${absolute('open.test:8443')}strict.test`)).toMatch(
      /^HTTP\/1.1 200 /,
    );
    expect(seen).toEqual(['GET open.test:8443']);
  });

  it.each([
    'host: open.test\r\nhost: strict.test',
    'host: user@strict.test',
    'host: strict.test/',
    'host: strict.test, open.test',
    'host: strict%2Etest',
    'host: [strict.test]',
    'host: https://strict.test',
    'host: open.test:80:90',
  ])("a header that can be read in two ways is nobody's: %j", async (header) => {
    const { port, seen } = await serve(app);
    // Node answers some of them with 400 by itself.
    expect(await ask(port, 'open.test', `GET / HTTP/1.1\r\n${header}`)).toMatch(/^HTTP\/1.1 4(21|00) /);
    expect(seen).toEqual([]);
  });

  it("a target that is neither a path nor an URL is nobody's", async () => {
    const { port, seen } = await serve(app);
    expect(await ask(port, 'open.test', 'GET strict.test HTTP/1.1\r\nhost: open.test')).toMatch(
      /^HTTP\/1.1 4(21|00) /,
    );
    expect(await ask(port, 'open.test', 'OPTIONS * HTTP/1.1\r\nhost: strict.test')).toMatch(
      /^HTTP\/1.1 421 /,
    );
    expect(await ask(port, 'open.test', 'OPTIONS * HTTP/1.1\r\nhost: open.test')).toMatch(/^HTTP\/1.1 200 /);
    expect(seen).toEqual(['OPTIONS open.test']);
  });

  it('neither does an application that listens for Expect see it', async () => {
    const { port, seen, secure } = await serve(app);
    const listen = (event: string): void => {
      secure.server.on(event, (request: IncomingMessage, response: ServerResponse) => {
        seen.push(`${event} ${request.headers.host ?? ''}`);
        response.end('app');
      });
    };
    listen('checkContinue');
    listen('checkExpectation');
    const post = (host: string, expect: string): string =>
      `POST / HTTP/1.1\r\nhost: ${host}\r\nexpect: ${expect}\r\ncontent-length: 0`;
    for (const expectation of ['100-continue', 'something']) {
      expect(await ask(port, 'open.test', post('strict.test', expectation))).toMatch(/^HTTP\/1.1 421 /);
      expect(await ask(port, 'open.test', post('open.test', expectation))).toMatch(/^HTTP\/1.1 200 /);
    }
    expect(seen).toEqual(['checkContinue open.test', 'checkExpectation open.test']);
  });

  it('an upgrade or CONNECT for another policy is answered 421, and one for its own reaches the application', async () => {
    const { port, seen, secure } = await serve(app);
    const take = (request: IncomingMessage, socket: TLSSocket): void => {
      seen.push(`${request.method ?? ''} ${request.headers.host ?? ''}`);
      socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n');
    };
    secure.server.on('upgrade', take as never);
    secure.server.on('connect', take as never);
    const upgrade = (host: string): string =>
      `GET / HTTP/1.1\r\nhost: ${host}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n`;
    const exchanged = async (bytes: string): Promise<string> => {
      const socket = await open(port, 'open.test');
      const answer = untilClosed(socket);
      socket.write(bytes);
      return (await answer).toString();
    };
    expect(await exchanged(upgrade('strict.test'))).toMatch(/^HTTP\/1.1 421 .*content-length: \d+/s);
    expect(await exchanged(upgrade('open.test'))).toMatch(/^HTTP\/1.1 101 /);
    expect(await exchanged('CONNECT strict.test:443 HTTP/1.1\r\nhost: open.test\r\n\r\n')).toMatch(
      /^HTTP\/1.1 421 /,
    );
    expect(await exchanged('CONNECT open.test:443 HTTP/1.1\r\nhost: open.test\r\n\r\n')).toMatch(
      /^HTTP\/1.1 101 /,
    );
    expect(seen).toEqual(['GET open.test', 'CONNECT open.test:443']);
  });
});

describe('over HTTP/2', () => {
  const app = (seen: string[]): AttachableServer =>
    createHttp2Server({ allowHTTP1: true }, answering(seen) as never);

  it('a stream for another policy is answered 421, and its session stays usable', async () => {
    const { port, seen, secure } = await serve(app);
    const streams: unknown[] = [];
    secure.server.on('stream', (_stream: ServerHttp2Stream, headers: OutgoingHttpHeaders) => {
      streams.push(headers[':authority']);
    });
    const session = keep(await http2Session(port, { servername: 'open.test', ca: ca.rootPem }));
    expect(session.alpnProtocol).toBe('h2');
    const statusOf = async (headers: OutgoingHttpHeaders): Promise<unknown> => {
      const stream = session.request({ ':path': '/', ...headers });
      let status: unknown;
      stream.on('response', (answer) => (status = answer[':status']));
      // Newer Nodes refuse some authorities by themselves.
      stream.on('error', () => (status = 'refused'));
      stream.resume();
      await new Promise((resolve) => stream.once('close', resolve));
      return status;
    };
    expect(await statusOf({ ':authority': 'open.test' })).toBe(200);
    expect(await statusOf({ ':authority': 'strict.test' })).toBe(421);
    expect(await statusOf({ ':authority': 'open.test', host: 'strict.test' })).toBe(421);
    expect(await statusOf({ ':authority': 'STRICT.test:443' })).toBe(421);
    expect([421, 'refused']).toContain(await statusOf({ ':authority': 'user@open.test' }));
    expect(await statusOf({ host: 'strict.test' })).toBe(421);
    expect(await statusOf({ host: 'open.test' })).toBe(200);
    expect(streams).toHaveLength(2);
    expect(seen).toHaveLength(2);
  });

  it('a connection without a server name has the default rules, and its streams for others are answered 421', async () => {
    const { port, seen } = await serve(app);
    const unchecked = { checkServerIdentity: () => undefined };
    const session = keep(await http2Session(port, { servername: '', ca: ca.rootPem, ...unchecked }));
    const statusOf = async (authority: string): Promise<unknown> => {
      const stream = session.request({ ':path': '/', ':authority': authority });
      const [headers] = (await once(stream, 'response')) as [OutgoingHttpHeaders];
      stream.resume();
      return headers[':status'];
    };
    for (const [authority, status] of [
      ['open.test', 200],
      ['strict.test', 421],
      ['y.b.test', 421],
      ['127.0.0.1', 200],
    ] as const)
      expect(await statusOf(authority)).toBe(status);
    expect(seen).toHaveLength(2);
  });

  it('CONNECT for another policy is answered 421, with a protocol (RFC 8441) and without, and one for its own is not', async () => {
    const streams: unknown[] = [];
    const { port } = await serve(() => {
      const server = createHttp2Server({ allowHTTP1: true, settings: { enableConnectProtocol: true } });
      // Without it, node answers CONNECT with 405 by itself.
      server.on('connect', () => undefined);
      server.on('stream', (stream: ServerHttp2Stream, headers: OutgoingHttpHeaders) => {
        streams.push([headers[':method'], headers[':authority'], headers[':protocol']]);
        stream.respond({ ':status': 200 }, { endStream: true });
      });
      return server;
    });
    const session = keep(await http2Session(port, { servername: 'open.test', ca: ca.rootPem }));
    await until(() => session.remoteSettings.enableConnectProtocol === true, 'the settings');
    const statusOf = async (headers: OutgoingHttpHeaders): Promise<unknown> => {
      const stream = session.request({ ':method': 'CONNECT', ...headers }, { endStream: false });
      const [answer] = (await once(stream, 'response')) as [OutgoingHttpHeaders];
      stream.resume().end();
      return answer[':status'];
    };
    const websocket = { ':protocol': 'websocket', ':path': '/', ':scheme': 'https' };
    expect(await statusOf({ ':authority': 'strict.test:443' })).toBe(421);
    expect(await statusOf({ ':authority': 'strict.test', ...websocket })).toBe(421);
    expect(streams).toEqual([]);
    expect(await statusOf({ ':authority': 'open.test:443' })).toBe(200);
    expect(await statusOf({ ':authority': 'open.test', ...websocket })).toBe(200);
    expect(streams).toEqual([
      ['CONNECT', 'open.test:443', undefined],
      ['CONNECT', 'open.test', 'websocket'],
    ]);
  });

  it('a stream that its client resets while it is answered 421 ends nothing else', async () => {
    const { port, secure } = await serve(app);
    const session = keep(await http2Session(port, { servername: 'open.test', ca: ca.rootPem }));
    for (let times = 0; times < 20; times += 1) {
      const stream = session.request({ ':path': '/', ':authority': 'strict.test', ':method': 'POST' });
      stream.on('error', () => undefined);
      stream.close(constants.NGHTTP2_CANCEL);
      await once(stream, 'close');
    }
    const last = session.request({ ':path': '/', ':authority': 'open.test' });
    const [headers] = (await once(last, 'response')) as [{ ':status'?: number }];
    last.resume();
    expect(headers[':status']).toBe(200);
    expect(secure.server.listening).toBe(true);
  });
});

describe('a policy', () => {
  it('has versions of its own', async () => {
    const { port } = await serve((seen) => createHttpServer(answering(seen)));
    const protocolOf = async (servername: string, options: object = {}): Promise<string | null> => {
      const socket = await open(port, servername, options);
      return socket.getProtocol();
    };
    expect(await protocolOf('open.test', { maxVersion: 'TLSv1.2' })).toBe('TLSv1.2');
    await expect(protocolOf('strict.test', { maxVersion: 'TLSv1.2' })).rejects.toThrow();
    expect(await protocolOf('strict.test')).toBe('TLSv1.3');
    expect(await protocolOf('a.b.test')).toBe('TLSv1.2');
    expect(await protocolOf('A.B.Test.')).toBe('TLSv1.2');
  });

  it('has ciphers, groups and tickets of its own', async () => {
    const { port } = await serve((seen) => createHttpServer(answering(seen)), {
      policies: {
        'strict.test': {
          maxVersion: 'TLSv1.2',
          ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384',
          groups: ['P-384'],
          sessionTickets: false,
        },
      },
    });
    const options = {
      maxVersion: 'TLSv1.2',
      ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384',
    };
    const strict = await open(port, 'strict.test', options);
    expect(strict.getCipher().name).toBe('ECDHE-ECDSA-AES256-GCM-SHA384');
    expect(strict.getEphemeralKeyInfo()).toMatchObject({ size: 384 });
    expect(strict.getTLSTicket()).toBeUndefined();
    const usual = await open(port, 'open.test', options);
    expect(usual.getCipher().name).toBe('ECDHE-ECDSA-AES128-GCM-SHA256');
    expect(usual.getTLSTicket()).toBeDefined();
  });

  it('is an exact one before a wildcard', async () => {
    const { port } = await serve((seen) => createHttpServer(answering(seen)), {
      policies: { '*.b.test': { maxVersion: 'TLSv1.2' }, 'x.b.test': { minVersion: 'TLSv1.3' } },
    });
    expect((await open(port, 'x.b.test')).getProtocol()).toBe('TLSv1.3');
    expect((await open(port, 'y.b.test')).getProtocol()).toBe('TLSv1.2');
  });

  it('leaves everything else of the application as it was: keep-alive, closing, listeners of its own', async () => {
    const { port, secure, seen } = await serve((seen) => createHttpsServer({}, answering(seen)));
    const sockets: unknown[] = [];
    secure.server.once('secureConnection', (socket: unknown) => sockets.push(socket));
    const socket = await open(port, 'open.test');
    expect(await http1Get(socket, '/')).toMatch(/^HTTP\/1.1 200 /);
    expect(await http1Get(socket, '/')).toMatch(/connection: keep-alive/i);
    const closed = untilClosed(socket);
    await secure.close({ graceMs: 60_000 });
    await closed;
    expect(sockets).toHaveLength(1);
    expect(seen).toHaveLength(2);
  });

  it('is told of in the log once, and counted, without the name that a stranger has sent', async () => {
    const log = memoryLog();
    const { port, secure } = await serve((seen) => createHttpServer(answering(seen)), { logger: log.logger });
    for (let times = 0; times < 3; times += 1) {
      await ask(port, 'open.test', 'GET / HTTP/1.1\r\nhost: strict.test');
    }
    const lines = log.lines.filter(({ facts }) => facts['code'] === 'REQUEST_MISDIRECTED');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 'info', facts: { policy: 'default' } });
    expect(secure.metrics()).toContain('tlsmith_misdirected_requests_total{policy="default"} 3');
  });
});

describe('a client that is asked for another hello by HelloRetryRequest', () => {
  it.each([
    ['strict.test', 'strict.test', 'completed'],
    ['open.test', 'strict.test', 'SERVER_NAME_CHANGED'],
    ['strict.test', 'open.test', 'SERVER_NAME_CHANGED'],
    ['open.test', 'other.test', 'completed'],
  ])('and asks for %s and then for %s: %s', async (first, second, result) => {
    const log = memoryLog();
    const { port, secure } = await serve((seen) => createHttpsServer({}, answering(seen)), {
      logger: log.logger,
    });
    const reached: unknown[] = [];
    secure.server.on('secureConnection', (socket: unknown) => reached.push(socket));
    const socket = keep(await tcp(port));
    const alert = await retriedHandshake(socket, [first, second]);
    const told = () => log.lines.filter(({ facts }) => facts['code'] === 'SERVER_NAME_CHANGED');
    if (alert !== undefined && first !== second) {
      // Newer Nodes refuse every change by themselves.
      expect(alert).toBe(47);
      await until(() => told().length > 0, 'the log line');
      expect(told()).toMatchObject([{ level: 'warn', facts: { remoteAddress: '127.0.0.1' } }]);
      expect(reached).toEqual([]);
      return;
    }
    await until(
      () => secure.metrics().includes(`tlsmith_handshakes_total{result="${result}"} 1`),
      'the count',
    );
    const isChanged = result === 'SERVER_NAME_CHANGED';
    expect(reached).toHaveLength(isChanged ? 0 : 1);
    if (isChanged) await gone(socket);
    expect(told()).toMatchObject(
      isChanged ? [{ level: 'warn', facts: { remoteAddress: '127.0.0.1', serverName: second } }] : [],
    );
  });
});

/** A connection whose server name may be any, an empty one for none. */
async function open(port: number, servername: string, options: object = {}): Promise<TLSSocket> {
  const unchecked = { checkServerIdentity: () => undefined };
  return keep(await tls(port, { servername, ca: ca.rootPem, ...unchecked, ...options }));
}
