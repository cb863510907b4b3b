// A TLS 1.3 client by hand (RFC 8446, TLS_AES_128_GCM_SHA256 with X25519): its first hello has no key share, so that the
// server answers with HelloRetryRequest, and its second one may ask for another name. No library would do that.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
} from 'node:crypto';
import type { Socket } from 'node:net';
import { hello, serverName, uint16, vector } from '../../handshake/support/hello-builder.js';

const HEADER_BYTES = 5;
const X25519 = 0x001d;
/** What stands before the 32 bytes of such a public key in its SPKI. */
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');
const NONE = Buffer.alloc(0);
const ZEROS = Buffer.alloc(32);
const FINISHED = 20;
const ALERT = 21;

/**
 * Completes a handshake over `socket`, with these server names in the first and in the second hello; answers the alert that
 * the server has for the second.
 */
export async function retriedHandshake(
  socket: Socket,
  [first, second]: readonly [string, string],
): Promise<number | undefined> {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const read = recordsOf(socket);
  const hellos = [
    helloFor(first, NONE),
    helloFor(second, publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)),
  ];
  const messages: Buffer[] = [];
  for (const bytes of hellos) {
    messages.push(bytes.subarray(HEADER_BYTES));
    socket.write(bytes);
    const { header, payload } = await read();
    if (header[0] === ALERT) return payload[1];
    messages.push(payload);
  }
  const [firstHello, ...others] = messages as [Buffer, ...Buffer[]];
  // RFC 8446 §4.4.1: of the first hello only its hash goes on.
  const transcript = [Buffer.from([254, 0, 0, 32]), sha256(firstHello), ...others];
  const answer = messages[3] ?? NONE;
  const theirs = createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, shareIn(answer)]),
    format: 'der',
    type: 'spki',
  });
  const secret = extract(
    expand(extract(ZEROS, ZEROS), 'derived', sha256(NONE)),
    diffieHellman({ privateKey, publicKey: theirs }),
  );
  const heard = sha256(...transcript);
  const server = protection(expand(secret, 's hs traffic', heard));
  const own = expand(secret, 'c hs traffic', heard);
  let flight = NONE;
  while (!endsWithFinished(flight)) flight = Buffer.concat([flight, server.open(await read())]);
  const proof = createHmac('sha256', expand(own, 'finished', NONE))
    .update(sha256(...transcript, flight))
    .digest();
  socket.write(protection(own).seal(Buffer.concat([Buffer.from([FINISHED, 0, 0, 32]), proof])));
  return undefined;
}

function helloFor(name: string, share: Buffer): Buffer {
  const shares = share.length === 0 ? NONE : Buffer.concat([uint16(X25519), vector(2, share)]);
  return hello([
    serverName(name),
    [43, vector(1, uint16(0x0304))],
    [10, vector(2, uint16(X25519))],
    [13, vector(2, Buffer.concat([uint16(0x0403), uint16(0x0804)]))],
    [51, vector(2, shares)],
  ]);
}

interface TlsRecord {
  readonly header: Buffer;
  readonly payload: Buffer;
}

/** Answers the next record each time; change_cipher_spec, which says nothing in TLS 1.3, is passed over. */
function recordsOf(socket: Socket): () => Promise<TlsRecord> {
  const chunks = socket.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
  let bytes = NONE;
  const next = async (): Promise<TlsRecord> => {
    while (bytes.length < HEADER_BYTES || bytes.length < HEADER_BYTES + bytes.readUInt16BE(3)) {
      const chunk = await chunks.next();
      if (chunk.done === true) throw new Error('The server has hung up.');
      bytes = Buffer.concat([bytes, chunk.value]);
    }
    const end = HEADER_BYTES + bytes.readUInt16BE(3);
    const record = { header: bytes.subarray(0, HEADER_BYTES), payload: bytes.subarray(HEADER_BYTES, end) };
    bytes = bytes.subarray(end);
    return record.header[0] === 20 ? next() : record;
  };
  return next;
}

/** The X25519 key of a ServerHello. */
function shareIn(message: Buffer): Buffer {
  const marker = Buffer.concat([uint16(51), uint16(36), uint16(X25519), uint16(32)]);
  const at = message.indexOf(marker) + marker.length;
  return message.subarray(at, at + 32);
}

function endsWithFinished(flight: Buffer): boolean {
  for (let at = 0; at + 4 <= flight.length; at += 4 + flight.readUIntBE(at + 1, 3))
    if (flight[at] === FINISHED) return at + 36 <= flight.length;
  return false;
}

/** Opens and seals records under a traffic secret. */
function protection(secret: Buffer): { open(record: TlsRecord): Buffer; seal(message: Buffer): Buffer } {
  const [key, iv] = [expand(secret, 'key', NONE, 16), expand(secret, 'iv', NONE, 12)];
  let sequence = 0;
  const nonce = (): Buffer => {
    const value = Buffer.from(iv);
    value.writeUInt32BE((value.readUInt32BE(8) ^ sequence) >>> 0, 8);
    sequence += 1;
    return value;
  };
  return {
    open({ header, payload }) {
      const decipher = createDecipheriv('aes-128-gcm', key, nonce()).setAAD(header);
      decipher.setAuthTag(payload.subarray(-16));
      // One byte of content type behind it; OpenSSL pads with nothing.
      return Buffer.concat([decipher.update(payload.subarray(0, -16)), decipher.final()]).subarray(0, -1);
    },
    seal(message) {
      const inner = Buffer.concat([message, Buffer.from([22])]);
      const header = Buffer.concat([Buffer.from([23, 3, 3]), uint16(inner.length + 16)]);
      const cipher = createCipheriv('aes-128-gcm', key, nonce()).setAAD(header);
      return Buffer.concat([header, cipher.update(inner), cipher.final(), cipher.getAuthTag()]);
    },
  };
}

function sha256(...parts: Buffer[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest();
}

function extract(salt: Buffer, material: Buffer): Buffer {
  return createHmac('sha256', salt).update(material).digest();
}

/** HKDF-Expand-Label (§7.1), for no more than one block. */
function expand(secret: Buffer, label: string, context: Buffer, length = 32): Buffer {
  const info = [
    uint16(length),
    vector(1, Buffer.from(`tls13 ${label}`)),
    vector(1, context),
    Buffer.from([1]),
  ];
  return createHmac('sha256', secret).update(Buffer.concat(info)).digest().subarray(0, length);
}
