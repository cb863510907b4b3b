// Every client that people check a server with, against one server of ours: what they get, and what they refuse.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, pemPair, type SecureServer } from '../../src/index.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import {
  chromium,
  curl,
  gnutlsCli,
  nodeFetch,
  nodeHttp2,
  nodeHttps,
  pythonSsl,
  sClient,
} from '../support/clients.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { portOf } from './support/connections.js';

const host = 'a.test';
let ca: TestCa;
let pair: TestPair;
let folder: TemporaryFolder;
let secure: SecureServer;
let target: { port: number; host: string; caFile: string };

beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: [host, '127.0.0.1', '::1'] });
  folder = await temporaryFolder();
  const { rootFile: caFile } = await ca.writeTo(folder.path);
  secure = createSecureServer(
    { sources: pemPair({ cert: pair.cert, key: pair.key }), http2: true, logger: false },
    (request: IncomingMessage, response: ServerResponse) => {
      response.setHeader('content-type', 'text/html');
      response.end(`<p>${request.url ?? ''} over ${request.httpVersion}</p>`);
    },
  );
  await secure.listen({ port: 0, host: '127.0.0.1' });
  target = { port: portOf(secure.server), host, caFile };
});

afterAll(async () => {
  await secure.close();
  await folder.remove();
});

describe('curl', () => {
  it.each([false, true])(
    'gets headers alone by HEAD, and none that speaks of the server or of HTTP/3 (HTTP/2: %s)',
    async (http2) => {
      const { headers, ...answer } = await curl({ ...target, http2, path: '/x', extraArgs: ['--head'] });
      expect(answer).toMatchObject({ exitCode: 0, status: 200, httpVersion: http2 ? '2' : '1.1', body: '' });
      expect(headers['content-type']).toBe('text/html');
      expect(headers).not.toHaveProperty('alt-svc');
      expect(headers).not.toHaveProperty('server');
      expect((await curl({ ...target, http2 })).headers).not.toHaveProperty('alt-svc');
    },
  );

  it('gets a page by HTTP/1.1 and by HTTP/2', async () => {
    expect(await curl({ ...target, path: '/x?y=1' })).toMatchObject({
      exitCode: 0,
      status: 200,
      httpVersion: '1.1',
      body: '<p>/x?y=1 over 1.1</p>',
    });
    expect(await curl({ ...target, http2: true, path: '/x?y=1' })).toMatchObject({
      exitCode: 0,
      status: 200,
      httpVersion: '2',
      body: '<p>/x?y=1 over 2.0</p>',
    });
  });
  it.each([
    ['1.2', ['--tls-max', '1.2']],
    ['1.3', ['--tlsv1.3']],
  ])('gets a page by TLS %s', async (_, extraArgs) => {
    expect(await curl({ ...target, extraArgs })).toMatchObject({ exitCode: 0, body: '<p>/ over 1.1</p>' });
  });
  it('refuses TLS 1.1, an unknown root and another name', async () => {
    expect(
      await curl({ ...target, extraArgs: ['--tls-max', '1.1', '--ciphers', 'ALL:@SECLEVEL=0'] }),
    ).toMatchObject({
      exitCode: 35,
    });
    expect(await curl({ port: target.port, host })).toMatchObject({ exitCode: 60 });
    expect(await curl({ ...target, host: 'b.test' })).toMatchObject({ exitCode: 60 });
  });
});

describe('openssl s_client', () => {
  it.each([
    ['tls1_2', 'TLSv1.2'],
    ['tls1_3', 'TLSv1.3'],
  ] as const)('verifies the chain and the name by %s', async (protocol, agreed) => {
    const seen = await sClient({ ...target, protocol, alpn: 'h2,http/1.1' });
    expect(seen).toMatchObject({
      isConnected: true,
      protocol: agreed,
      subject: 'CN = a.test',
      issuer: 'CN = Test Intermediate',
      verifyCode: 0,
      stdout: expect.stringContaining('Verify return code: 0 (ok)'),
      alpn: 'h2',
    });
    expect(seen.chain).toEqual([pair.leaf, ca.intermediatePem]);
  });
  it('gets the default certificate when it sends no server name', async () => {
    const seen = await sClient({ ...target, sendsServerName: false });
    expect(seen).toMatchObject({ isConnected: true, verifyCode: 0, subject: 'CN = a.test' });
  });
  it('agrees on X25519 first and takes P-256 and P-384', async () => {
    expect(await sClient(target)).toMatchObject({ temporaryKey: expect.stringContaining('25519') });
    for (const group of ['P-256', 'P-384']) {
      const { temporaryKey } = await sClient({ ...target, groups: group });
      expect(temporaryKey).toContain(group === 'P-256' ? 'prime256v1' : 'secp384r1');
    }
  });
  it('cannot agree on a cipher without forward secrecy', async () => {
    const seen = await sClient({
      ...target,
      protocol: 'tls1_2',
      extraArgs: ['-cipher', 'AES128-GCM-SHA256'],
    });
    expect(seen).toMatchObject({ isConnected: false, alert: 40 });
  });
});

describe('gnutls-cli', () => {
  it.each(['NORMAL', 'NORMAL:-VERS-ALL:+VERS-TLS1.2', 'NORMAL:-VERS-ALL:+VERS-TLS1.3'])(
    'trusts the server with %s',
    async (priority) => {
      expect(await gnutlsCli({ ...target, priority })).toMatchObject({ exitCode: 0, isTrusted: true });
    },
  );
  it('trusts it without SNI, and not without the root', async () => {
    expect(await gnutlsCli({ ...target, sendsServerName: false })).toMatchObject({ isTrusted: true });
    expect(await gnutlsCli({ port: target.port, host })).toMatchObject({ isTrusted: false });
  });
});

describe('python', () => {
  it('gets a page', async () => {
    expect(await pythonSsl({ ...target, alpn: ['http/1.1'] })).toMatchObject({
      status: 200,
      version: 'TLSv1.3',
      alpn: 'http/1.1',
      body: '<p>/ over 1.1</p>',
      names: expect.arrayContaining([['DNS', host]]),
    });
  });
  it('reaches the server by its address', async () => {
    expect(await pythonSsl({ ...target, host: '127.0.0.1' })).toMatchObject({ status: 200 });
  });
});

describe("node's clients", () => {
  it('get a page by https, http2 and fetch', async () => {
    const serialNumber = (await nodeHttps(target)).certificate.serialNumber;
    expect(await nodeHttps(target)).toMatchObject({
      status: 200,
      body: '<p>/ over 1.1</p>',
      protocol: 'TLSv1.3',
    });
    expect(await nodeHttp2(target)).toMatchObject({
      ...{ status: 200, body: '<p>/ over 2.0</p>', alpn: 'h2' },
      certificate: { serialNumber },
    });
    // Node 26 prefers HTTP/2 in fetch; the ones before do not offer it.
    const fetched = Number.parseInt(process.versions.node, 10) >= 26 ? '2.0' : '1.1';
    expect(await nodeFetch(target)).toMatchObject({ status: 200, body: `<p>/ over ${fetched}</p>` });
    expect(secure.status().certificates[0]?.serialNumber).toBe(serialNumber);
  });
  it('reach the server by its address without SNI', async () => {
    expect(await nodeHttps({ ...target, host: '127.0.0.1' })).toMatchObject({ status: 200 });
  });
});

describe('headless Chromium', () => {
  it('shows the page when the root is in its trust store', async () => {
    const seen = await chromium({ url: `https://${host}:${target.port}/page`, caFile: target.caFile });
    expect(seen.dom).toContain('<p>/page over 2.0</p>');
    expect(seen.error).toBeUndefined();
  });
  it('shows nothing and says ERR_CERT_AUTHORITY_INVALID when it is not', async () => {
    const seen = await chromium({ url: `https://${host}:${target.port}/page` });
    expect(seen.dom).not.toContain('over');
    expect(seen.error).toBe('ERR_CERT_AUTHORITY_INVALID');
  });
});
