// Certificates from sources that are no files are inspected as well: soon, once, and at the start where it is strict.
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type CertificateSource,
  createCredential,
  createSecureServer,
  directory,
  fromFunction,
  pemPair,
  type SecureServer,
  type SecureServerOptions,
  selfSigned,
} from '../../src/index.js';
import { type LeafRequest, testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { sClient } from '../support/clients.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { portOf } from './support/connections.js';
import { memoryLog, type MemoryLog } from './support/log.js';
import { swappableSource } from './support/pairs.js';

let ca: TestCa;
let log: MemoryLog;
let secure: SecureServer;
beforeAll(async () => {
  ca = await testCa();
});
afterEach(() => secure.close());

const WITHOUT_SIGNATURES = { keyType: 'rsa-2048', keyUsage: ['keyEncipherment'] } as const;

function pairWith(leaf: Partial<LeafRequest> = {}): Promise<TestPair> {
  return ca.issue({ names: ['a.test'], ...leaf });
}

function server(options: SecureServerOptions): SecureServer {
  log = memoryLog();
  secure = createSecureServer({ logger: log.logger, ...options }, (_request, response) => {
    response.end();
  });
  return secure;
}

async function serve(options: SecureServerOptions): Promise<number> {
  await server(options).listen({ port: 0, host: '127.0.0.1' });
  return portOf(secure.server);
}

function codes(): string[] {
  return secure.status().findings.map(({ code }) => code);
}

function handshake(port: number, host = 'a.test'): Promise<unknown> {
  return sClient({ port, host, caPem: ca.rootPem });
}

describe('a pair given inline', () => {
  it('is inspected after the start, and told of once, in log and status alike', async () => {
    const port = await serve({ sources: pemPair(await pairWith(WITHOUT_SIGNATURES)) });
    await until(() => codes().length > 0, 'a finding');
    await handshake(port);
    await handshake(port);
    expect(secure.status().findings).toMatchObject([
      { code: 'TLS_KEY_USAGE', severity: 'warning', source: 'pem-pair', names: ['a.test'] },
    ]);
    expect(log.lines.filter(({ facts }) => facts['code'] === 'TLS_KEY_USAGE')).toHaveLength(1);
  });

  it('prevents a strict start, with the code of what is wrong', async () => {
    for (const [leaf, code] of [
      [WITHOUT_SIGNATURES, 'TLS_KEY_USAGE'],
      [{ version: 1 }, 'TLS_CERT_V1'],
      [{ notBefore: Date.UTC(2024, 0, 1), notAfter: Date.UTC(2024, 3, 1) }, 'TLS_CERT_EXPIRED'],
    ] as const) {
      const strict = server({ sources: pemPair(await pairWith(leaf)), strict: true });
      await expect(strict.start()).rejects.toMatchObject({ code, hint: expect.any(String) as unknown });
    }
  });

  it('without fault starts a strict server', async () => {
    await server({ sources: pemPair(await pairWith()), strict: true }).start();
    expect(codes()).toEqual([]);
  });

  it('is inspected again by a server that is started again', async () => {
    const options = { sources: pemPair(await pairWith(WITHOUT_SIGNATURES)) };
    await server(options).start();
    await until(() => codes().length > 0, 'a finding');
    await secure.close();
    await secure.start();
    await until(() => codes().length > 0, 'the finding again');
    expect(codes()).toEqual(['TLS_KEY_USAGE']);
  });
});

describe('an answer of a function', () => {
  it('is inspected when it is first served, and not again', async () => {
    const pair = await pairWith({ names: ['a.test', 'b.test'], version: 1, commonName: 'a.test' });
    const port = await serve({
      sources: fromFunction(() => Promise.resolve({ cert: pair.cert, key: pair.key }), { cacheMs: 0 }),
    });
    expect(codes()).toEqual([]);
    await handshake(port);
    await until(() => codes().length > 0, 'a finding');
    for (let round = 0; round < 3; round += 1) await handshake(port);
    expect(codes()).toEqual(['TLS_CERT_V1']);
  });

  it('that is better than the one before takes its findings back', async () => {
    let pair = await pairWith(WITHOUT_SIGNATURES);
    const port = await serve({
      sources: fromFunction(() => ({ cert: pair.cert, key: pair.key }), { cacheMs: 0 }),
    });
    await handshake(port);
    await until(() => codes().length > 0, 'a finding');
    pair = await pairWith();
    await handshake(port);
    await until(() => codes().length === 0, 'the finding to be taken back');
  });
});

describe('a finding about what handshakes are served', () => {
  const findings = () => secure.status().findings;

  it.each<[string, string, (pair: TestPair) => SecureServerOptions['sources']]>([
    [
      'a function',
      'fromVault',
      ({ cert, key }) =>
        fromFunction(function fromVault() {
          return { cert, key };
        }),
    ],
    [
      'a bare function',
      'vault',
      ({ cert, key }) =>
        function vault() {
          return Promise.resolve({ cert, key });
        },
    ],
    [
      'an object',
      'own',
      (pair) => {
        const found = createCredential(pair);
        return { name: 'own', find: () => found };
      },
    ],
    [
      'an object that takes its time',
      'slow',
      (pair) => {
        const found = createCredential(pair);
        return { name: 'slow', find: () => Promise.resolve(found) };
      },
    ],
  ])('names the source that has answered: %s', async (_what, name, source) => {
    const port = await serve({ sources: source(await pairWith(WITHOUT_SIGNATURES))! });
    await handshake(port);
    await until(() => findings().length > 0, 'a finding');
    expect(findings()).toMatchObject([{ code: 'TLS_KEY_USAGE', source: name }]);
  });

  it('is made once for each of two pairs of a folder that are served together', async () => {
    await withTemporaryFolder(async ({ path }) => {
      await (await pairWith(WITHOUT_SIGNATURES)).writeTo(path, 'a.test.rsa');
      await (await pairWith({ keyUsage: ['keyAgreement'] })).writeTo(path, 'a.test.ecdsa');
      const port = await serve({ sources: directory(path) });
      await handshake(port);
      await secure.reload();
      await new Promise(setImmediate);
      expect(findings().map(({ code, source }) => [code, source])).toEqual([
        ['TLS_KEY_USAGE', 'directory'],
        ['TLS_KEY_USAGE', 'directory'],
      ]);
      await secure.close();
    });
  });
});

describe('a source of somebody else', () => {
  it('has its certificates inspected before a strict start is done', async () => {
    const credential = createCredential(await pairWith({ purposes: ['clientAuth'] }));
    const source: CertificateSource = { name: 'own', find: () => credential, list: () => [credential] };
    await expect(server({ sources: source, strict: true }).start()).rejects.toMatchObject({
      code: 'TLS_EXTENDED_KEY_USAGE',
    });
  });

  it('that two servers share is inspected for both', async () => {
    const credential = createCredential(await pairWith(WITHOUT_SIGNATURES));
    const source: CertificateSource = { name: 'own', find: () => credential, list: () => [credential] };
    const first = server({ sources: source, strict: true });
    await expect(first.start()).rejects.toMatchObject({ code: 'TLS_KEY_USAGE' });
    await expect(server({ sources: source, strict: true }).start()).rejects.toMatchObject({
      code: 'TLS_KEY_USAGE',
    });
  });

  it('that gets another certificate has that one inspected', async () => {
    const source = swappableSource(await pairWith());
    await server({ sources: source }).start();
    source.swap(await pairWith(WITHOUT_SIGNATURES));
    await until(() => codes().length > 0, 'a finding');
    expect(codes()).toEqual(['TLS_KEY_USAGE']);
    source.swap(await pairWith());
    await until(() => codes().length === 0, 'the finding to be taken back');
  });
});

describe('a certificate issued here', () => {
  it('has no findings', async () => {
    const port = await serve({ sources: selfSigned({ names: ['a.test'] }), strict: true });
    await secure.ready();
    await handshake(port);
    await until(() => log.lines.some(({ message }) => message.includes('issued')), 'the certificate');
    expect(codes()).toEqual([]);
  });
});
