// Who a client was that node itself turns away: node hides it in the moment in which it refuses.
import { afterEach, describe, expect, it } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { peerCertificateOf, takePeerCertificate } from '../../src/handshake/peer-certificate.js';
import { testCa, type TestPair } from '../support/certificates.js';

let server: Server | undefined;

afterEach(() => {
  server?.close();
});

/** The socket of a client as node hands it on: let in, or turned away. */
async function met(client: TestPair | undefined, trusted: string): Promise<TLSSocket> {
  const { cert, key } = await (await testCa()).issue({ names: ['a.test'] });
  const opened = createServer({
    ...{ cert, key, ca: trusted, requestCert: true, rejectUnauthorized: true },
    SNICallback: takePeerCertificate,
  });
  server = opened;
  opened.listen(0, '127.0.0.1');
  await once(opened, 'listening');
  const { port } = opened.address() as AddressInfo;
  const own = client === undefined ? {} : { cert: client.cert, key: client.key };
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'a.test',
    rejectUnauthorized: false,
    ...own,
  });
  socket.on('error', () => undefined);
  const found = await new Promise<TLSSocket>((resolve) => {
    opened.on('tlsClientError', (_error, refused) => {
      resolve(refused);
    });
    opened.on('secureConnection', resolve);
  });
  socket.destroy();
  found.destroy();
  return found;
}

describe('The certificate of a client', () => {
  it('that node has refused is known, once', async () => {
    const client = await (await testCa({ name: 'Stranger' })).issue({ names: ['client.test'] });
    const socket = await met(client, (await testCa()).rootPem);
    expect(socket.authorizationError).toBeTruthy();
    expect(peerCertificateOf(socket)?.fingerprint256).toBe(new X509Certificate(client.cert).fingerprint256);
    expect(peerCertificateOf(socket)).toBeUndefined();
  });

  it('is undefined where it has sent none', async () => {
    expect(peerCertificateOf(await met(undefined, (await testCa()).rootPem))).toBeUndefined();
  });

  it('is nobody’s where there is no connection to ask', () => {
    const answers: unknown[] = [];
    takePeerCertificate.call(undefined, 'a.test', (error) => answers.push(error));
    expect(answers).toEqual([null]);
  });
});
