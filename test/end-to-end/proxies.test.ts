// nginx, haproxy and caddy in front, with the configurations of docs/behind-a-proxy.md.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, pemPair, type SecureServer } from '../../src/index.js';
import { testCa, type TestCa } from '../support/certificates.js';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';
import { http1Get, portOf, tcp, tls } from './support/connections.js';
import { memoryLog } from './support/log.js';
import { type Proxy, proxyOf } from './support/proxies.js';

const CLIENT = '127.0.0.9';
const log = memoryLog();
let ca: TestCa;
let folder: TemporaryFolder;
let secure: SecureServer;
let proxy: Proxy | undefined;

beforeAll(async () => {
  ca = await testCa();
  folder = await temporaryFolder();
  const pair = await ca.issue({ names: ['a.test'] });
  await writeFile(folder.file('a.test.pem'), pair.cert);
  await writeFile(folder.file('a.test.key'), pair.key);
  await writeFile(folder.file('a.test.both.pem'), `${pair.cert}\n${pair.key}`);
});

afterEach(async () => {
  await proxy?.close();
  proxy = undefined;
  await secure.close({ graceMs: 0 });
});

afterAll(async () => {
  await folder.remove();
});

/** Says who the client is, how the request came, and for whom it was forwarded. */
function app({ socket, headers }: IncomingMessage, response: ServerResponse): void {
  const { 'x-forwarded-proto': protocol, 'x-forwarded-host': host, 'x-forwarded-for': by } = headers;
  response.end(
    `client ${String(socket.remoteAddress)}, ${String(protocol)}, ${String(host)}, for ${String(by)}`,
  );
}

/** A page that a client at 127.0.0.9 gets from the proxy, over TLS that its root vouches for. */
async function pageThrough({ port }: Proxy, headers: readonly string[] = []): Promise<string> {
  const socket = await tcp({ port, host: '127.0.0.1', localAddress: CLIENT });
  const client = await tls(port, { socket, servername: 'a.test', ca: ca.rootPem });
  try {
    return await http1Get(client, '/', headers);
  } finally {
    client.destroy();
  }
}

async function listening(options: Parameters<typeof createSecureServer>[0]): Promise<void> {
  const pair = await ca.issue({ names: ['a.test'] });
  secure = createSecureServer({ sources: pemPair(pair), logger: log.logger, ...options }, app);
  await secure.listen({ port: 0, host: '127.0.0.1' });
}

describe('a proxy that passes TLS on', () => {
  it.each(['nginx', 'haproxy'] as const)(
    '%s tells who its client is by the PROXY protocol',
    async (program) => {
      await listening({ proxyProtocol: { from: ['127.0.0.1'] } });
      proxy = await proxyOf(program, 0, { httpsPort: portOf(secure.server), httpPort: 0, folder });
      expect(await pageThrough(proxy)).toContain(`client ${CLIENT}, undefined`);
    },
  );
});

describe('a proxy that ends TLS', () => {
  it.each([
    ['nginx', 1],
    ['haproxy', 1],
    ['caddy', 0],
  ] as const)('%s is believed when it says that its client came over HTTPS', async (program, index) => {
    await listening({ http: { port: 0, host: '127.0.0.1' }, trustProxy: ['127.0.0.1'] });
    const httpPort = secure.status().listeners.find(({ protocol }) => protocol === 'http')?.port ?? 0;
    proxy = await proxyOf(program, index, { httpsPort: 0, httpPort, folder });
    const answered = /^HTTP\/1\.1 200 [^]*client 127\.0\.0\.1, https, a\.test, for 127\.0\.0\.9$/m;
    expect(await pageThrough(proxy)).toMatch(answered);
    const forged = ['x-forwarded-for: 192.0.2.1', 'x-forwarded-host: evil.test', 'x-forwarded-proto: http'];
    expect(await pageThrough(proxy, forged)).toMatch(answered);
  });
});
