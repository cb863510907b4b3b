// One name with an ECDSA and an RSA certificate: each client gets the one that it can check, and never that of another
// name.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { once } from 'node:events';
import type { ConnectionOptions, SecureVersion } from 'node:tls';
import {
  type CertificateSource,
  createSecureServer,
  directory,
  filePair,
  pemPair,
  type SecureServer,
  selfSigned,
} from '../../src/index.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { sClient } from '../support/clients.js';
import { manualClock } from '../support/manual-clock.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { closesAfterEach } from './support/cleanup.js';
import { portOf, tls } from './support/connections.js';
import { swappableSource } from './support/pairs.js';

const keep = closesAfterEach();
const DAY_MS = 86_400_000;
const versions = ['TLSv1.2', 'TLSv1.3'] as const;
let ca: TestCa;
let ecdsa: TestPair;
let rsa: TestPair;
let other: TestPair;

beforeAll(async () => {
  ca = await testCa();
  [ecdsa, rsa, other] = await Promise.all([
    ca.issue({ names: ['a.test'] }),
    ca.issue({ names: ['a.test', '*.w.test'], keyType: 'rsa-2048' }),
    ca.issue({ names: ['other.test'] }),
  ]);
});

async function serve(
  sources: CertificateSource[],
  options = {},
): Promise<{ secure: SecureServer; port: number }> {
  const app = createHttpServer((_, response) => response.end('app'));
  const secure = createSecureServer({ sources, logger: false, ...options }, app);
  keep(secure);
  await secure.listen({ port: 0, host: '127.0.0.1' });
  return { secure, port: portOf(app) };
}

/** What a client can check. */
const KNOWS: Readonly<Record<'ecdsa' | 'rsa', ConnectionOptions>> = {
  ecdsa: { sigalgs: 'ECDSA+SHA256:ECDSA+SHA384' },
  rsa: { sigalgs: 'RSA-PSS+SHA256:RSA+SHA256' },
};

/** The fingerprint of what a client is shown; undefined when there is nothing that it can check. */
async function shown(port: number, options: ConnectionOptions): Promise<string | undefined> {
  try {
    const socket = await tls(port, { rejectUnauthorized: false, ...options });
    const fingerprint = socket.getPeerX509Certificate()?.fingerprint256;
    socket.destroy();
    return fingerprint;
  } catch {
    return undefined;
  }
}

function fingerprintOf({ leaf }: TestPair): string {
  return new X509Certificate(leaf).fingerprint256;
}

function only(version: SecureVersion): ConnectionOptions {
  return { minVersion: version, maxVersion: version };
}

/** Sources that have both, in whichever order. */
const SUPPLIES: readonly (readonly [string, () => CertificateSource[]])[] = [
  ['pemPair twice', () => [pemPair(other), pemPair(ecdsa), pemPair(rsa)]],
  ['pemPair twice, RSA first', () => [pemPair(rsa), pemPair(ecdsa), pemPair(other)]],
];

describe.each(versions)('by %s,', (version) => {
  it.each(SUPPLIES)('each client gets the certificate that it can check: %s', async (_, sources) => {
    const { port } = await serve(sources());
    for (let times = 0; times < 3; times += 1) {
      expect(await shown(port, { ...KNOWS.ecdsa, ...only(version) })).toBe(fingerprintOf(ecdsa));
      expect(await shown(port, { ...KNOWS.rsa, ...only(version) })).toBe(fingerprintOf(rsa));
    }
    // A client without a preference gets one of both.
    expect([ecdsa, rsa].map(fingerprintOf)).toContain(await shown(port, only(version)));
  });

  it('a name with one kind of key has that one only, whatever others have', async () => {
    const { port } = await serve([pemPair(rsa), pemPair(ecdsa), pemPair(other)]);
    expect(await shown(port, { servername: 'other.test', ...KNOWS.ecdsa, ...only(version) })).toBe(
      fingerprintOf(other),
    );
    expect(await shown(port, { servername: 'other.test', ...KNOWS.rsa, ...only(version) })).toBeUndefined();
    expect(await shown(port, { servername: 'x.w.test', ...KNOWS.rsa, ...only(version) })).toBe(
      fingerprintOf(rsa),
    );
    expect(await shown(port, { servername: 'x.w.test', ...KNOWS.ecdsa, ...only(version) })).toBeUndefined();
  });

  it('openssl with ciphers or signatures of one kind gets that kind, and its chain', async () => {
    const { port } = await serve([pemPair(rsa), pemPair(ecdsa)]);
    const protocol = version === 'TLSv1.2' ? 'tls1_2' : 'tls1_3';
    const request = { port, host: 'a.test', caPem: ca.rootPem, protocol } as const;
    for (const [pair, cipher, sigalgs] of [
      [rsa, 'ECDHE-RSA-AES128-GCM-SHA256', 'RSA-PSS+SHA256'],
      [ecdsa, 'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDSA+SHA256'],
    ] as const) {
      const extraArgs = version === 'TLSv1.2' ? ['-cipher', cipher] : ['-sigalgs', sigalgs];
      const { chain } = await sClient({ ...request, extraArgs });
      expect(chain.map((pem) => new X509Certificate(pem).fingerprint256)).toEqual([
        fingerprintOf(pair),
        new X509Certificate(ca.intermediatePem).fingerprint256,
      ]);
    }
  });

  it('clients without a server name have the choice, too', async () => {
    const { port } = await serve([pemPair(ecdsa), pemPair({ ...rsa })], { defaultName: 'a.test' });
    expect(await shown(port, { servername: '', ...KNOWS.ecdsa, ...only(version) })).toBe(
      fingerprintOf(ecdsa),
    );
    expect(await shown(port, { servername: '', ...KNOWS.rsa, ...only(version) })).toBe(fingerprintOf(rsa));
  });

  it('a folder serves name.ecdsa.pem beside name.rsa.pem, and what takes their place', () =>
    withTemporaryFolder(async (folder) => {
      await ecdsa.writeTo(folder.path, 'a.test.ecdsa');
      await rsa.writeTo(folder.path, 'a.test.rsa');
      await other.writeTo(folder.path, 'other.test');
      const { port, secure } = await serve([directory({ path: folder.path })]);
      expect(await shown(port, { ...KNOWS.rsa, ...only(version) })).toBe(fingerprintOf(rsa));
      expect(await shown(port, { ...KNOWS.ecdsa, ...only(version) })).toBe(fingerprintOf(ecdsa));
      expect(await shown(port, { servername: 'other.test', ...KNOWS.rsa, ...only(version) })).toBeUndefined();
      const listed = () => secure.status().certificates.map(({ fingerprint256 }) => fingerprint256);
      expect(listed()).toEqual(expect.arrayContaining([fingerprintOf(rsa), fingerprintOf(ecdsa)]));
      const next = await ca.issue({ names: ['a.test'], keyType: 'rsa-2048' });
      await next.writeTo(folder.path, 'a.test.rsa');
      await secure.reload();
      expect(await shown(port, { ...KNOWS.rsa, ...only(version) })).toBe(fingerprintOf(next));
      expect(await shown(port, { ...KNOWS.ecdsa, ...only(version) })).toBe(fingerprintOf(ecdsa));
    }));

  it('tlsOptions serve the RSA one to clients that know nothing else', async () => {
    const secure = keep(createSecureServer({ sources: [pemPair(ecdsa), pemPair(rsa)], logger: false }));
    await secure.start();
    const server = keep(createHttpsServer(secure.tlsOptions));
    server.on('tlsClientError', (_, socket) => socket.destroy());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    expect(await shown(portOf(server), { ...KNOWS.ecdsa, ...only(version) })).toBe(fingerprintOf(ecdsa));
    expect(await shown(portOf(server), { ...KNOWS.rsa, ...only(version) })).toBe(fingerprintOf(rsa));
  });
});

describe('two kinds of key', () => {
  it('go on as one when one of them has expired, and as two when it is renewed', () =>
    withTemporaryFolder(async (folder) => {
      const clock = manualClock();
      const short = await ca.issue({
        names: ['a.test'],
        keyType: 'rsa-2048',
        notAfter: clock.now() + DAY_MS,
      });
      const files = await short.writeTo(folder.path, 'rsa');
      const { port, secure } = await serve(
        [filePair(await ecdsa.writeTo(folder.path, 'ecdsa')), filePair(files)],
        { clock },
      );
      expect(await shown(port, KNOWS.rsa)).toBe(fingerprintOf(short));
      await clock.advance(DAY_MS + 1);
      expect(await shown(port, KNOWS.rsa)).toBeUndefined();
      expect(await shown(port, KNOWS.ecdsa)).toBe(fingerprintOf(ecdsa));
      await rsa.writeTo(folder.path, 'rsa');
      await secure.reload();
      expect(await shown(port, KNOWS.rsa)).toBe(fingerprintOf(rsa));
    }));

  it('are two sources of one kind: selfSigned() behind files does not show its own to whoever prefers ECDSA', async () => {
    const { port } = await serve([pemPair(rsa), selfSigned({ names: ['a.test'] })]);
    expect(await shown(port, {})).toBe(fingerprintOf(rsa));
    expect(await shown(port, KNOWS.ecdsa)).toBeUndefined();
  });

  it('share their sessions', async () => {
    const { port } = await serve([pemPair(ecdsa), pemPair(rsa)]);
    const options = { rejectUnauthorized: false, maxVersion: 'TLSv1.2' } as const;
    const first = keep(await tls(port, { ...options, ...KNOWS.rsa }));
    const second = keep(await tls(port, { ...options, ...KNOWS.rsa, session: first.getSession() }));
    expect(second.isSessionReused()).toBe(true);
  });

  it('are both found by the check of what is served, and a third one is not', async () => {
    const sources = [swappableSource(ecdsa), swappableSource(rsa)] as const;
    await serve([...sources]);
    const { host } = sources[0];
    await expect(host.verifyServed('a.test', fingerprintOf(ecdsa))).resolves.toBeUndefined();
    await expect(host.verifyServed('a.test', fingerprintOf(rsa))).resolves.toBeUndefined();
    await expect(host.verifyServed('a.test', fingerprintOf(other))).rejects.toMatchObject({
      code: 'SERVED_CERTIFICATE_DIFFERS',
    });
  });

  it('follow what a source swaps', async () => {
    const sources = [swappableSource(ecdsa), swappableSource(rsa)] as const;
    const { port } = await serve([...sources]);
    const next = await ca.issue({ names: ['a.test'], keyType: 'rsa-2048' });
    sources[1].swap(next);
    expect(await shown(port, KNOWS.rsa)).toBe(fingerprintOf(next));
    expect(await shown(port, KNOWS.ecdsa)).toBe(fingerprintOf(ecdsa));
  });
});
