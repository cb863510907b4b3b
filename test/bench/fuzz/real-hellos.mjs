// ClientHellos as node's own client sends them: full and resuming, TLS 1.2 and 1.3, with and without SNI and ALPN.
import { once } from 'node:events';
import { createServer as createTcpServer } from 'node:net';
import { connect, createServer as createTlsServer } from 'node:tls';
import { CertificateMaker } from '../support/certificates.mjs';

const TIMEOUT_MS = 5_000;

const LONG_NAME = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.test`;
const MANY_PROTOCOLS = Array.from({ length: 300 }, (_, index) => `protocol/${index}`);

/** Every hello as one or more TLS records, with what a reader must find in it. */
export async function realHellos() {
  const tickets = await obtainTickets();
  const variants = [
    {},
    { servername: 'a.test' },
    { servername: LONG_NAME },
    { servername: 'a.test', ALPNProtocols: ['h2', 'http/1.1'] },
    { servername: 'a.test', ALPNProtocols: ['acme-tls/1'] },
    { servername: 'a.test', ALPNProtocols: MANY_PROTOCOLS },
    { servername: 'a.test', maxVersion: 'TLSv1.2' },
    { servername: 'a.test', minVersion: 'TLSv1.3' },
    { servername: 'a.test', ecdhCurve: 'P-521:P-384:X25519' },
    ...tickets.map(({ version, session }) => ({
      servername: 'a.test',
      ALPNProtocols: ['http/1.1'],
      minVersion: version,
      maxVersion: version,
      session,
    })),
  ];
  const hellos = [];
  for (const variant of variants) {
    hellos.push({
      bytes: await capture(variant),
      serverName: variant.servername,
      protocols: variant.ALPNProtocols ?? [],
      keyName: variant.session === undefined ? undefined : tickets.keyName,
    });
  }
  return hellos;
}

/** The first flight of a client with these options. */
async function capture(options) {
  const server = createTcpServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect({
    ...options,
    host: '127.0.0.1',
    port: server.address().port,
    rejectUnauthorized: false,
  });
  client.on('error', () => undefined);
  const timer = setTimeout(() => client.destroy(), TIMEOUT_MS);
  const [connection] = await once(server, 'connection');
  const chunks = [];
  connection.on('error', () => undefined);
  for await (const chunk of connection) {
    chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    if (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt16BE(3)) break;
  }
  clearTimeout(timer);
  client.destroy();
  server.close();
  return Buffer.concat(chunks);
}

async function obtainTickets() {
  const maker = await CertificateMaker.create();
  const server = createTlsServer(await maker.pair(['a.test']), (socket) => {
    socket.on('error', () => undefined);
    socket.end('x');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const tickets = [];
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const client = connect({
      host: '127.0.0.1',
      port: server.address().port,
      servername: 'a.test',
      ca: maker.root,
      minVersion: version,
      maxVersion: version,
    });
    client.on('session', (session) => {
      if (!tickets.some((ticket) => ticket.version === version)) tickets.push({ version, session });
    });
    client.resume();
    await once(client, 'close');
  }
  tickets.keyName = server.getTicketKeys().subarray(0, 16);
  server.close();
  return tickets;
}
