/**
 * The ClientHello (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2) read from the first bytes of a connection, before any TLS
 * state exists: server name, ALPN, and the names of ticket keys offered. The bytes come from strangers: every length
 * is checked, nothing is thrown, and work is linear however the hello is cut into segments and records.
 */

/** What the first bytes of a connection turned out to be. */
export type ClientHelloResult =
  | { readonly kind: 'hello'; readonly hello: ClientHello }
  /** More bytes are needed. */
  | { readonly kind: 'incomplete' }
  /** Not TLS at all: the first byte starts a word of letters, as an HTTP method does. */
  | { readonly kind: 'plain-text' }
  | { readonly kind: 'invalid'; readonly reason: string }
  | { readonly kind: 'too-large' };

/** What the router needs of a ClientHello. */
export interface ClientHello {
  /** The server name as it was sent, one character a byte; undefined when none was. */
  readonly serverName: string | undefined;
  /** The application protocols offered (RFC 7301), in the client's order. */
  readonly protocols: readonly string[];
  /** Whether one of the tickets offered (TLS 1.3 identity or TLS 1.2 ticket) starts with this 16-byte key name. */
  offersTicketOf(keyName: Uint8Array): boolean;
  /** Whether the client sent a key share of this group (RFC 8446 §4.2.8). */
  offersKeyShareOf(group: number): boolean;
}

const RECORD_HEADER_BYTES = 5;
const HANDSHAKE_HEADER_BYTES = 4;
const CONTENT_TYPE_HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const LARGEST_RECORD = 16_384;
/** The largest hello accepted; the largest seen in practice (post-quantum key shares) are under 2 KiB. */
const LARGEST_HELLO = 16_384;
/** Bytes on the wire while the hello is incomplete: room for a hello cut into records of two bytes. */
const LARGEST_FLIGHT = 4 * LARGEST_HELLO;

const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;
const EXTENSION_SESSION_TICKET = 35;
const EXTENSION_PRE_SHARED_KEY = 41;
const EXTENSION_KEY_SHARE = 51;
const HOST_NAME = 0;
const TICKET_KEY_NAME_BYTES = 16;

const INCOMPLETE: ClientHelloResult = { kind: 'incomplete' };
const PLAIN_TEXT: ClientHelloResult = { kind: 'plain-text' };
const TOO_LARGE: ClientHelloResult = { kind: 'too-large' };
const NO_PROTOCOLS: readonly string[] = [];

/** Reads one ClientHello from chunks as they arrive. */
export class ClientHelloReader {
  #flight: Buffer = EMPTY;
  #flightLength = 0;
  #nextRecord = 0;
  #needed = 1;
  #message: Buffer = EMPTY;
  #messageLength = 0;

  /** Everything received so far, to be pushed back for whoever takes the connection over. */
  get bytes(): Buffer {
    return this.#flight.subarray(0, this.#flightLength);
  }

  /** Takes the next chunk and says what is known by now. */
  push(chunk: Buffer): ClientHelloResult {
    this.#append(chunk);
    if (this.#flightLength === 0) return INCOMPLETE;
    const first = this.#flight.readUInt8(0);
    if (first !== CONTENT_TYPE_HANDSHAKE)
      return isLetter(first) ? PLAIN_TEXT : invalid('the first byte is no TLS handshake record');
    while (this.#flightLength >= this.#needed) {
      const result = this.#readRecord();
      if (result !== undefined) return result;
    }
    return this.#flightLength > LARGEST_FLIGHT ? TOO_LARGE : INCOMPLETE;
  }

  #append(chunk: Buffer): void {
    if (this.#flightLength === 0) {
      this.#flight = chunk;
    } else {
      this.#flight = appended(this.#flight, this.#flightLength, chunk);
    }
    this.#flightLength += chunk.length;
  }

  /** Reads the record at `#nextRecord`, header first, then body; undefined when reading can go on. */
  #readRecord(): ClientHelloResult | undefined {
    const flight = this.#flight;
    const start = this.#nextRecord;
    if (this.#flightLength < start + RECORD_HEADER_BYTES) {
      this.#needed = start + RECORD_HEADER_BYTES;
      return undefined;
    }
    if (flight[start] !== CONTENT_TYPE_HANDSHAKE || flight[start + 1] !== 3)
      return invalid('a record is no TLS handshake record');
    const length = flight.readUInt16BE(start + 3);
    if (length === 0 || length > LARGEST_RECORD) return invalid(`a record claims ${length} bytes`);
    const end = start + RECORD_HEADER_BYTES + length;
    if (this.#flightLength < end) {
      // What the message claims is looked at as soon as it is there, without waiting for the rest of its record.
      const header = start + RECORD_HEADER_BYTES + HANDSHAKE_HEADER_BYTES;
      const isFirst = this.#messageLength === 0;
      this.#needed = isFirst && this.#flightLength < header ? Math.min(header, end) : end;
      return isFirst && this.#flightLength >= header
        ? refusedHeader(flight, start + RECORD_HEADER_BYTES)
        : undefined;
    }
    this.#nextRecord = end;
    this.#needed = end + 1;
    return this.#readFragment(flight.subarray(start + RECORD_HEADER_BYTES, end));
  }

  #readFragment(fragment: Buffer): ClientHelloResult | undefined {
    if (this.#messageLength === 0) this.#message = fragment;
    else this.#message = appended(this.#message, this.#messageLength, fragment);
    this.#messageLength += fragment.length;
    if (this.#messageLength < HANDSHAKE_HEADER_BYTES) return undefined;
    const refused = refusedHeader(this.#message, 0);
    if (refused !== undefined) return refused;
    const end = HANDSHAKE_HEADER_BYTES + this.#message.readUIntBE(1, 3);
    if (this.#messageLength < end) return undefined;
    return parseHello(this.#message.subarray(HANDSHAKE_HEADER_BYTES, end));
  }
}

const EMPTY = Buffer.alloc(0);

function refusedHeader(buffer: Buffer, offset: number): ClientHelloResult | undefined {
  if (buffer[offset] !== CLIENT_HELLO) return invalid('the first handshake message is no ClientHello');
  return buffer.readUIntBE(offset + 1, 3) > LARGEST_HELLO ? TOO_LARGE : undefined;
}

/** `buffer[0..length)` followed by `chunk`; grows by doubling, so that many small chunks cost linear time. */
function appended(buffer: Buffer, length: number, chunk: Buffer): Buffer {
  const needed = length + chunk.length;
  // The first buffer is the socket's own memory, which must not be written to: it is copied before it grows.
  const isOwn = buffer.length > length && buffer.length >= needed && length > 0;
  const target = isOwn ? buffer : Buffer.allocUnsafe(Math.max(needed * 2, 512));
  if (!isOwn) buffer.copy(target, 0, 0, length);
  chunk.copy(target, length);
  return target;
}

function parseHello(body: Buffer): ClientHelloResult {
  const extensions = extensionsOf(body);
  if (extensions === undefined) return invalid('the ClientHello is cut off');
  const hello = new ParsedClientHello();
  for (let offset = 0; offset < extensions.length;) {
    if (offset + 4 > extensions.length) return invalid('an extension is cut off');
    const end = offset + 4 + extensions.readUInt16BE(offset + 2);
    if (end > extensions.length) return invalid('an extension is cut off');
    const type = extensions.readUInt16BE(offset);
    // Of the dozen that a hello has, only those that are looked at are cut out.
    const fault = isOfInterest(type) ? hello.take(type, extensions.subarray(offset + 4, end)) : undefined;
    if (fault !== undefined) return invalid(fault);
    offset = end;
  }
  return { kind: 'hello', hello };
}

function isOfInterest(type: number): boolean {
  return (
    type === EXTENSION_SERVER_NAME ||
    type === EXTENSION_ALPN ||
    type === EXTENSION_SESSION_TICKET ||
    type === EXTENSION_PRE_SHARED_KEY ||
    type === EXTENSION_KEY_SHARE
  );
}

class ParsedClientHello implements ClientHello {
  serverName: string | undefined = undefined;
  protocols: readonly string[] = NO_PROTOCOLS;
  #ticket: Buffer | undefined = undefined;
  #identities: Buffer | undefined = undefined;
  #keyShares: Buffer | undefined = undefined;

  /** Takes an extension; answers what is wrong with it, if anything is. */
  take(type: number, data: Buffer): string | undefined {
    switch (type) {
      case EXTENSION_SERVER_NAME:
        this.serverName = hostNameOf(data);
        return this.serverName === undefined ? 'the server_name extension is malformed' : undefined;
      case EXTENSION_ALPN: {
        const protocols = protocolsOf(data);
        if (protocols === undefined) return 'the ALPN extension is malformed';
        this.protocols = protocols;
        return undefined;
      }
      case EXTENSION_SESSION_TICKET:
        this.#ticket = data;
        return undefined;
      case EXTENSION_PRE_SHARED_KEY:
        this.#identities = data;
        return undefined;
      default:
        this.#keyShares = data;
        return undefined;
    }
  }

  offersTicketOf(keyName: Uint8Array): boolean {
    return startsWith(this.#ticket, keyName) || identitiesOffer(this.#identities, keyName);
  }

  offersKeyShareOf(group: number): boolean {
    return keySharesOffer(this.#keyShares, group);
  }
}

/** The extensions block of a ClientHello body; empty when there is none, undefined when a length is wrong. */
function extensionsOf(body: Buffer): Buffer | undefined {
  let offset = 2 + 32; // legacy_version, random
  if (offset >= body.length) return undefined;
  offset += 1 + body.readUInt8(offset); // legacy_session_id
  if (offset + 2 > body.length) return undefined;
  offset += 2 + body.readUInt16BE(offset); // cipher_suites
  if (offset >= body.length) return undefined;
  offset += 1 + body.readUInt8(offset); // legacy_compression_methods
  if (offset === body.length) return EMPTY;
  if (offset + 2 > body.length) return undefined;
  const end = offset + 2 + body.readUInt16BE(offset);
  return end === body.length ? body.subarray(offset + 2, end) : undefined;
}

/** RFC 6066 §3: a list of which servers read the first host_name. */
function hostNameOf(data: Buffer): string | undefined {
  if (data.length < 5 || data.readUInt16BE(0) !== data.length - 2 || data[2] !== HOST_NAME) return undefined;
  const end = 5 + data.readUInt16BE(3);
  return end <= data.length && end > 5 ? data.toString('latin1', 5, end) : undefined;
}

/** RFC 7301 §3.1. */
function protocolsOf(data: Buffer): string[] | undefined {
  if (data.length < 2 || data.readUInt16BE(0) !== data.length - 2) return undefined;
  const protocols: string[] = [];
  for (let offset = 2; offset < data.length;) {
    const end = offset + 1 + data.readUInt8(offset);
    if (end > data.length || end === offset + 1) return undefined;
    protocols.push(data.toString('latin1', offset + 1, end));
    offset = end;
  }
  return protocols;
}

/** RFC 8446 §4.2.11: identities of two length bytes, the identity, and four bytes of age. */
function identitiesOffer(data: Buffer | undefined, keyName: Uint8Array): boolean {
  if (data === undefined || data.length < 2) return false;
  const listEnd = Math.min(2 + data.readUInt16BE(0), data.length);
  for (let offset = 2; offset + 2 <= listEnd;) {
    const end = offset + 2 + data.readUInt16BE(offset);
    if (end > listEnd) return false;
    if (startsWith(data.subarray(offset + 2, end), keyName)) return true;
    offset = end + 4;
  }
  return false;
}

/** RFC 8446 §4.2.8: shares of a group, two length bytes and the key exchange. */
function keySharesOffer(data: Buffer | undefined, group: number): boolean {
  if (data === undefined) return false;
  for (let offset = 2; offset + 4 <= data.length;) {
    if (data.readUInt16BE(offset) === group) return true;
    offset += 4 + data.readUInt16BE(offset + 2);
  }
  return false;
}

function startsWith(identity: Buffer | undefined, keyName: Uint8Array): boolean {
  if (identity === undefined || identity.length < TICKET_KEY_NAME_BYTES) return false;
  return identity.compare(keyName, 0, TICKET_KEY_NAME_BYTES, 0, TICKET_KEY_NAME_BYTES) === 0;
}

function isLetter(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}

function invalid(reason: string): ClientHelloResult {
  return { kind: 'invalid', reason };
}
