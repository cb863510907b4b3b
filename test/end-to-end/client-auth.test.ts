// Client certificates: who comes in, who does not and why, and what an application gets to know.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createServer as createTlsServer,
  type ConnectionOptions,
  type SecureVersion,
  TLSSocket,
} from 'node:tls';
import {
  type ClientAuthOptions,
  createSecureServer,
  pemPair,
  type SecureServer,
  type SecureServerOptions,
  selfSigned,
} from '../../src/index.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { type ClientAuthority, clientAuthority, type ClientPair } from '../support/client-authority.js';
import { manualClock } from '../support/manual-clock.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { closesAfterEach } from './support/cleanup.js';
import { portOf, tls } from './support/connections.js';
import { memoryLog, type MemoryLog } from './support/log.js';

const keep = closesAfterEach();
const DAY_MS = 86_400_000;
const versions = ['TLSv1.2', 'TLSv1.3'] as const;
let ca: TestCa;
let pair: TestPair;
let friends: ClientAuthority;
let strangers: ClientAuthority;

beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: ['open.test', 'a.test', 'b.test'] });
  friends = await clientAuthority('Friends');
  strangers = await clientAuthority('Strangers');
});

interface Served {
  readonly secure: SecureServer;
  readonly port: number;
  readonly log: MemoryLog;
}

/** What the application knows of its client, as JSON. */
function whoami({ socket }: IncomingMessage, response: ServerResponse): void {
  if (!(socket instanceof TLSSocket)) throw new TypeError('The connection is not secure.');
  const { authorized, authorizationError } = socket;
  const subject = socket.getPeerX509Certificate()?.subject;
  response.end(JSON.stringify({ authorized, authorizationError, subject }));
}

async function serve(options: SecureServerOptions): Promise<Served> {
  const log = memoryLog();
  const secure = createSecureServer(
    { sources: pemPair(pair), logger: log.logger, ...options },
    createHttpServer(whoami),
  );
  keep(secure);
  await secure.listen({ port: 0, host: '127.0.0.1' });
  return { secure, port: portOf(secure.server), log };
}

interface Visit {
  /** What the application answered; undefined when the client did not get in. */
  readonly facts: { authorized?: boolean; authorizationError?: string | null; subject?: string } | undefined;
  readonly isReused: boolean;
  readonly session: Buffer | undefined;
}

/** One connection with one request; what keeps a client out may come during the handshake or after it. */
async function visit(port: number, options: ConnectionOptions = {}): Promise<Visit> {
  let session: Buffer | undefined;
  let isReused = false;
  try {
    const socket = await tls(port, { ca: ca.rootPem, ...options });
    isReused = socket.isSessionReused();
    if (socket.getProtocol() === 'TLSv1.2') session = socket.getSession();
    socket.on('session', (latest: Buffer) => (session = latest));
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.write(`GET / HTTP/1.1\r\nhost: ${options.servername ?? 'a.test'}\r\nconnection: close\r\n\r\n`);
    await new Promise((resolve) => socket.once('close', resolve));
    const body = answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1);
    return { facts: body === '' ? undefined : (JSON.parse(body) as Visit['facts']), isReused, session };
  } catch {
    return { facts: undefined, isReused, session };
  }
}

function only(version: SecureVersion): ConnectionOptions {
  return { minVersion: version, maxVersion: version };
}

/** Waits for the line of the log that says why a client did not get in. */
async function reasonIn({ log }: Served): Promise<unknown> {
  const line = () => log.lines.find(({ message }) => message.includes('handshake failed'));
  await until(() => line() !== undefined);
  return line()?.facts['code'];
}

describe.each(versions)('with mode require, by %s,', (version) => {
  const require = (): SecureServerOptions => ({ clientAuth: { mode: 'require', ca: friends.pem } });

  it('a client whose certificate verifies gets in, and the application knows who it is', async () => {
    const { port } = await serve(require());
    const client = await friends.issue({ name: 'ann' });
    expect((await visit(port, { ...client, ...only(version) })).facts).toEqual({
      authorized: true,
      authorizationError: null,
      subject: 'CN=ann',
    });
  });

  it.each<readonly [string, string, () => Promise<Partial<ClientPair>>]>([
    ['none', 'CLIENT_CERT_MISSING', () => Promise.resolve({})],
    ['one of another authority', 'CLIENT_CERT_UNTRUSTED', () => strangers.issue({ name: 'eve' })],
    [
      'one that has expired',
      'CLIENT_CERT_EXPIRED',
      () => friends.issue({ name: 'old', notAfter: Date.now() - DAY_MS }),
    ],
    [
      'one that is not yet valid',
      'CLIENT_CERT_EXPIRED',
      () => friends.issue({ name: 'early', notBefore: Date.now() + DAY_MS }),
    ],
    [
      'one for servers only',
      'CLIENT_CERT_WRONG_USAGE',
      () => friends.issue({ name: 'server', purposes: ['serverAuth'] }),
    ],
    [
      'a chain of twenty of another authority',
      'CLIENT_CERT_UNTRUSTED',
      () => strangers.issue({ name: 'deep', intermediates: 19 }),
    ],
    // OpenSSL cannot even use it for TLS 1.3, and sends none.
    [
      'one on an exotic curve',
      'CLIENT_CERT_MISSING|CLIENT_CERT_KEY_UNSUPPORTED',
      () => friends.issue({ name: 'exotic', keyType: 'secp256k1' }),
    ],
    // No session ticket holds it.
    ['one of 64 KB', 'CLIENT_CERT_UNTRUSTED|HANDSHAKE_FAILED', () => large(strangers, 1_100)],
  ])('a client with %s is kept out, and the log says %s', async (_, code, issue) => {
    const served = await serve(require());
    const client = await issue();
    expect((await visit(served.port, { ...client, ...only(version) })).facts).toBeUndefined();
    expect(await reasonIn(served)).toMatch(new RegExp(`^(${code})$`));
    const friend = await friends.issue({ name: 'ann' });
    expect((await visit(served.port, { ...friend, ...only(version) })).facts).toMatchObject({
      authorized: true,
    });
  });

  it.each(['', 'a.test'])(
    'whose certificate was refused is in the log where it was for %j',
    async (servername) => {
      const served = await serve({ clientAuth: { mode: 'require', ca: [friends.pem, strangers.pem] } });
      const others = await clientAuthority('Line\nbreakers\u202e');
      const eve = await others.issue({ name: `eve\r\n${'x'.repeat(300)}` });
      expect(
        (
          await visit(served.port, {
            ...eve,
            servername,
            checkServerIdentity: () => undefined,
            ...only(version),
          })
        ).facts,
      ).toBeUndefined();
      expect(await reasonIn(served)).toBe('CLIENT_CERT_UNTRUSTED');
      const line = served.log.lines.find(({ facts }) => facts['code'] === 'CLIENT_CERT_UNTRUSTED');
      // Without a server name node gives nobody the chance to ask.
      if (servername === '') {
        expect(line?.facts).not.toHaveProperty('subject');
        return;
      }
      expect(line?.facts).toMatchObject({
        subject: expect.stringMatching(/^CN=eve.{0,6}x{100,}…$/) as unknown,
        issuer: expect.stringMatching(/^CN=Line.{1,6}breakers.{1,20}$/) as unknown,
      });
      expect(line?.message).toMatch(
        / It is of CN=eve.*, issued by CN=Line.*\. Trusted is what is issued by: CN=Friends; CN=Strangers\.$/,
      );
      expect(line?.message).not.toContain('\u202e');
    },
  );

  it('who is refused by allow is named in the log as well', async () => {
    const served = await serve({ clientAuth: { mode: 'require', ca: friends.pem, allow: () => false } });
    const ann = await friends.issue({ name: 'ann' });
    expect((await visit(served.port, { ...ann, ...only(version) })).facts).toBeUndefined();
    expect(await reasonIn(served)).toBe('CLIENT_CERT_NAME_NOT_ALLOWED');
    const line = served.log.lines.find(({ facts }) => facts['code'] === 'CLIENT_CERT_NAME_NOT_ALLOWED');
    expect(line?.facts).toMatchObject({ subject: 'CN=ann', issuer: 'CN=Friends' });
  });

  it.each(['ecdsa-p384', 'ed25519', 'rsa-2048', 'rsa-pss-2048'] as const)(
    'a client with a key of the kind %s gets in',
    async (keyType) => {
      const { port } = await serve(require());
      const client = await friends.issue({ name: 'ann', keyType });
      expect((await visit(port, { ...client, ...only(version) })).facts).toMatchObject({ authorized: true });
    },
  );

  it('a chain of twenty and a certificate of 30 KB get in when they verify', async () => {
    const { port } = await serve(require());
    for (const client of [
      await friends.issue({ name: 'deep', intermediates: 19 }),
      await large(friends, 500),
    ]) {
      expect((await visit(port, { ...client, ...only(version) })).facts).toMatchObject({ authorized: true });
    }
  });

  it('a client that allow refuses is kept out, also when it resumes, and also when allow throws', async () => {
    const asked: string[] = [];
    let isAllowed = true;
    const allow: ClientAuthOptions['allow'] = ({ subject }) => {
      asked.push(subject);
      if (subject === 'CN=bad') throw new Error('no such client');
      return subject === 'CN=slow' ? Promise.resolve(isAllowed) : isAllowed;
    };
    const served = await serve({ clientAuth: { mode: 'require', ca: friends.pem, allow } });
    for (const name of ['quick', 'slow']) {
      isAllowed = true;
      const client = { ...(await friends.issue({ name })), ...only(version) };
      const first = await visit(served.port, client);
      expect(first.facts).toMatchObject({ authorized: true });
      isAllowed = false;
      expect(await visit(served.port, { ...client, session: first.session })).toMatchObject({
        facts: undefined,
        isReused: true,
      });
      expect(await reasonIn(served)).toBe('CLIENT_CERT_NAME_NOT_ALLOWED');
    }
    const bad = { ...(await friends.issue({ name: 'bad' })), ...only(version) };
    expect((await visit(served.port, bad)).facts).toBeUndefined();
    expect(asked).toEqual(['CN=quick', 'CN=quick', 'CN=slow', 'CN=slow', 'CN=bad']);
    expect(served.log.lines.some(({ message }) => message.includes('no such client'))).toBe(true);
  });

  it('a session whose certificate has expired meanwhile is not resumed into the application', async () => {
    const clock = manualClock();
    const served = await serve({ ...require(), clock, sessionTickets: { rotateEveryMs: 10 * DAY_MS } });
    const client = {
      ...(await friends.issue({ name: 'ann', notAfter: clock.now() + DAY_MS })),
      ...only(version),
    };
    const first = await visit(served.port, client);
    expect(first.facts).toMatchObject({ authorized: true });
    await clock.advance(DAY_MS / 4);
    expect(await visit(served.port, { ...client, session: first.session })).toMatchObject({
      isReused: true,
      facts: { authorized: true },
    });
    await clock.advance(DAY_MS);
    expect(await visit(served.port, { ...client, session: first.session })).toMatchObject({
      facts: undefined,
    });
    expect(await reasonIn(served)).toBe('CLIENT_CERT_EXPIRED');
  });
});

describe.each(versions)('with mode request, by %s,', (version) => {
  it('everybody gets in, and authorized says whose certificate verifies', async () => {
    const { port } = await serve({
      clientAuth: { mode: 'request', ca: friends.pem, allow: (c) => c.subject !== 'CN=bob' },
    });
    const factsOf = async (client: Partial<ClientPair>) =>
      (await visit(port, { ...client, ...only(version) })).facts;
    expect(await factsOf(await friends.issue({ name: 'ann' }))).toMatchObject({ authorized: true });
    expect(await factsOf(await friends.issue({ name: 'bob' }))).toEqual({
      authorized: false,
      authorizationError: 'CLIENT_CERT_NAME_NOT_ALLOWED',
      subject: 'CN=bob',
    });
    expect(await factsOf(await strangers.issue({ name: 'eve' }))).toMatchObject({
      authorized: false,
      subject: 'CN=eve',
    });
    expect(await factsOf({})).toEqual({ authorized: false, authorizationError: 'CLIENT_CERT_MISSING' });
  });

  it.each<readonly [string, string, () => Promise<ClientPair>]>([
    ['untrusted', 'CLIENT_CERT_UNTRUSTED', () => strangers.issue({ name: 'eve' })],
    ['expired', 'CLIENT_CERT_EXPIRED', () => friends.issue({ name: 'old', notAfter: Date.now() - DAY_MS })],
    ['revoked', 'CLIENT_CERT_REVOKED', () => friends.issue({ name: 'gone', serialNumber: '1234' })],
    [
      'made for servers',
      'CLIENT_CERT_WRONG_USAGE',
      () => friends.issue({ name: 'server', purposes: ['serverAuth'] }),
    ],
    ['refused by allow', 'CLIENT_CERT_NAME_NOT_ALLOWED', () => friends.issue({ name: 'bob' })],
  ])(
    'a client whose certificate is %s comes in unauthorized, resumed too, and the log says %s once',
    async (_, code, issue) => {
      const { secure, port, log } = await serve({
        clientAuth: {
          mode: 'request',
          ca: friends.pem,
          crl: friends.revocationList(['1234']),
          allow: ({ subject }) => subject !== 'CN=bob',
        },
      });
      const client = { ...(await issue()), ...only(version), servername: 'a.test' };
      const { facts, session } = await visit(port, client);
      expect(facts).toMatchObject({ authorized: false });
      expect(await visit(port, { ...client, session })).toMatchObject({
        isReused: true,
        facts: { authorized: false },
      });
      for (let time = 0; time < 8; time += 1)
        expect((await visit(port, client)).facts).toMatchObject({ authorized: false });
      await secure.close();
      expect(log.lines.filter(({ facts }) => String(facts['code']).startsWith('CLIENT_'))).toMatchObject([
        {
          facts: {
            ...{ code, outcome: 'admitted', remoteAddress: '127.0.0.1' },
            subject: expect.stringMatching(/^CN=\w+$/) as unknown,
            issuer: expect.stringMatching(/^CN=\w+$/) as unknown,
          },
        },
        { facts: { code, repeated: 9 } },
      ]);
      expect(log.lines.find(({ facts }) => facts['code'] === code)?.message).toMatch(
        /^A client came in unauthorized: client 127\.0\.0\.1 \(it asked for a\.test\) sent a certificate /,
      );
      expect(secure.metrics()).not.toContain('result="failed"');
    },
  );

  it.each(['secp256k1', 'brainpool-p256'] as const)(
    'a client with a key on %s does no harm: it is kept out by a code, or comes in as what it can prove',
    async (keyType) => {
      const served = await serve({ clientAuth: { mode: 'request', ca: friends.pem } });
      const client = await friends.issue({ name: 'exotic', keyType });
      const { facts } = await visit(served.port, { ...client, ...only(version) });
      if (version === 'TLSv1.2') {
        expect(facts).toBeUndefined();
        expect(await reasonIn(served)).toBe('CLIENT_CERT_KEY_UNSUPPORTED');
        // OpenSSL 3.5 can use Brainpool keys for TLS 1.3, earlier ones can use neither and send nothing.
      } else if (facts?.subject === undefined) {
        expect(facts).toEqual({ authorized: false, authorizationError: 'CLIENT_CERT_MISSING' });
      } else expect(facts).toMatchObject({ authorized: true, subject: 'CN=exotic' });
      const ann = await friends.issue({ name: 'ann' });
      expect((await visit(served.port, { ...ann, ...only(version) })).facts).toMatchObject({
        authorized: true,
      });
    },
  );

  it('clients without a certificate, and those that are authorized, are nothing to tell of', async () => {
    const { secure, port, log } = await serve({ clientAuth: { mode: 'request', ca: friends.pem } });
    await visit(port, only(version));
    await visit(port, { ...(await friends.issue({ name: 'ann' })), ...only(version) });
    await secure.close();
    expect(log.lines.filter(({ facts }) => facts['outcome'] !== undefined)).toEqual([]);
  });

  it('a client without a certificate is not authorized by coming back with its session', async () => {
    const { port } = await serve({ clientAuth: { mode: 'request', ca: friends.pem } });
    const { session } = await visit(port, only(version));
    const again = await visit(port, { ...only(version), session });
    expect(again).toMatchObject({ isReused: true, facts: { authorized: false } });
  });

  it('without ca nobody is authorized, whatever public authorities say', async () => {
    const { port } = await serve({ clientAuth: { mode: 'request' } });
    const client = await friends.issue({ name: 'ann' });
    expect((await visit(port, { ...client, ...only(version) })).facts).toMatchObject({
      authorized: false,
      subject: 'CN=ann',
    });
  });
});

describe('a client whose key is on P-521', () => {
  it('gets in by TLS 1.3, and by TLS 1.2 where P-521 is among the groups', async () => {
    const clientAuth = { mode: 'require', ca: friends.pem } as const;
    const client = await friends.issue({ name: 'ann', keyType: 'ecdsa-p521' });
    const usual = await serve({ clientAuth });
    expect((await visit(usual.port, { ...client, ...only('TLSv1.3') })).facts).toMatchObject({
      authorized: true,
    });
    const wider = await serve({ clientAuth, groups: ['X25519', 'P-256', 'P-384', 'P-521'] });
    expect((await visit(wider.port, { ...client, ...only('TLSv1.2') })).facts).toMatchObject({
      authorized: true,
    });
  });

  it.each(['require', 'request'] as const)(
    'is kept out by TLS 1.2 with mode %s, and the log says why',
    async (mode) => {
      const served = await serve({ clientAuth: { mode, ca: friends.pem } });
      const client = await friends.issue({ name: 'ann', keyType: 'ecdsa-p521' });
      expect((await visit(served.port, { ...client, ...only('TLSv1.2') })).facts).toBeUndefined();
      expect(await reasonIn(served)).toBe('CLIENT_CERT_KEY_UNSUPPORTED');
    },
  );
});

describe.each(versions)('revocation, by %s,', (version) => {
  it('keeps out who is on a list, of several in one text, and lets in who is not', async () => {
    const others = await clientAuthority('Others');
    const served = await serve({
      clientAuth: {
        mode: 'require',
        ca: [friends.pem, others.pem],
        crl: others.revocationList([]) + friends.revocationList(['1234']),
      },
    });
    const revoked = await friends.issue({ name: 'gone', serialNumber: '1234' });
    expect((await visit(served.port, { ...revoked, ...only(version) })).facts).toBeUndefined();
    expect(await reasonIn(served)).toBe('CLIENT_CERT_REVOKED');
    for (const authority of [friends, others]) {
      const client = await authority.issue({ name: 'ann', serialNumber: '1235' });
      expect((await visit(served.port, { ...client, ...only(version) })).facts).toMatchObject({
        authorized: true,
      });
    }
  });

  it('keeps everybody out by a list that is out of date, or that is missing for one of the authorities', async () => {
    for (const crl of [
      friends.revocationList([], { nextUpdate: Date.now() - DAY_MS }),
      strangers.revocationList([]),
    ]) {
      const served = await serve({ clientAuth: { mode: 'require', ca: friends.pem, crl } });
      const client = await friends.issue({ name: 'ann' });
      expect((await visit(served.port, { ...client, ...only(version) })).facts).toBeUndefined();
      expect(await reasonIn(served)).toBe('CLIENT_CRL_UNUSABLE');
    }
  });

  it('takes effect when the file changes, also for sessions begun before, and again when it is taken back', async () => {
    await withTemporaryFolder(async (folder) => {
      const [caFile, crlFile] = [folder.file('ca.pem'), folder.file('crl.pem')];
      await writeFile(caFile, friends.pem);
      await writeFile(crlFile, friends.revocationList([]));
      const served = await serve({ clientAuth: { mode: 'require', caFile, crlFile } });
      const client = { ...(await friends.issue({ name: 'ann', serialNumber: '77' })), ...only(version) };
      const first = await visit(served.port, client);
      expect(await visit(served.port, { ...client, session: first.session })).toMatchObject({
        isReused: true,
        facts: { authorized: true },
      });
      await writeFile(crlFile, friends.revocationList(['77']));
      await until(async () => (await visit(served.port, client)).facts === undefined);
      expect(await visit(served.port, { ...client, session: first.session })).toMatchObject({
        isReused: false,
        facts: undefined,
      });
      await writeFile(crlFile, friends.revocationList([]));
      await until(async () => (await visit(served.port, client)).facts !== undefined);
    });
  });
});

describe('the files of clientAuth', () => {
  it('are read by reload() at once, and what cannot be used does not take the place of what holds', async () => {
    await withTemporaryFolder(async (folder) => {
      const caFile = folder.file('ca.pem');
      await writeFile(caFile, friends.pem);
      const { secure, port } = await serve({ clientAuth: { mode: 'require', caFile } });
      const [friend, stranger] = [
        await friends.issue({ name: 'ann' }),
        await strangers.issue({ name: 'eve' }),
      ];
      await writeFile(caFile, strangers.pem);
      await secure.reload();
      expect((await visit(port, stranger)).facts).toMatchObject({ authorized: true });
      expect((await visit(port, friend)).facts).toBeUndefined();
      await writeFile(caFile, friends.pem.slice(0, 200));
      await expect(secure.reload()).rejects.toMatchObject({ code: 'TLS_PEM_INVALID' });
      expect(secure.status().findings).toMatchObject([
        { code: 'RELOAD_REJECTED', source: 'clientAuth of the server' },
      ]);
      expect((await visit(port, stranger)).facts).toMatchObject({ authorized: true });
      await writeFile(caFile, friends.pem + strangers.pem);
      await secure.reload();
      expect(secure.status().findings).toEqual([]);
      expect((await visit(port, friend)).facts).toMatchObject({ authorized: true });
    });
  });

  it('that stay damaged are told of without anybody asking', async () => {
    await withTemporaryFolder(async (folder) => {
      const caFile = folder.file('ca.pem');
      await writeFile(caFile, friends.pem);
      const { secure } = await serve({ clientAuth: { mode: 'require', caFile } });
      await writeFile(caFile, 'nothing of the kind');
      await until(() => secure.status().findings.some(({ code }) => code === 'RELOAD_REJECTED'));
    });
  });

  it.each([
    ['TLS_FILE_NOT_FOUND', undefined],
    ['TLS_FILE_EMPTY', ''],
    ['TLS_PEM_INVALID', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ])('that cannot be used make start() reject with %s, and nothing stays open', async (code, content) => {
    await withTemporaryFolder(async (folder) => {
      const caFile = folder.file('ca.pem');
      if (content !== undefined) await writeFile(caFile, content);
      const secure = createSecureServer(
        {
          sources: pemPair(pair),
          logger: false,
          policies: { 'a.test': { clientAuth: { mode: 'require', caFile } } },
        },
        createHttpServer(),
      );
      keep(secure);
      await expect(secure.start()).rejects.toMatchObject({ code });
    });
  });

  it.each(['nonsense', ''])('with a revocation list that is %j make start() reject', async (crl) => {
    await withTemporaryFolder(async (folder) => {
      const crlFile = folder.file('crl.pem');
      await writeFile(crlFile, crl);
      const clientAuth = { mode: 'require', ca: friends.pem, crlFile } as const;
      const secure = createSecureServer(
        { sources: pemPair(pair), logger: false, clientAuth },
        createHttpServer(),
      );
      keep(secure);
      await expect(secure.start()).rejects.toMatchObject({ code: 'TLS_PEM_INVALID' });
    });
  });
});

describe('a server with client certificates', () => {
  it('keeps to them in front of a raw tls.Server, too', async () => {
    const app = createTlsServer((socket) => socket.end(`{"authorized":${socket.authorized}}`));
    const clientAuth = { mode: 'require', ca: friends.pem } as const;
    const secure = keep(createSecureServer({ sources: pemPair(pair), logger: false, clientAuth }, app));
    await secure.listen({ port: 0, host: '127.0.0.1' });
    const client = await friends.issue({ name: 'ann' });
    expect((await visit(portOf(app), client)).facts).toEqual({ authorized: true });
    expect((await visit(portOf(app))).facts).toBeUndefined();
  });

  it('checks by itself what it serves without complaining of its own missing certificate', async () => {
    const served = await serve({
      sources: selfSigned({ names: ['a.test'] }),
      clientAuth: { mode: 'require', ca: friends.pem },
    });
    await served.secure.renew('a.test');
    expect(served.log.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    expect(served.log.lines.filter(({ facts }) => facts['code'] === 'CLIENT_CERT_MISSING')).toEqual([]);
  });

  it('has no tlsOptions, which could not keep to them', async () => {
    const clientAuth = { mode: 'request' } as const;
    const secure = keep(createSecureServer({ sources: pemPair(pair), logger: false, clientAuth }));
    await secure.start();
    expect(() => secure.tlsOptions).toThrow(TypeError);
  });
});

/** A certificate with so many names of 58 letters. */
function large(authority: ClientAuthority, count: number): Promise<ClientPair> {
  const names = Array.from(
    { length: count },
    (_, index) => `${String(index).padStart(4, '0')}.${'x'.repeat(48)}.test`,
  );
  return authority.issue({ name: 'large', names });
}
