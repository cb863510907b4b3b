// Peers that are not listed are dropped before the server says a word to them.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createSecureServer, pemPair, type SecureServer, type SecureServerOptions } from '../../src/index.js';
import type { CertificateSource, SourceHost } from '../../src/index.js';
import { createCredential } from '../../src/credential/credential.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { curl, nodeHttps } from '../support/clients.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { closesAfterEach } from './support/cleanup.js';
import { http1Get, portOf, portOfUrl, tcp, tls, untilClosed } from './support/connections.js';
import { memoryLog } from './support/log.js';

const keep = closesAfterEach();
const log = memoryLog();
let ca: TestCa;
let pair: TestPair;
let folder: TemporaryFolder;

beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: ['a.test'] });
  folder = await temporaryFolder();
});

afterAll(async () => {
  await folder.remove();
});

function server(options: SecureServerOptions): SecureServer {
  return keep(
    createSecureServer(
      { sources: pemPair(pair), logger: log.logger, ...options },
      ({ socket }: IncomingMessage, response: ServerResponse) => {
        response.end(`page for ${socket.remoteAddress ?? 'a unix socket'}`);
      },
    ),
  );
}

/** What a peer with this address is sent when it says hello. */
async function answerTo(
  port: number,
  from: string,
  hello = Buffer.from('GET / HTTP/1.1\r\n\r\n'),
): Promise<string> {
  const socket = await tcp({ port, host: '127.0.0.1', localAddress: from });
  const answer = untilClosed(socket);
  socket.write(hello);
  return (await answer).toString();
}

describe('allowPeers', () => {
  it('lets listed peers in and drops the others without a byte', async () => {
    const secure = await server({ allowPeers: ['127.0.0.1', '127.0.1.0/24'] }).listen({
      port: 0,
      host: '127.0.0.1',
    });
    const port = portOf(secure.server);
    expect(await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem })).toMatchObject({
      body: 'page for 127.0.0.1',
    });
    expect(await answerTo(port, '127.0.1.9')).toContain('400 Bad Request');
    expect(await answerTo(port, '127.0.0.2')).toBe('');
    expect(log.lines.find(({ facts }) => facts['code'] === 'PEER_NOT_ALLOWED')).toMatchObject({
      level: 'warn',
      facts: { remoteAddress: '127.0.0.2', hint: expect.stringContaining('allowPeers') },
    });
  });

  it('means the same peers on a dual-stack socket', async () => {
    const secure = await server({ allowPeers: ['127.0.0.1'] }).listen({ port: 0, host: '::' });
    const port = portOf(secure.server);
    expect(await answerTo(port, '127.0.0.1')).toContain('400 Bad Request');
    expect(await answerTo(port, '127.0.0.2')).toBe('');
  });

  it('drops them also before the server has started', async () => {
    const secure = server({ allowPeers: ['127.0.0.1'], sources: waitingSource() });
    const listening = new Promise((resolve) => secure.server.once('listening', resolve));
    secure.server.listen(0, '127.0.0.1');
    await listening;
    expect(await answerTo(portOf(secure.server), '127.0.0.2')).toBe('');
  });

  it('leaves unix sockets to the mode of their file', async () => {
    const path = folder.file('app.sock');
    await server({ allowPeers: ['192.0.2.1'] }).listen({ path, mode: 0o600 });
    const socket: Socket = await tcp({ path });
    const client = keep(await tls(0, { socket, ca: ca.rootPem, servername: 'a.test' }));
    expect(await http1Get(client, '/')).toContain('page for a unix socket');
  });

  it('counts the client that a proxy tells of, and lets the proxy itself in', async () => {
    const secure = await server({
      allowPeers: ['203.0.113.0/24'],
      proxyProtocol: { from: ['127.0.0.1'] },
    }).listen({ port: 0, host: '127.0.0.1' });
    const port = portOf(secure.server);
    const clientAt = async (header: string) => {
      const raw = keep(await tcp(port));
      raw.write(header);
      return http1Get(keep(await tls(port, { socket: raw, ca: ca.rootPem })), '/');
    };
    expect(await clientAt('PROXY TCP4 203.0.113.7 198.51.100.1 1 443\r\n')).toContain('page for 203.0.113.7');
    expect(await clientAt('PROXY UNKNOWN\r\n')).toContain('page for 127.0.0.1');
    await expect(clientAt('PROXY TCP4 198.51.100.7 198.51.100.1 1 443\r\n')).rejects.toThrow();
    expect(await answerTo(port, '127.0.0.2')).toBe('');
  });

  it('leaves strangers nothing but ACME answers on the companion listener', async () => {
    let host: SourceHost | undefined;
    const source: CertificateSource = {
      name: 'answering',
      start: (given) => {
        host = given;
      },
      find: () => undefined,
      default: () => createCredential(pair),
    };
    const secure = await server({
      sources: source,
      allowPeers: ['127.0.0.1'],
      http: { port: 0, redirect: false },
    }).listen({ port: 0, host: '127.0.0.1' });
    host?.answer({ type: 'http-01', token: 'tok', keyAuthorization: 'tok.key' });
    const port = secure.status().listeners.find(({ protocol }) => protocol === 'http')?.port ?? 0;
    const get = (path: string) => Buffer.from(`GET ${path} HTTP/1.0\r\nhost: a.test\r\n\r\n`);
    expect(await answerTo(port, '127.0.0.1', get('/'))).toContain('page for 127.0.0.1');
    expect(await answerTo(port, '127.0.0.2', get('/'))).toBe('');
    expect(await answerTo(port, '127.0.0.2', get('/.well-known/acme-challenge/tok'))).toContain('tok.key');
  });

  it.each<[string, SecureServerOptions]>([
    ['is not on the list', { allowPeers: ['192.0.2.1'] }],
    ['would have to send a PROXY header', { proxyProtocol: { from: ['127.0.0.0/8'] } }],
  ])('does not keep the server from checking what it serves when itself %s', async (_, options) => {
    let host: SourceHost | undefined;
    const credential = createCredential(pair);
    const source: CertificateSource = {
      name: 'checking',
      start: (given) => {
        host = given;
      },
      find: () => credential,
    };
    await server({ sources: source, ...options }).listen({ port: 0, host: '127.0.0.1' });
    await expect(host?.verifyServed('a.test', credential.fingerprint256)).resolves.toBeUndefined();
    await expect(host?.verifyServed('a.test', 'other')).rejects.toMatchObject({
      code: 'SERVED_CERTIFICATE_DIFFERS',
    });
  });

  it('shows curl a connection that ends', async () => {
    const secure = await server({ allowPeers: ['192.0.2.1'] }).listen({ port: 0, host: '127.0.0.1' });
    const answer = await curl({ port: portOfUrl(secure.urls[0]), host: 'a.test', caPem: ca.rootPem });
    expect([35, 56]).toContain(answer.exitCode);
  });
});

/** A source whose start does not end before the test. */
function waitingSource(): CertificateSource {
  return { name: 'waiting', start: () => new Promise(() => undefined), find: () => undefined };
}
