// What a server answers to a hello, read off the wire: ServerHello and HelloRetryRequest are not encrypted.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

const SERVER_HELLO = 2;
const KEY_SHARE = 51;

/** The group of the key share (RFC 8446 §4.2.8) in the server's first flight; undefined when it has none. */
export function groupIn(flight: Buffer): number | undefined {
  const HEADERS = 5 + 4;
  if (flight[0] !== 22 || flight[5] !== SERVER_HELLO) return undefined;
  const message = flight.subarray(HEADERS, HEADERS + flight.readUIntBE(6, 3));
  let at = 2 + 32;
  at += 1 + message.readUInt8(at) + 2 + 1; // session id, cipher suite, compression
  for (at += 2; at + 4 <= message.length; at += 4 + message.readUInt16BE(at + 2))
    if (message.readUInt16BE(at) === KEY_SHARE) return message.readUInt16BE(at + 4);
  return undefined;
}

/** A relay in front of a server that remembers what the server sends, for clients that do not say what was agreed. */
export interface Relay {
  readonly port: number;
  /** The group that was agreed with the latest client. */
  readonly group: () => number | undefined;
  readonly close: () => Promise<void>;
}

/** Opens one. */
export async function relayTo(port: number): Promise<Relay> {
  let flight = Buffer.alloc(0);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    flight = Buffer.alloc(0);
    const upstream = connect(port, '127.0.0.1');
    upstream.on('data', (chunk: Buffer) => (flight = Buffer.concat([flight, chunk])));
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    client.pipe(upstream).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    group: () => groupIn(flight),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
