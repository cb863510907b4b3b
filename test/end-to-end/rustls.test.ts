// Clients of rustls, which look closer than those of OpenSSL: what our certificates have to be like for all of them.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  type CertificateSource,
  createSecureServer,
  directory,
  filePair,
  type SecureServer,
  selfSigned,
} from '../../src/index.js';
import { type LeafRequest, testCa, type TestCa } from '../support/certificates.js';
import { curl, deno, hasDeno, nodeHttps, sClient } from '../support/clients.js';
import { folderPerTest } from '../support/folder-per-test.js';
import { closesAfterEach } from './support/cleanup.js';
import { portOf } from './support/connections.js';

jest.setTimeout(180_000);

const host = 'a.test';
const keep = closesAfterEach();
let ca: TestCa;

beforeAll(async () => {
  ca = await testCa();
});
const folder = folderPerTest();

async function serving(
  sources: CertificateSource,
  strict = true,
): Promise<{ secure: SecureServer; port: number }> {
  const secure = keep(
    createSecureServer({ sources, logger: false, strict }, (_: IncomingMessage, response: ServerResponse) =>
      response.end('the page'),
    ),
  );
  await secure.listen({ port: 0, host: '127.0.0.1' });
  return { secure, port: portOf(secure.server) };
}

async function files(request: Partial<LeafRequest> = {}): Promise<{ certFile: string; keyFile: string }> {
  return (await ca.issue({ names: [host], ...request })).writeTo(folder.path, host);
}

(hasDeno ? describe : describe.skip)('a client of rustls', () => {
  it.each(['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'ed25519'] as const)(
    'takes a certificate with a key of %s',
    async (keyType) => {
      await files({ keyType });
      const { port } = await serving(directory(folder.path));
      expect(await deno({ port, host, caPem: ca.rootPem })).toEqual({
        status: 200,
        body: 'the page',
        error: '',
      });
    },
  );

  it('takes a certificate that we have signed ourselves, and refuses it when nobody has told it so', async () => {
    const { port } = await serving(selfSigned({ names: [host] }));
    const [caPem = ''] = (await sClient({ port, host })).chain;
    expect(await deno({ port, host, caPem })).toMatchObject({ status: 200 });
    expect(await deno({ port, host })).toMatchObject({ status: 0 });
  });
});

(hasDeno ? describe : describe.skip)('a certificate of version 1', () => {
  it('is refused by rustls although OpenSSL and Node take it, and is served with a warning that says so', async () => {
    const { secure, port } = await serving(filePair(await files({ version: 1, commonName: host })), false);
    const caPem = ca.rootPem;
    expect(await curl({ port, host, caPem })).toMatchObject({ status: 200 });
    expect(await nodeHttps({ port, host, caPem })).toMatchObject({ status: 200 });
    expect(await deno({ port, host, caPem })).toMatchObject({
      status: 0,
      error: expect.stringContaining('UnsupportedCertVersion') as unknown,
    });
    expect(secure.status().findings).toMatchObject([
      { code: 'TLS_CERT_V1', message: expect.stringMatching(/Go and rustls clients refuse it/) as unknown },
    ]);
  });

  it('keeps a strict server from starting', async () => {
    const sources = filePair(await files({ version: 1, commonName: host }));
    await expect(serving(sources)).rejects.toMatchObject({ code: 'TLS_CERT_V1' });
  });
});
