// The clients themselves, against node's plain https server: a client that trusts too much would make every
// test that uses it worthless.
import { createSecureServer } from 'node:http2';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestCa, testCa } from '../support/certificates.js';
import {
  chromium,
  curl,
  deno,
  gnutlsCli,
  hasDeno,
  nodeFetch,
  nodeHttp2,
  nodeHttps,
  pythonSsl,
  run,
  sClient,
} from '../support/clients.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';

const host = 'a.test';
let ca: TestCa;
let folder: TemporaryFolder;
let caPem: string;
let caFile: string;
let port: number;
let close: () => Promise<unknown>;

beforeAll(async () => {
  ca = await testCa();
  folder = await temporaryFolder();
  ({ rootFile: caFile } = await ca.writeTo(folder.path));
  caPem = ca.rootPem;
  const { cert, key } = await ca.issue({ names: [host, 'localhost', '127.0.0.1', '::1'] });
  const server = createSecureServer({ cert, key, allowHTTP1: true }, (request, response) => {
    response.setHeader('x-host', request.headers.host ?? request.headers[':authority'] ?? '');
    response.end(`<p>hello over ${request.httpVersion}</p>`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  close = async () => {
    server.close();
    await once(server, 'close');
  };
});

afterAll(async () => {
  await close();
  await folder.remove();
});

describe('curl', () => {
  it('gets a page by HTTP/1.1 and HTTP/2 from a server whose root it is given', async () => {
    const first = await curl({ port, host, caPem, path: '/x' });
    expect(first).toMatchObject({
      exitCode: 0,
      status: 200,
      httpVersion: '1.1',
      body: '<p>hello over 1.1</p>',
    });
    expect(first.headers['x-host']).toBe(`${host}:${port}`);
    expect(await curl({ port, host, caFile, http2: true })).toMatchObject({ status: 200, httpVersion: '2' });
  });
  it('refuses the server without the root, and under another name', async () => {
    expect(await curl({ port, host })).toMatchObject({ exitCode: 60, status: 0 });
    expect(await curl({ port, host: 'b.test', caPem })).toMatchObject({ exitCode: 60 });
  });
});

(hasDeno ? describe : describe.skip)('deno', () => {
  it('gets a page from a server whose root it is given', async () => {
    expect(await deno({ port, host, caPem, path: '/x' })).toEqual({
      status: 200,
      body: expect.stringContaining('<p>hello over 1.1</p>'),
      error: '',
    });
  });
  it('refuses the server without the root, and under another name', async () => {
    expect(await deno({ port, host })).toMatchObject({
      status: 0,
      error: expect.stringContaining('UnknownIssuer'),
    });
    expect(await deno({ port, host: 'b.test', caPem })).toMatchObject({
      status: 0,
      error: expect.stringContaining('not valid for name "b.test"'),
    });
  });
});

describe('openssl s_client', () => {
  it('says what was agreed and which chain was sent', async () => {
    const seen = await sClient({ port, host, caPem, alpn: 'h2,http/1.1', groups: 'P-256' });
    expect(seen).toMatchObject({
      isConnected: true,
      subject: 'CN = a.test',
      issuer: 'CN = Test Intermediate',
      verifyCode: 0,
      verifyMessage: 'ok',
      protocol: 'TLSv1.3',
      isReused: false,
      alpn: 'h2',
      temporaryKey: 'ECDH, prime256v1, 256 bits',
    });
    expect(seen.chain).toHaveLength(2);
    expect(seen.chain[1]).toBe(ca.intermediatePem);
  });
  it('names the reason why a chain or a name does not verify', async () => {
    expect(await sClient({ port, host })).toMatchObject({ isConnected: true, verifyCode: 20 });
    expect(await sClient({ port, host: 'b.test', caPem })).toMatchObject({ verifyCode: 62 });
    expect(await sClient({ port, sendsServerName: false, caPem })).toMatchObject({ verifyCode: 0 });
  });
  it.each(['tls1_2', 'tls1_3'] as const)('resumes a stored session by %s', async (protocol) => {
    const session = folder.file(`${protocol}.session`);
    const first = await sClient({ port, host, caPem, protocol, sessionOut: session });
    expect(first).toMatchObject({ isReused: false, verifyCode: 0 });
    expect(await sClient({ port, host, caPem, protocol, sessionIn: session })).toMatchObject({
      isReused: true,
    });
  });
  it('names the alert that ended the handshake', async () => {
    const seen = await sClient({
      port,
      host,
      caPem,
      protocol: 'tls1_2',
      extraArgs: ['-cipher', 'CAMELLIA256-SHA'],
    });
    expect(seen).toMatchObject({ isConnected: false, alert: 40 });
  });
});

describe('gnutls-cli', () => {
  it('trusts a server by the root it is given, and only then', async () => {
    const seen = await gnutlsCli({ port, host, caPem });
    expect(seen).toMatchObject({ isTrusted: true, exitCode: 0 });
    expect(seen.description).toContain('TLS1.3');
    expect(await gnutlsCli({ port, host })).toMatchObject({ isTrusted: false });
    expect(await gnutlsCli({ port, host: 'b.test', caPem })).toMatchObject({ isTrusted: false });
  });
});

describe('python', () => {
  it('gets a page from a trusted server and names what is wrong with another', async () => {
    const seen = await pythonSsl({ port, host, caPem, alpn: ['http/1.1'] });
    expect(seen).toMatchObject({ status: 200, version: 'TLSv1.3', alpn: 'http/1.1' });
    expect(seen.names).toContainEqual(['DNS', 'a.test']);
    expect((await pythonSsl({ port, host })).error).toContain('CERTIFICATE_VERIFY_FAILED');
    expect((await pythonSsl({ port, host: 'b.test', caPem })).error).toContain('Hostname mismatch');
  });
});

describe("node's clients", () => {
  it('get a page by HTTP/1.1, HTTP/2 and fetch', async () => {
    const expected = { status: 200, protocol: 'TLSv1.3', isReused: false };
    const first = await nodeHttps({ port, host, caPem });
    expect(first).toMatchObject({ ...expected, body: '<p>hello over 1.1</p>' });
    expect(first.certificate.subject.CN).toBe('a.test');
    expect(await nodeHttp2({ port, host, caFile })).toMatchObject({
      ...expected,
      alpn: 'h2',
      body: '<p>hello over 2.0</p>',
    });
    // Node 26 agrees on HTTP/2 here.
    const fetched = await nodeFetch({ port, host, caPem });
    expect(fetched).toMatchObject({ status: 200, body: expect.stringContaining('hello over') });
    expect(await nodeHttps({ port, host: '::1', caPem })).toMatchObject({
      headers: { 'x-host': `[::1]:${port}` },
    });
  });
  it('refuse the server without the root, and under another name', async () => {
    await expect(nodeHttps({ port, host })).rejects.toMatchObject({
      code: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    });
    await expect(nodeHttps({ port, host: 'b.test', serverName: '', caPem })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    await expect(nodeHttp2({ port, host: 'b.test', caPem })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    expect(await nodeFetch({ port, host })).toEqual({ error: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' });
  });
});

describe('chromium', () => {
  it('shows a page whose root is in its trust store', async () => {
    const seen = await chromium({ url: `https://${host}:${port}/`, caFile });
    expect(seen.dom).toContain('<p>hello over 2.0</p>');
    expect(seen.error).toBeUndefined();
  });
  it('shows nothing without the root', async () => {
    const seen = await chromium({ url: `https://${host}:${port}/` });
    expect(seen.dom).not.toContain('hello');
    expect(seen.error).toBe('ERR_CERT_AUTHORITY_INVALID');
  });
});

describe('a child', () => {
  it('is ended when it misses its time limit', async () => {
    const waits = run({ program: 'sh', args: ['-c', 'sleep 60 & wait'], timeLimitMs: 50 });
    await expect(waits).rejects.toThrow('did not end within 50 ms');
  });
  it('does not see the trust stores of this environment', async () => {
    process.env['SSL_CERT_FILE'] = folder.file('elsewhere');
    const { stdout } = await run({ program: 'env', args: [] });
    await writeFile(folder.file('env'), stdout);
    expect(stdout).not.toMatch(/^(?:SSL_CERT_FILE|NODE_EXTRA_CA_CERTS|CURL_CA_BUNDLE)=/m);
  });
});
