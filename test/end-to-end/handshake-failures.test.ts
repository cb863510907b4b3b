// Handshakes that fail with real clients: each kind is one line that says what it means, however often it comes.
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createSecureServer, pemPair, type SecureServer, type SecureServerOptions } from '../../src/index.js';
import { type LeafRequest, testCa, type TestCa } from '../support/certificates.js';
import { chromium, curl, gnutlsCli, nodeHttps, pythonSsl, sClient } from '../support/clients.js';
import { type ManualClock, manualClock } from '../support/manual-clock.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { captureClientHello } from '../support/raw-client-hello.js';
import { until } from '../support/until.js';
import { closesAfterEach } from './support/cleanup.js';
import { gone, portOf, tcp } from './support/connections.js';
import { type LogLine, memoryLog, type MemoryLog } from './support/log.js';

const keep = closesAfterEach();
let ca: TestCa;
let otherCa: TestCa;
let clock: ManualClock;
let log: MemoryLog;
let secure: SecureServer;
let port: number;

beforeAll(async () => {
  ca = await testCa();
  otherCa = await testCa({ name: 'Other' });
});

afterEach(async () => {
  await secure.close();
  expect(clock.pendingTimers).toBe(0);
});

async function serve(
  leaf: Partial<LeafRequest> = {},
  options: Partial<SecureServerOptions> = {},
): Promise<void> {
  clock = manualClock();
  log = memoryLog();
  const pair = await ca.issue({ names: ['a.test'], ...leaf });
  secure = createSecureServer(
    { sources: pemPair(pair), logger: log.logger, clock, ...options },
    (_request: IncomingMessage, response: ServerResponse) => {
      response.end('page');
    },
  );
  await secure.listen({ port: 0, host: '127.0.0.1' });
  port = portOf(secure.server);
}

function lines(): LogLine[] {
  return log.lines.filter(({ message }) => /handshake failed|refused|asked for/.test(message));
}

/** The one line that a client's failure has made. */
async function lineAfter(client: Promise<unknown>): Promise<LogLine> {
  const failed = (): LogLine[] => lines().filter(({ message }) => message.includes('handshake failed'));
  await client;
  await until(() => failed().length > 0, 'a line about the handshake');
  const [line, ...others] = failed();
  expect(others).toEqual([]);
  return line!;
}

const expired = { notBefore: Date.UTC(2024, 0, 1), notAfter: Date.UTC(2024, 3, 1) };
const verifies = ['-verify_return_error'];

type Client = () => Promise<unknown>;
const trusted = { host: 'a.test' };

/** Clients that do not come to terms with the usual server, or with one that has this leaf. */
const FAILURES: readonly (readonly [string, kind: string, Client, Partial<LeafRequest>?])[] = [
  [
    'openssl that knows another root',
    'unknown_ca',
    () => sClient({ port, ...trusted, caPem: otherCa.rootPem, extraArgs: verifies }),
  ],
  [
    'openssl that knows another root, with TLS 1.2',
    'unknown_ca',
    () => sClient({ port, ...trusted, caPem: otherCa.rootPem, protocol: 'tls1_2', extraArgs: verifies }),
  ],
  ['curl that knows no root', 'unknown_ca', () => curl({ port, ...trusted, caPem: otherCa.rootPem })],
  [
    'Python that knows another root',
    'unknown_ca',
    () => pythonSsl({ port, ...trusted, caPem: otherCa.rootPem }),
  ],
  [
    'curl, of an expired certificate',
    'certificate_expired',
    () => curl({ port, ...trusted, caPem: ca.rootPem }),
    expired,
  ],
  [
    'openssl, of a name that is not in it',
    'bad_certificate',
    () => sClient({ port, host: 'b.test', caPem: ca.rootPem, extraArgs: verifies }),
  ],
  [
    'GnuTLS that knows another root',
    'bad_certificate',
    () => gnutlsCli({ port, ...trusted, caPem: otherCa.rootPem }),
  ],
  [
    'openssl, of a certificate for clients',
    'unsupported_certificate',
    () => sClient({ port, ...trusted, caPem: ca.rootPem, extraArgs: [...verifies, '-purpose', 'sslserver'] }),
    { purposes: ['clientAuth'] },
  ],
  [
    'GnuTLS, of a certificate whose key may not sign',
    'client_internal_error',
    () => gnutlsCli({ port, ...trusted, caPem: ca.rootPem }),
    { keyType: 'rsa-2048', keyUsage: ['keyEncipherment'] },
  ],
  [
    'curl that speaks TLS 1.1 at most',
    'protocol_version',
    () => curl({ port, ...trusted, extraArgs: ['--tls-max', '1.1', '--ciphers', 'DEFAULT@SECLEVEL=0'] }),
  ],
  [
    'openssl with other ciphers',
    'no_shared_cipher',
    () => sClient({ port, ...trusted, protocol: 'tls1_2', extraArgs: ['-cipher', 'AES128-SHA'] }),
  ],
  [
    'openssl with another cipher suite of TLS 1.3',
    'no_shared_cipher',
    () => sClient({ port, ...trusted, extraArgs: ['-ciphersuites', 'TLS_AES_128_CCM_8_SHA256'] }),
  ],
  [
    'openssl that cannot check ECDSA',
    'no_signature_algorithm',
    () => sClient({ port, ...trusted, protocol: 'tls1_3', extraArgs: ['-sigalgs', 'rsa_pss_rsae_sha256'] }),
  ],
  [
    'openssl with another protocol',
    'no_application_protocol',
    () => sClient({ port, ...trusted, alpn: 'nonsense' }),
  ],
  [
    'node under TLS 1.3, which leaves without a word',
    'disconnected',
    () => nodeHttps({ port, ...trusted, caPem: otherCa.rootPem }).catch(() => undefined),
  ],
  ['one that resets in the middle', 'disconnected', () => afterHello((socket) => socket.resetAndDestroy())],
  ['one that hangs up in the middle', 'disconnected', () => afterHello((socket) => socket.end())],
  ['one that goes on with noise', 'decrypt_error', () => afterHello((socket) => socket.write(noise()))],
  ['one that says no more', 'timeout', () => afterHello(() => undefined)],
  ['a browser that does not know the authority', 'certificate_unknown', () => afterHello(alert(46))],
  ['one that says the certificate is revoked', 'certificate_revoked', () => afterHello(alert(44))],
  ['Chromium, of a key usage', 'illegal_parameter', () => afterHello(alert(47))],
  ['one that cannot decrypt', 'decrypt_error', () => afterHello(alert(51))],
  ['one that gives no reason', 'handshake_failure', () => afterHello(alert(40))],
];

/** A real hello, and then something else than a client would do once the server has answered. */
async function afterHello(act: (socket: Socket) => unknown): Promise<void> {
  const hello = await captureClientHello({ servername: 'a.test', ALPNProtocols: ['http/1.1'] });
  const socket = keep(await tcp(port));
  const answered = new Promise((resolve) => socket.once('data', resolve));
  socket.write(hello);
  await answered;
  socket.resume();
  act(socket);
  await gone(socket);
}

function noise(): Buffer {
  return Buffer.concat([Buffer.from([23, 3, 3, 0, 32]), Buffer.alloc(32, 1)]);
}

function alert(code: number): (socket: Socket) => void {
  return (socket) => void socket.write(Buffer.from([21, 3, 3, 0, 2, 2, code]));
}

describe('a client that does not come to terms', () => {
  it.each(FAILURES)('%s: %s', async (...[, kind, client, leaf]) => {
    // node's own timer, so that only the client that is to meet it has little time.
    await serve(leaf, kind === 'timeout' ? { handshakeTimeoutMs: 500 } : {});
    const { facts, message, level } = await lineAfter(client());
    expect(facts).toMatchObject({ kind, hint: expect.any(String) as unknown });
    expect(message).toMatch(/^A TLS handshake failed: client .{60}/);
    expect(message).not.toContain('SSL routines');
    expect(['info', 'warn']).toContain(level);
    expect(secure.metrics()).toMatch(/tlsmith_handshakes_total\{result="(failed|HANDSHAKE_TIMEOUT)"\} 1/);
  });

  it('Chromium itself, because of a key usage without digitalSignature, is told as that', async () => {
    await serve({ keyType: 'rsa-2048', keyUsage: ['keyEncipherment', 'dataEncipherment'] });
    const { error, dom } = await withTemporaryFolder(async (folder) => {
      const { rootFile: caFile } = await ca.writeTo(folder.path);
      return chromium({ url: `https://a.test:${port}/`, caFile });
    });
    expect(dom).not.toContain('page');
    expect(error).toMatch(/^(?:ERR_SSL_KEY_USAGE_INCOMPATIBLE|-181)$/);
    const line = lines().find(({ facts }) => facts['kind'] === 'illegal_parameter');
    expect(line?.message).toContain('ERR_SSL_KEY_USAGE_INCOMPATIBLE');
    expect(line?.facts['hint']).toContain('TLS_KEY_USAGE');
    await until(() => secure.status().findings.length > 0, 'the finding');
    expect(secure.status().findings).toMatchObject([{ code: 'TLS_KEY_USAGE' }]);
  });

  it('because it does not know the authority is told apart by its code, as a warning', async () => {
    await serve();
    const { facts, level, message } = await lineAfter(curl({ port, host: 'a.test', caPem: otherCa.rootPem }));
    expect({ code: facts['code'], level }).toEqual({ code: 'TLS_CLIENT_REJECTED_CA', level: 'warn' });
    expect(facts['hint']).toContain('NODE_EXTRA_CA_CERTS');
    expect(message).toMatch(
      /It was shown a certificate issued by .*Intermediate.* and 1 intermediate\(s\)\./,
    );
  });

  it('is named, with what it asked for, also when it has left at once', async () => {
    await serve();
    const { facts, message } = await lineAfter(curl({ port, host: 'a.test', caPem: otherCa.rootPem }));
    expect(facts['remoteAddress']).toBe('127.0.0.1');
    expect(message).toContain('client 127.0.0.1 (it asked for a.test) does not trust');
  });

  it('does so a thousand times: two lines, the first with a sample, then a count', async () => {
    await serve();
    const hello = await captureClientHello({ servername: 'a.test', ALPNProtocols: ['http/1.1'] });
    const fail = async (): Promise<void> => {
      const socket = await tcp(port);
      socket.write(hello);
      await new Promise((resolve) => socket.once('data', resolve));
      socket.resume();
      alert(48)(socket);
      await gone(socket);
    };
    for (let round = 0; round < 50; round += 1) await Promise.all(Array.from({ length: 20 }, fail));
    await until(() => secure.metrics().includes('{result="failed"} 1000'), 'the count');
    expect(lines()).toHaveLength(1);
    await clock.advance(300_000);
    expect(lines()).toHaveLength(2);
    expect(lines()[1]).toMatchObject({
      level: 'warn',
      facts: { kind: 'unknown_ca', repeated: 999 },
      message: expect.stringContaining('999 times more') as unknown,
    });
    await clock.advance(600_000);
    expect(lines()).toHaveLength(2);
  });

  it('in every way at once makes a line for each kind', async () => {
    await serve();
    for (const code of [40, 42, 43, 44, 45, 46, 47, 48, 51, 80, 42, 48]) await afterHello(alert(code));
    await until(() => secure.metrics().includes('{result="failed"} 12'), 'the count');
    expect(lines()).toHaveLength(10);
    expect(new Set(lines().map(({ facts }) => facts['kind'])).size).toBe(10);
  });
});

describe('clients that ask for a name without certificate', () => {
  it('and get the default one are counted by name, with the names there are', async () => {
    await serve();
    for (const host of ['shop.test', 'shop.test', 'x.test', 'shop.test']) {
      await sClient({ port, host, caPem: ca.rootPem });
    }
    expect(lines()).toHaveLength(1);
    expect(lines()[0]).toMatchObject({ level: 'info', facts: { code: 'SERVER_NAME_UNKNOWN' } });
    expect(lines()[0]?.message).toContain('1 client asked for shop.test, and no certificate covers it');
    await clock.advance(300_000);
    expect(lines()[1]?.message).toContain('3 clients asked for shop.test (and 1 for other names)');
    expect(lines()[1]?.message).toContain('there are: a.test.');
    expect(secure.status().findings).toEqual([]);
  });

  it('and are refused are counted alike', async () => {
    await serve({}, { unknownName: 'reject' });
    for (const host of ['shop.test', 'x.test', 'shop.test']) await sClient({ port, host });
    expect(lines()).toHaveLength(1);
    await secure.close();
    expect(lines()).toHaveLength(2);
    expect(lines()[1]?.message).toContain('2 clients asked for shop.test (and 1 for other names)');
  });

  it('and clients without a name, where there is no default, have a line of their own', async () => {
    const pair = await ca.issue({ names: ['a.test'] });
    const found = (name: string | undefined): typeof pair | undefined =>
      name === 'a.test' ? pair : undefined;
    await serve({}, { sources: found, unknownName: 'reject' });
    await sClient({ port, sendsServerName: false });
    await sClient({ port, host: 'x.test' });
    expect(lines()).toHaveLength(2);
    expect(lines()[0]?.message).toContain('the client sent no server name');
    expect(lines()[0]?.facts['hint']).toContain('defaultName');
  });
});
