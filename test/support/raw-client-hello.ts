// Real ClientHellos as bytes, and the many ways they can be cut on the way (RFC 8446 §5.1: a handshake message
// may be spread over records; TCP cuts where it likes).
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { connect, type ConnectionOptions } from 'node:tls';

const RECORD_HEADER_BYTES = 5;
const MESSAGE_HEADER_BYTES = 4;

/** The first flight of node's TLS client with these options, as the bytes of its TLS records. */
export async function captureClientHello(options: ConnectionOptions = {}): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  client.on('error', () => undefined); // It never gets an answer.
  const [socket] = (await once(server, 'connection')) as [Socket];
  try {
    return await firstFlight(socket);
  } finally {
    client.destroy();
    socket.destroy();
    server.close();
    await once(server, 'close');
  }
}

/** The handshake message inside the records: type, length and body, without record headers. */
export function handshakeMessageOf(records: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at + RECORD_HEADER_BYTES <= records.length;) {
    const end = at + RECORD_HEADER_BYTES + records.readUInt16BE(at + 3);
    parts.push(records.subarray(at + RECORD_HEADER_BYTES, end));
    at = end;
  }
  return Buffer.concat(parts);
}

/** The same handshake message in TLS records of at most `payloadBytes` each. */
export function inRecordsOf(payloadBytes: number, records: Buffer): Buffer {
  const message = handshakeMessageOf(records);
  const version = records.subarray(1, 3);
  return Buffer.concat(
    inSegmentsOf(payloadBytes, message).flatMap((payload) => {
      const length = Buffer.from([payload.length >> 8, payload.length & 0xff]);
      return [Buffer.from([22]), version, length, payload];
    }),
  );
}

/** The bytes cut into pieces of at most `segmentBytes`, for {@link writeSegments}. */
export function inSegmentsOf(segmentBytes: number, bytes: Buffer): Buffer[] {
  const count = Math.ceil(bytes.length / segmentBytes);
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * segmentBytes, (index + 1) * segmentBytes),
  );
}

/** Writes each piece as a TCP segment of its own, as far as the kernel lets anyone decide. */
export async function writeSegments(socket: Socket, segments: readonly Buffer[]): Promise<void> {
  socket.setNoDelay(true);
  for (const segment of segments) {
    if (socket.destroyed) return;
    await new Promise<void>((resolve) =>
      socket.write(segment, () => {
        resolve();
      }),
    );
    await new Promise((resolve) => setImmediate(resolve)); // A server in this process reads it before the next.
  }
}

async function firstFlight(socket: Socket): Promise<Buffer> {
  let received = Buffer.alloc(0);
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    received = Buffer.concat([received, chunk]);
    if (isWhole(received)) return received;
  }
  throw new Error('The client hung up before it had sent its ClientHello.');
}

function isWhole(records: Buffer): boolean {
  const message = handshakeMessageOf(records);
  return (
    message.length >= MESSAGE_HEADER_BYTES &&
    message.length >= MESSAGE_HEADER_BYTES + message.readUIntBE(1, 3)
  );
}
