import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Credential } from '../../src/credential/credential.js';
import { LONGEST_QUEUE, LONGEST_QUEUE_FOR_A_NAME } from '../../src/handshake/waiting-queue.js';
import { HELLO_TIMEOUT_MS } from '../../src/handshake/hello-phase.js';
import { MOST_UNSECURED_OF_AN_ADDRESS } from '../../src/handshake/unsecured-connections.js';
import type { CertificateSource } from '../../src/sources/certificate-source.js';
import { captureClientHello, inSegmentsOf, writeSegments } from '../support/raw-client-hello.js';
import { hello, message, record, serverName } from './support/hello-builder.js';
import {
  alertRecord,
  exchange,
  handshake,
  type RoutedServerOptions,
  routedServer,
  type RoutedServer,
} from './support/routed-server.js';
import { answering, credentialFor, sourceOf } from './support/sources.js';

const DECODE_ERROR = 50;
const HANDSHAKE_FAILURE = 40;
const INTERNAL_ERROR = 80;
const UNRECOGNIZED_NAME = 112;

const opened: RoutedServer[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((server) => server.close()));
});

async function routed(
  sources: readonly CertificateSource[],
  options?: RoutedServerOptions,
): Promise<RoutedServer> {
  const server = await routedServer(sources, options);
  opened.push(server);
  return server;
}

describe('a connection', () => {
  it('whose name is known gets the certificate for it', async () => {
    const [a, b] = [await credentialFor('a.test'), await credentialFor('b.test')];
    const server = await routed([sourceOf(a, b)]);
    const client = await handshake(server.port, { servername: 'b.test' });
    expect(client.fingerprint256).toBe(b.fingerprint256);
    expect(server.refusals).toEqual([]);
  });

  it('whose name is in upper case or ends in a dot gets the certificate for it', async () => {
    const [a, b] = [await credentialFor('a.test'), await credentialFor('b.test')];
    const server = await routed([sourceOf(a, b)]);
    for (const name of ['B.Test', 'b.test.']) {
      const client = await handshake(server.port, { servername: name });
      expect(client.fingerprint256).toBe(b.fingerprint256);
    }
  });

  it('whose name is unknown gets the default, or alert 112 where unknown names are refused', async () => {
    const a = await credentialFor('a.test');
    const lenient = await routed([sourceOf(a)]);
    const client = await handshake(lenient.port, { servername: 'unknown.test' });
    expect(client.fingerprint256).toBe(a.fingerprint256);
    const strict = await routed([sourceOf(a)], { refusesUnknownNames: true });
    const answer = await exchange(strict.port, await captureClientHello({ servername: 'unknown.test' }));
    expect(answer.equals(alertRecord(UNRECOGNIZED_NAME))).toBe(true);
    expect(strict.refusals).toEqual([
      expect.objectContaining({ code: 'SERVER_NAME_UNKNOWN', serverName: 'unknown.test' }),
    ]);
    expect(strict.secured).toEqual([]);
  });

  it('without a name gets the default also where unknown names are refused', async () => {
    const a = await credentialFor('a.test');
    const server = await routed([sourceOf(a)], { refusesUnknownNames: true });
    const client = await handshake(server.port);
    expect(client.fingerprint256).toBe(a.fingerprint256);
  });

  it('without a name is told handshake_failure when there is no default', async () => {
    const server = await routed([answering(() => undefined)]);
    const answer = await exchange(server.port, await captureClientHello());
    expect(answer.equals(alertRecord(HANDSHAKE_FAILURE))).toBe(true);
    expect(server.refusals.map(({ code }) => code)).toEqual(['SERVER_NAME_UNKNOWN']);
  });

  it.each([
    ['../../etc/passwd', '../../etc/passwd'],
    ['-x', '-x'],
    ['a\0b.test', 'a?b.test'],
    ['m\u00fcnchen.test', 'm??nchen.test'],
    ['a'.repeat(300), `${'a'.repeat(80)}…`],
    ['1.2.3', '1.2.3'],
  ])(
    'that asks for %j is refused with alert 112, and logged without its raw bytes',
    async (name, printed) => {
      const server = await routed([sourceOf(await credentialFor('a.test'))]);
      const answer = await exchange(server.port, hello([serverName(name)]));
      expect(answer.equals(alertRecord(UNRECOGNIZED_NAME))).toBe(true);
      expect(server.refusals).toEqual([
        expect.objectContaining({ code: 'SERVER_NAME_INVALID', serverName: printed }),
      ]);
    },
  );

  it.each<readonly [string, string, Buffer]>([
    ['malformed', 'CLIENT_HELLO_INVALID', record(message(1, Buffer.alloc(3)))],
    ['oversized', 'CLIENT_HELLO_TOO_LARGE', Buffer.from([22, 3, 1, 0x40, 0, 1, 1, 0, 0])],
  ])('whose hello is %s is told decode_error', async (_what, code, bytes) => {
    const server = await routed([sourceOf(await credentialFor('a.test'))]);
    expect((await exchange(server.port, bytes)).equals(alertRecord(DECODE_ERROR))).toBe(true);
    expect(server.refusals.map((refusal) => refusal.code)).toEqual([code]);
  });

  it('that speaks plain HTTP is handed to who answers it', async () => {
    const server = await routed([sourceOf(await credentialFor('a.test'))]);
    await exchange(server.port, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    expect(server.plain).toHaveLength(1);
    expect(server.refusals.map(({ code }) => code)).toEqual(['TLS_PLAIN_HTTP_ON_TLS_PORT']);
  });

  it('that stays silent, or stops in the middle of its hello, is destroyed after five seconds', async () => {
    const server = await routed([sourceOf(await credentialFor('a.test'))]);
    for (const bytes of [Buffer.alloc(0), (await captureClientHello()).subarray(0, 50)]) {
      const client = connect(server.port, '127.0.0.1');
      client.resume();
      if (bytes.length > 0) client.write(bytes);
      while (server.clock.pendingTimers === 0) await new Promise(setImmediate);
      const [refused, closed] = [server.nextRefusal(), once(client, 'close')];
      await server.clock.advance(HELLO_TIMEOUT_MS);
      expect((await refused).code).toBe('CLIENT_HELLO_TIMEOUT');
      await closed;
    }
    expect(server.clock.pendingTimers).toBe(0);
  });

  it('that is closed by its client in the middle of the hello leaves nothing behind', async () => {
    const server = await routed([sourceOf(await credentialFor('a.test'))]);
    const client = connect(server.port, '127.0.0.1');
    client.end((await captureClientHello()).subarray(0, 50));
    client.resume();
    await once(client, 'close');
    expect(server.router.size).toBe(0);
    server.router.close();
    expect(server.clock.pendingTimers).toBe(0);
  });

  it('whose hello comes byte by byte is served', async () => {
    const server = await routed([sourceOf(await credentialFor('a.test'))]);
    const client = connect(server.port, '127.0.0.1');
    const answered = once(client, 'data');
    await writeSegments(client, inSegmentsOf(1, await captureClientHello({ servername: 'a.test' })));
    const [answer] = (await answered) as [Buffer];
    expect(answer[0]).toBe(22);
    client.destroy();
  });

  it('is told internal_error when its TLS server cannot be made', async () => {
    const server = await routed([sourceOf(await credentialFor('a.test'))], {
      serverFor: () => {
        throw new Error('out of contexts');
      },
    });
    const answer = await exchange(server.port, await captureClientHello({ servername: 'a.test' }));
    expect(answer.equals(alertRecord(INTERNAL_ERROR))).toBe(true);
    expect(server.refusals).toEqual([
      expect.objectContaining({ code: 'HANDSHAKE_FAILED', cause: expect.anything() as unknown }),
    ]);
  });

  it('that is reset by its client harms nobody', async () => {
    const server = await routed([sourceOf(await credentialFor('a.test'))]);
    const client = connect(server.port, '127.0.0.1');
    await once(client, 'connect');
    client.resetAndDestroy();
    await expect(handshake(server.port, { servername: 'a.test' })).resolves.toBeDefined();
  });
});

describe('a name that is not ready yet', () => {
  it('is waited for before TLS begins, and served when it comes', async () => {
    const credential = await credentialFor('a.test');
    let settle: (value: Credential) => void = () => undefined;
    const pending = new Promise<Credential>((resolve) => (settle = resolve));
    let asked: () => void = () => undefined;
    const wasAsked = new Promise<void>((resolve) => (asked = resolve));
    const server = await routed([
      answering(() => {
        asked();
        return { pending };
      }),
    ]);
    const client = handshake(server.port, { servername: 'a.test' });
    await wasAsked;
    expect(server.router.waiting).toBe(1);
    settle(credential);
    expect((await client).fingerprint256).toBe(credential.fingerprint256);
    expect(server.router.waiting).toBe(0);
  });

  it('falls back to the default when it does not come, or is refused where unknown names are', async () => {
    const credential = await credentialFor('a.test');
    const never = answering(() => Promise.resolve(undefined));
    const lenient = await routed([never, sourceOf(credential)]);
    const client = await handshake(lenient.port, { servername: 'b.test' });
    expect(client.fingerprint256).toBe(credential.fingerprint256);
    const strict = await routed([never], { refusesUnknownNames: true });
    const answer = await exchange(strict.port, await captureClientHello({ servername: 'b.test' }));
    expect(answer.equals(alertRecord(UNRECOGNIZED_NAME))).toBe(true);
  });

  it('is no longer waited for when its client has gone', async () => {
    let settle: (value: undefined) => void = () => undefined;
    const pending = new Promise<undefined>((resolve) => (settle = resolve));
    let asked: () => void = () => undefined;
    const wasAsked = new Promise<void>((resolve) => (asked = resolve));
    const server = await routed([
      answering(() => {
        asked();
        return pending;
      }),
    ]);
    const client = connect(server.port, '127.0.0.1');
    client.on('error', () => undefined);
    client.write(await captureClientHello({ servername: 'a.test' }));
    await wasAsked;
    server.router.destroy('unsecured');
    await once(client, 'close');
    settle(undefined);
    await new Promise(setImmediate);
    expect(server.refusals).toEqual([]);
    expect(server.router.waiting).toBe(0);
  });

  it('is no longer waited for when its client hangs up, or sends more than it may before it is answered', async () => {
    for (const leave of [
      (client: Socket) => client.end(),
      (client: Socket) => client.write(Buffer.alloc(100_000)),
    ]) {
      let asked: () => void = () => undefined;
      const wasAsked = new Promise<void>((resolve) => (asked = resolve));
      const server = await routed([
        answering(() => {
          asked();
          return new Promise<undefined>(() => undefined);
        }),
      ]);
      const client = connect(server.port, '127.0.0.1');
      client.on('error', () => undefined);
      client.resume();
      client.write(await captureClientHello({ servername: 'a.test' }));
      await wasAsked;
      const closed = once(client, 'close');
      leave(client);
      await closed.catch(() => undefined);
      while (server.router.size > 0) await new Promise(setImmediate);
    }
  });

  it('is told internal_error when the resolver itself fails', async () => {
    const server = await routed([], {
      resolver: { find: () => Promise.reject(new Error('bug')), default: () => undefined } as never,
    });
    const answer = await exchange(server.port, await captureClientHello({ servername: 'a.test' }));
    expect(answer.equals(alertRecord(INTERNAL_ERROR))).toBe(true);
  });

  it(`holds ${LONGEST_QUEUE} connections at most; for more, later sources answer`, async () => {
    const fallback = await credentialFor('a.test');
    const never = answering(() => ({ pending: new Promise<Credential>(() => undefined) }));
    const server = await routed([never, sourceOf(fallback)]);
    const clients: Socket[] = [];
    for (const [name, length] of [
      ['b.test', LONGEST_QUEUE_FOR_A_NAME],
      ['c.test', LONGEST_QUEUE],
    ] as const) {
      clients.push(...(await waitingClients(server, { name, length })));
    }
    const client = await handshake(server.port, { servername: 'a.test' });
    expect(client.fingerprint256).toBe(fallback.fingerprint256);
    for (const waiting of clients) waiting.destroy();
  }, 30_000);

  it('makes clients without a name wait for the default', async () => {
    const credential = await credentialFor('a.test');
    const slow = { ...answering(() => undefined), default: () => Promise.resolve(credential) };
    const server = await routed([slow]);
    const client = await handshake(server.port);
    expect(client.fingerprint256).toBe(credential.fingerprint256);
  });

  it('leaves room for other names when one hangs', async () => {
    const fallback = await credentialFor('a.test');
    const never = answering(() => ({ pending: new Promise<Credential>(() => undefined) }));
    const server = await routed([never, sourceOf(fallback)]);
    const clients = await waitingClients(server, { name: 'A.test', length: LONGEST_QUEUE_FOR_A_NAME });
    const client = await handshake(server.port, { servername: 'a.test' });
    expect(client.fingerprint256).toBe(fallback.fingerprint256);
    clients.push(...(await waitingClients(server, { name: 'b.test', length: LONGEST_QUEUE_FOR_A_NAME + 1 })));
    for (const waiting of clients) waiting.destroy();
  }, 30_000);

  /** Connects until so many wait. */
  async function waitingClients(
    { port, router }: RoutedServer,
    { name, length }: { name: string; length: number },
  ): Promise<Socket[]> {
    const bytes = await captureClientHello({ servername: name });
    const clients = Array.from({ length: length - router.waiting }, () => {
      const client = connect(port, '127.0.0.1');
      client.on('error', () => undefined);
      client.write(bytes);
      return client;
    });
    while (router.waiting < length) await new Promise(setImmediate);
    return clients;
  }
});

describe('the router', () => {
  it('ends the connection that has waited longest where too many of one address begin', async () => {
    const { router, servers, refusals } = await routed([]);
    const sockets = Array.from({ length: MOST_UNSECURED_OF_AN_ADDRESS + 1 }, () => new Socket());
    for (const socket of sockets) router.accept(socket, servers);
    expect(sockets.filter(({ destroyed }) => destroyed)).toEqual([sockets[0]]);
    expect(refusals.map(({ code }) => code)).toEqual(['TOO_MANY_HANDSHAKES']);
  });

  it('does not count a connection among those once its handshake is complete', async () => {
    const { router, servers, refusals } = await routed([]);
    const [first, ...others] = Array.from({ length: MOST_UNSECURED_OF_AN_ADDRESS + 1 }, () => new Socket());
    router.accept(first as Socket, servers);
    router.secured(Object.assign(new Socket(), { _parent: first }) as unknown as TLSSocket);
    for (const socket of others) router.accept(socket, servers);
    expect([first?.destroyed, refusals]).toEqual([false, []]);
  });

  it('destroys connections whose handshake is not complete without touching the others', async () => {
    const server = await routed([sourceOf(await credentialFor('a.test'))]);
    const secured = connectTls({
      ...{ port: server.port, host: '127.0.0.1', servername: 'a.test' },
      ...{ rejectUnauthorized: false, allowHalfOpen: true },
    });
    secured.resume();
    await once(secured, 'end');
    const silent = connect(server.port, '127.0.0.1');
    silent.on('error', () => undefined);
    silent.resume();
    while (server.router.size < 2) await new Promise(setImmediate);
    const closed = once(silent, 'close');
    server.router.destroy('unsecured');
    await closed;
    while (server.router.size > 1) await new Promise(setImmediate);
    expect(secured.destroyed).toBe(false);
    secured.destroy();
  });

  it('ends the connections of one application that have said nothing since their handshake', async () => {
    const server = await routed([sourceOf(await credentialFor('a.test'))]);
    const open = async (): Promise<TLSSocket> => {
      const client = connectTls({
        ...{ port: server.port, host: '127.0.0.1', servername: 'a.test' },
        ...{ rejectUnauthorized: false, allowHalfOpen: true },
      });
      client.resume();
      await once(client, 'end');
      return client;
    };
    const [talking, silent] = [await open(), await open()];
    talking.write('GET');
    const [kept, ended] = server.secured as [TLSSocket, TLSSocket];
    while (kept.bytesRead === 0) await new Promise(setImmediate);
    server.router.destroySilent({} as never);
    expect(ended.destroyed).toBe(false);
    server.router.destroySilent(server.servers);
    expect([kept.destroyed, ended.destroyed]).toEqual([false, true]);
    for (const client of [talking, silent]) client.destroy();
  });

  it('tells when the last connection has closed', async () => {
    let idle: () => void = () => undefined;
    const isIdle = new Promise<void>((resolve) => (idle = resolve));
    const server = await routed([sourceOf(await credentialFor('a.test'))], {
      idle: () => {
        idle();
      },
    });
    await handshake(server.port, { servername: 'a.test' });
    await isIdle;
    expect(server.router.size).toBe(0);
  });

  it('drops a PROXY header that nobody has asked for, without an answer', async () => {
    const server = await routed([sourceOf(await credentialFor('a.test'))]);
    expect(await exchange(server.port, Buffer.from('PROXY UNKNOWN\r\n'))).toHaveLength(0);
    expect(server.refusals).toMatchObject([{ code: 'PROXY_HEADER_UNEXPECTED', remoteAddress: '127.0.0.1' }]);
  });

  it('lets the client that a proxy has told of be shown', async () => {
    const shown: [Socket, TLSSocket][] = [];
    const server = await routed([sourceOf(await credentialFor('a.test'))], {
      showClient: (raw, socket) => shown.push([raw, socket]),
    });
    await handshake(server.port, { servername: 'a.test' });
    expect(shown).toEqual([[expect.any(Socket), server.secured[0]]]);
  });

  it('is not confused by a TLS socket it has never seen', async () => {
    const server = await routed([sourceOf(await credentialFor('a.test'))]);
    expect(() => {
      server.router.secured({} as never);
    }).not.toThrow();
  });
});
