// Which certificate which client gets: the two rounds of selection, seen by real clients.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { networkInterfaces } from 'node:os';
import { connect as connectTls } from 'node:tls';
import {
  type CertificateSource,
  createCredential,
  createSecureServer,
  type Credential,
  type CredentialInput,
  type Found,
  fromFunction,
  memoryStorage,
  type SecureServer,
  type SecureServerOptions,
} from '../../src/index.js';
import { type LeafRequest, testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { curl, nodeHttps, sClient } from '../support/clients.js';
import { manualClock } from '../support/manual-clock.js';
import { until } from '../support/until.js';
import { closesAfterEach } from './support/cleanup.js';
import { memoryLog } from './support/log.js';
import { pairsSource } from './support/pairs.js';
import { portOf, tls } from './support/connections.js';

const DAY_MS = 86_400_000;
const keep = closesAfterEach();
let ca: TestCa;

beforeAll(async () => {
  ca = await testCa();
});

let serial = 0x1000;

/** A certificate that is known by its common name. */
function pairOf(commonName: string, request: Partial<LeafRequest> = {}): Promise<TestPair> {
  serial += 1;
  return ca.issue({ names: ['a.test'], commonName, serialNumber: serial.toString(16), ...request });
}

interface Listening {
  readonly secure: SecureServer;
  readonly port: number;
}

async function serving(options: SecureServerOptions, host = '127.0.0.1'): Promise<Listening> {
  const secure = keep(
    createSecureServer({ logger: false, ...options }, (_: IncomingMessage, response: ServerResponse) =>
      response.end('ok'),
    ),
  );
  await secure.listen({ port: 0, host });
  return { secure, port: portOf(secure.server) };
}

/** The common name of the certificate that a client with this server name gets. */
async function served(port: number, servername: string, host = '127.0.0.1'): Promise<string> {
  const socket = connectTls({ host, port, servername, rejectUnauthorized: false });
  try {
    await once(socket, 'secureConnect');
    return String(socket.getPeerCertificate().subject.CN);
  } finally {
    socket.destroy();
  }
}

const NO_SNI = '';

describe('a client that sends a known name', () => {
  it('gets the certificate of the first source that has one', async () => {
    const { port } = await serving({
      sources: [
        pairsSource([await pairOf('other', { names: ['other.test'] })]),
        pairsSource([await pairOf('first')]),
        pairsSource([await pairOf('second')]),
      ],
    });
    expect(await served(port, 'a.test')).toBe('first');
    expect(await served(port, 'other.test')).toBe('other');
    expect(await served(port, 'A.TEST.')).toBe('first');
  });
  it('gets the certificate with its exact name before a wildcard of the same source', async () => {
    const folderLike: CertificateSource = pairsSource([
      await pairOf('exact', { names: ['www.b.test'] }),
      await pairOf('wildcard', { names: ['*.b.test'] }),
    ]);
    const { port } = await serving({ sources: folderLike });
    expect(await served(port, 'www.b.test')).toBe('exact');
    expect(await served(port, 'api.b.test')).toBe('wildcard');
  });
  it('is not covered by a wildcard of another level', async () => {
    const { port } = await serving({
      sources: [
        pairsSource([await pairOf('wildcard', { names: ['*.b.test'] })]),
        pairsSource([await pairOf('default')], { isDefault: true }),
      ],
    });
    expect(await served(port, 'x.y.b.test')).toBe('default');
    expect(await served(port, 'b.test')).toBe('default');
  });
  it('gets an expired certificate only when no source has a valid one', async () => {
    const expired = await pairOf('expired', {
      notBefore: Date.now() - 9 * DAY_MS,
      notAfter: Date.now() - DAY_MS,
    });
    const both = await serving({ sources: [pairsSource([expired]), pairsSource([await pairOf('valid')])] });
    expect(await served(both.port, 'a.test')).toBe('valid');
    expect(both.secure.status().findings).toEqual([]);
    const log = memoryLog();
    const alone = await serving({ sources: pairsSource([expired]), logger: log.logger });
    expect(await served(alone.port, 'a.test')).toBe('expired');
    expect(alone.secure.status().findings).toMatchObject([{ code: 'TLS_CERT_EXPIRED', severity: 'error' }]);
    expect(log.lines.filter(({ facts }) => facts['code'] === 'TLS_CERT_EXPIRED')).toHaveLength(1);
    await expect(nodeHttps({ port: alone.port, host: 'a.test', caPem: ca.rootPem })).rejects.toMatchObject({
      code: 'CERT_HAS_EXPIRED',
    });
    expect(await curl({ port: alone.port, host: 'a.test', caPem: ca.rootPem })).toMatchObject({
      exitCode: 60,
      stderr: expect.stringContaining('has expired'),
    });
  });
  it('gets a certificate that is not yet valid only when no source has a valid one', async () => {
    const future = await pairOf('future', {
      notBefore: Date.now() + DAY_MS,
      notAfter: Date.now() + 9 * DAY_MS,
    });
    const both = await serving({ sources: [pairsSource([future]), pairsSource([await pairOf('valid')])] });
    expect(await served(both.port, 'a.test')).toBe('valid');
    const alone = await serving({ sources: pairsSource([future]) });
    expect(await served(alone.port, 'a.test')).toBe('future');
    expect(alone.secure.status().findings).toMatchObject([{ code: 'TLS_CERT_NOT_YET_VALID' }]);
    expect(await curl({ port: alone.port, host: 'a.test', caPem: ca.rootPem })).toMatchObject({
      exitCode: 60,
      stderr: expect.stringContaining('not yet valid'),
    });
  });
  it('gets, of two that are out of date, the one that was valid longest', async () => {
    const at = (days: number) => ({
      notBefore: Date.now() - 90 * DAY_MS,
      notAfter: Date.now() - days * DAY_MS,
    });
    const { port } = await serving({
      sources: [pairsSource([await pairOf('older', at(30))]), pairsSource([await pairOf('newer', at(2))])],
    });
    expect(await served(port, 'a.test')).toBe('newer');
  });
});

describe('a client without a known name', () => {
  it('gets the certificate of the address it has reached', async () => {
    const { port } = await serving({
      sources: [
        pairsSource([await pairOf('default')], { isDefault: true }),
        pairsSource([await pairOf('address', { names: ['127.0.0.1'] })]),
      ],
      defaultName: 'a.test',
    });
    expect(await served(port, NO_SNI)).toBe('address');
    expect(await served(port, 'unknown.test')).toBe('address');
    expect(await nodeHttps({ port, host: '127.0.0.1', caPem: ca.rootPem })).toMatchObject({ status: 200 });
  });
  it('gets the certificate of an IPv6 address, and of an IPv4 address on a listener for both', async () => {
    const hasIpv6 = Object.values(networkInterfaces())
      .flat()
      .some((entry) => entry?.address === '::1');
    const { port } = await serving(
      {
        sources: [
          pairsSource([await pairOf('default')], { isDefault: true }),
          pairsSource([await pairOf('v4', { names: ['127.0.0.1'] }), await pairOf('v6', { names: ['::1'] })]),
        ],
      },
      hasIpv6 ? '::' : '0.0.0.0',
    );
    expect(await served(port, NO_SNI, '127.0.0.1')).toBe('v4');
    if (hasIpv6) expect(await served(port, NO_SNI, '::1')).toBe('v6');
  });
  it('gets the certificate of defaultName when no certificate has its address', async () => {
    const { port } = await serving({
      sources: [
        pairsSource([await pairOf('first')], { isDefault: true }),
        pairsSource([await pairOf('named', { names: ['named.test'] })]),
      ],
      defaultName: 'NAMED.test',
    });
    expect(await served(port, NO_SNI)).toBe('named');
    expect(await served(port, 'unknown.test')).toBe('named');
    expect(await served(port, 'a.test')).toBe('first');
  });
  it('gets the default of the first source that has one', async () => {
    const { port } = await serving({
      sources: [
        pairsSource([await pairOf('no default', { names: ['x.test'] })]),
        pairsSource([await pairOf('first')], { isDefault: true }),
        pairsSource([await pairOf('second', { names: ['b.test'] })], { isDefault: true }),
      ],
    });
    expect(await served(port, NO_SNI)).toBe('first');
    expect(await served(port, 'unknown.test')).toBe('first');
  });
  it('is refused with handshake_failure when no source has a default', async () => {
    const { port } = await serving({ sources: pairsSource([await pairOf('only')]) });
    expect(await sClient({ port, sendsServerName: false })).toMatchObject({ isConnected: false, alert: 40 });
    expect(await served(port, 'a.test')).toBe('only');
  });
  it('makes start() reject when no source covers defaultName', async () => {
    const secure = keep(
      createSecureServer({ logger: false, sources: pairsSource([await pairOf('a')]), defaultName: 'b.test' }),
    );
    await expect(secure.start()).rejects.toMatchObject({ code: 'DEFAULT_NAME_NOT_COVERED' });
  });
});

describe('defaultName', () => {
  it('that no certificate covers makes start() reject, also when a function answers everything', async () => {
    const pair = await pairOf('same');
    const secure = keep(createSecureServer({ logger: false, sources: () => pair, defaultName: 'b.test' }));
    await expect(secure.start()).rejects.toMatchObject({ code: 'DEFAULT_NAME_NOT_COVERED' });
  });
});

describe("unknownName 'reject'", () => {
  async function rejecting(): Promise<Listening> {
    return serving({
      sources: pairsSource([await pairOf('default')], { isDefault: true }),
      unknownName: 'reject',
    });
  }

  it('is seen as unrecognized_name by curl, openssl and node', async () => {
    const { port, secure } = await rejecting();
    expect(await curl({ port, host: 'b.test', caPem: ca.rootPem })).toMatchObject({
      exitCode: 35,
      stderr: expect.stringMatching(/unrecognized name/i),
    });
    for (const protocol of ['tls1_2', 'tls1_3'] as const) {
      expect(await sClient({ port, host: 'b.test', protocol })).toMatchObject({
        isConnected: false,
        alert: 112,
      });
    }
    await expect(tls(port, { servername: 'b.test' })).rejects.toMatchObject({
      code: 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME',
    });
    expect(secure.metrics()).toContain('tlsmith_handshakes_total{result="SERVER_NAME_UNKNOWN"} 4');
  });
  it('still serves known names, and the default to clients without SNI', async () => {
    const { port } = await rejecting();
    expect(await served(port, 'a.test')).toBe('default');
    expect(await served(port, NO_SNI)).toBe('default');
  });
  it('refuses a flood of names with one log line', async () => {
    const log = memoryLog();
    const { port } = await serving({
      sources: pairsSource([await pairOf('default')]),
      unknownName: 'reject',
      logger: log.logger,
    });
    const ask = (index: number) => tls(port, { servername: `random-${index}.test` });
    const results = await Promise.allSettled(Array.from({ length: 50 }, (_, index) => ask(index)));
    expect(results.every(({ status }) => status === 'rejected')).toBe(true);
    expect(log.lines.filter(({ facts }) => facts['code'] === 'SERVER_NAME_UNKNOWN')).toHaveLength(1);
  });
});

describe('a pending answer', () => {
  it('is waited for, by all clients that ask for the name, and asked for once', async () => {
    let settle: (credential: Credential) => void = () => undefined;
    const pending = new Promise<Credential>((resolve) => (settle = resolve));
    let questions = 0;
    const { port, secure } = await serving({
      sources: [
        {
          name: 'slow',
          find: ({ serverName }) => {
            if (serverName !== 'a.test') return undefined;
            questions += 1;
            return { pending };
          },
        },
        pairsSource([await pairOf('later')], { isDefault: true }),
      ],
    });
    const clients = Promise.all([1, 2, 3].map(() => served(port, 'a.test')));
    expect(await served(port, 'b.test')).toBe('later');
    await until(() => questions > 0, 'the question');
    settle(createCredential(await pairOf('issued')));
    expect(await clients).toEqual(['issued', 'issued', 'issued']);
    expect(questions).toBe(1);
    expect(secure.status().findings).toEqual([]);
  });
  it('that is rejected makes later sources answer, and is reported', async () => {
    const { port, secure } = await serving({
      sources: [
        { name: 'failing', find: () => ({ pending: Promise.reject(new Error('the CA is down')) }) },
        pairsSource([await pairOf('later')]),
      ],
    });
    expect(await served(port, 'a.test')).toBe('later');
    expect(secure.status().findings).toMatchObject([{ source: 'failing', code: 'SOURCE_FAILED' }]);
  });
  it('is forgotten when its client leaves', async () => {
    let settle: (credential: Credential) => void = () => undefined;
    const pending = new Promise<Credential>((resolve) => (settle = resolve));
    let isAsked = false;
    const { port, secure } = await serving({
      sources: {
        name: 'slow',
        find: () => {
          isAsked = true;
          return { pending };
        },
      },
    });
    const raw = once(secure.server, 'connection');
    const client = connectTls({ host: '127.0.0.1', port, servername: 'a.test', rejectUnauthorized: false });
    client.on('error', () => undefined);
    const [socket] = (await raw) as [{ destroyed: boolean }];
    await until(() => isAsked, 'the question');
    client.destroy();
    await until(() => socket.destroyed, 'the connection to end');
    settle(createCredential(await pairOf('late')));
    expect(await served(port, 'a.test')).toBe('late');
  });
});

describe('a source that misbehaves', () => {
  type Answer = () => Found | undefined | Promise<Found | undefined>;
  const nonsense =
    (value: unknown): Answer =>
    () =>
      value as Found;

  it.each<[string, string, Answer]>([
    [
      'throws',
      'SOURCE_FAILED',
      () => {
        throw new Error('no database');
      },
    ],
    [
      'throws something that is no error',
      'SOURCE_FAILED',
      () => {
        throw 'text';
      },
    ],
    ['rejects', 'SOURCE_FAILED', () => Promise.reject(new Error('no database'))],
    ['answers a number', 'SOURCE_ANSWER_INVALID', nonsense(42)],
    ['answers text', 'SOURCE_ANSWER_INVALID', nonsense('certificate')],
    ['answers an empty object', 'SOURCE_ANSWER_INVALID', nonsense({})],
    ['answers with no promise as pending', 'SOURCE_ANSWER_INVALID', nonsense({ pending: 7 })],
    [
      'answers a promise of nonsense',
      'SOURCE_ANSWER_INVALID',
      nonsense(Promise.resolve({ cert: 1, key: 2 })),
    ],
    ['answers text that is no PEM', 'TLS_PEM_INVALID', nonsense({ cert: 'x', key: 'y' })],
  ])('that %s is skipped and reported as %s', async (_, code, find) => {
    const { port, secure } = await serving({
      sources: [
        { name: 'bad', find, default: find },
        pairsSource([await pairOf('good')], { isDefault: true }),
      ],
    });
    expect(await served(port, 'a.test')).toBe('good');
    expect(await served(port, NO_SNI)).toBe('good');
    expect(secure.status().findings).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ code, source: 'bad' })]),
    );
  });
  it.each<readonly [string, unknown]>([
    ['null', null],
    ['a promise of null', Promise.resolve(null)],
  ])('that answers %s has nothing to be reported', async (_what, nothing) => {
    const find = nonsense(nothing);
    const { port, secure } = await serving({
      sources: [
        { name: 'empty', find, default: find },
        pairsSource([await pairOf('good')], { isDefault: true }),
      ],
    });
    expect(await served(port, 'a.test')).toBe('good');
    expect(await served(port, NO_SNI)).toBe('good');
    expect(secure.status().findings).toEqual([]);
  });
  it('that answers a key of another certificate is skipped and reported', async () => {
    const [one, other] = [await pairOf('one'), await pairOf('other')];
    const { port, secure } = await serving({
      sources: [{ name: 'bad', find: () => ({ cert: one.cert, key: other.key }) }, pairsSource([other])],
    });
    expect(await served(port, 'a.test')).toBe('other');
    expect(secure.status().findings).toMatchObject([{ code: 'TLS_KEY_MISMATCH', source: 'bad' }]);
  });
  it('that hangs is given up after five seconds, and told so', async () => {
    const clock = manualClock();
    let signal: AbortSignal | undefined;
    const { port, secure } = await serving({
      clock,
      sources: [
        {
          name: 'hanging',
          find: (query) => {
            ({ signal } = query);
            return new Promise(() => undefined);
          },
        },
        pairsSource([await pairOf('good')]),
      ],
    });
    const client = served(port, 'a.test');
    await until(() => signal !== undefined, 'the question');
    await clock.advance(5_000);
    expect(await client).toBe('good');
    expect(signal?.aborted).toBe(true);
    expect(secure.status().findings).toMatchObject([{ code: 'SOURCE_TIMEOUT', source: 'hanging' }]);
  });
  it('that hangs for one name does not delay another', async () => {
    const { port } = await serving({
      clock: manualClock(),
      sources: [
        {
          name: 'hanging',
          find: ({ serverName }) => (serverName === 'b.test' ? new Promise(() => undefined) : undefined),
        },
        pairsSource([await pairOf('good')]),
      ],
    });
    const waiting = keep(
      connectTls({ host: '127.0.0.1', port, servername: 'b.test', rejectUnauthorized: false }),
    );
    waiting.on('error', () => undefined);
    await once(waiting, 'connect');
    expect(await served(port, 'a.test')).toBe('good');
  });
  it('that answers with a certificate for another name is served for want of better, and reported', async () => {
    const wrong = { name: 'wrong', find: () => wrongPair } satisfies CertificateSource;
    const wrongPair: CredentialInput = await pairOf('wrong', { names: ['else.test'] });
    const alone = await serving({ sources: wrong });
    expect(await served(alone.port, 'a.test')).toBe('wrong');
    expect(alone.secure.status().findings).toMatchObject([
      { code: 'SOURCE_ANSWER_INVALID', severity: 'warning' },
    ]);
    const both = await serving({ sources: [wrong, pairsSource([await pairOf('right')])] });
    expect(await served(both.port, 'a.test')).toBe('right');
  });
});

describe('a function as source', () => {
  it('is asked with the normalised name, and with undefined for the default', async () => {
    const asked: (string | undefined)[] = [];
    const pair = await pairOf('function', { names: ['a.test'] });
    const { port } = await serving({
      sources: (serverName) => {
        asked.push(serverName);
        return serverName === undefined || serverName === 'a.test' ? pair : undefined;
      },
    });
    expect(await served(port, 'A.Test')).toBe('function');
    expect(await served(port, NO_SNI)).toBe('function');
    expect(asked).toEqual(['a.test', '127.0.0.1', undefined]);
  });
  it('is asked again when its answer is older than cacheMs, or after reload()', async () => {
    const clock = manualClock();
    const pairs = [await pairOf('one'), await pairOf('two'), await pairOf('three')];
    let calls = 0;
    const { port, secure } = await serving({
      clock,
      sources: fromFunction(() => pairs[calls++], { cacheMs: 1_000 }),
    });
    expect(await served(port, 'a.test')).toBe('one');
    expect(await served(port, 'a.test')).toBe('one');
    await clock.advance(1_000);
    expect(await served(port, 'a.test')).toBe('two');
    await secure.reload();
    expect(await served(port, 'a.test')).toBe('three');
    expect(calls).toBe(3);
  });
  it('shares one call among clients that ask at the same time', async () => {
    let calls = 0;
    let answer: (pair: CredentialInput) => void = () => undefined;
    const { port } = await serving({
      sources: () => {
        calls += 1;
        return new Promise((resolve) => (answer = resolve));
      },
    });
    const clients = Promise.all(Array.from({ length: 10 }, () => served(port, 'a.test')));
    await until(() => calls === 1, 'the call');
    answer(await pairOf('shared'));
    expect(new Set(await clients)).toEqual(new Set(['shared']));
    expect(calls).toBe(1);
  });
});

describe('resolve()', () => {
  it('answers like a handshake', async () => {
    const { secure } = await serving({
      sources: pairsSource([await pairOf('a')], { isDefault: true }),
      unknownName: 'reject',
      storage: memoryStorage(),
    });
    expect(await secure.resolve('A.test.')).toBeDefined();
    expect(await secure.resolve()).toBeDefined();
    expect(await secure.resolve('b.test')).toBeUndefined();
    expect(await secure.resolve('../etc/passwd')).toBeUndefined();
    expect(await secure.resolve('a.test')).toBe(await secure.resolve('a.test'));
  });
  it('rejects with NOT_STARTED before start()', async () => {
    const secure = keep(createSecureServer({ logger: false, sources: () => undefined }));
    await expect(secure.resolve('a.test')).rejects.toMatchObject({ code: 'NOT_STARTED' });
  });
});
