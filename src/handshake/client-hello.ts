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
  /** Not TLS: a header of the PROXY protocol, version 1 or 2. */
  | { readonly kind: 'proxy-header' }
  | { readonly kind: 'invalid'; readonly reason: string }
  | { readonly kind: 'too-large' };

/** What the first bytes turned out to be, once that is known. */
export type FirstBytes = Exclude<ClientHelloResult, { kind: 'incomplete' }>;

/** What the router needs of a ClientHello. */
export interface ClientHello {
  /** The server name as it was sent, one character a byte; undefined when none was. */
  readonly serverName: string | undefined;
  /** The application protocols offered (RFC 7301), in the client's order. */
  readonly protocols: readonly string[];
  /** Whether `protocol` is the only one offered. */
  offersOnly(protocol: string): boolean;
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
const PROXY_HEADER: ClientHelloResult = { kind: 'proxy-header' };
/** What the headers of versions 1 and 2 begin with; no method of HTTP does. */
const PROXY_SIGNATURES = ['PROXY ', '\r\n\r\n\0\r\nQUIT\n'].map((signature) => Buffer.from(signature));
const TOO_LARGE: ClientHelloResult = { kind: 'too-large' };

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
    if (first !== CONTENT_TYPE_HANDSHAKE) return this.#readOther(first);
    while (this.#flightLength >= this.#needed) {
      const result = this.#readRecord();
      if (result !== undefined) return result;
    }
    return this.#flightLength > LARGEST_FLIGHT ? TOO_LARGE : INCOMPLETE;
  }

  #readOther(first: number): ClientHelloResult {
    for (const signature of PROXY_SIGNATURES) {
      const length = Math.min(signature.length, this.#flightLength);
      if (signature.compare(this.#flight, 0, length, 0, length) === 0)
        return length === signature.length ? PROXY_HEADER : INCOMPLETE;
    }
    return isLetter(first) ? PLAIN_TEXT : invalid('the first byte is no TLS handshake record');
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
    return parseHello(this.#message, HANDSHAKE_HEADER_BYTES, end);
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

/**
 * The hello in the first chunk of a connection, when all of it is there in one record, as nearly always: the hot path,
 * without a reader's state. Undefined for everything else, which a {@link ClientHelloReader} looks at.
 */
export function wholeHello(chunk: Buffer): FirstBytes | undefined {
  const message = RECORD_HEADER_BYTES + HANDSHAKE_HEADER_BYTES;
  if (chunk.length < message || chunk[0] !== CONTENT_TYPE_HANDSHAKE || chunk[1] !== 3) return undefined;
  const length = uint16(chunk, 3);
  const recordEnd = RECORD_HEADER_BYTES + length;
  if (length > LARGEST_RECORD || recordEnd > chunk.length) return undefined;
  if (chunk[RECORD_HEADER_BYTES] !== CLIENT_HELLO || chunk[RECORD_HEADER_BYTES + 1] !== 0) return undefined;
  const end = message + uint16(chunk, RECORD_HEADER_BYTES + 2);
  return end > recordEnd ? undefined : parseHello(chunk, message, end);
}

/** Reads the ClientHello in `buffer[start..end)`; nothing is cut out of it that nobody asks for. */
function parseHello(buffer: Buffer, start: number, end: number): FirstBytes {
  const extensions = extensionsOf(buffer, start, end);
  if (extensions === undefined) return invalid('the ClientHello is cut off');
  const hello = new ParsedClientHello(buffer);
  for (let offset = extensions; offset < end;) {
    if (offset + 4 > end) return invalid('an extension is cut off');
    const next = offset + 4 + uint16(buffer, offset + 2);
    if (next > end) return invalid('an extension is cut off');
    const fault = hello.take(uint16(buffer, offset), offset + 4, next);
    if (fault !== undefined) return invalid(fault);
    offset = next;
  }
  return { kind: 'hello', hello };
}

/** Remembers where extensions lie: from their first byte to that after their last; both are 0 for none. */
class ParsedClientHello implements ClientHello {
  serverName: string | undefined = undefined;
  readonly #buffer: Buffer;
  #protocols = 0;
  #protocolsEnd = 0;
  #ticket = 0;
  #ticketEnd = 0;
  #identities = 0;
  #identitiesEnd = 0;
  #keyShares = 0;
  #keySharesEnd = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  /** Takes the extension in `buffer[start..end)`; answers what is wrong with it, if anything is. */
  take(type: number, start: number, end: number): string | undefined {
    switch (type) {
      case EXTENSION_SERVER_NAME:
        this.serverName = hostNameIn(this.#buffer, start, end);
        return this.serverName === undefined ? 'the server_name extension is malformed' : undefined;
      case EXTENSION_ALPN:
        if (!areProtocols(this.#buffer, start, end)) return 'the ALPN extension is malformed';
        this.#protocols = start + 2;
        this.#protocolsEnd = end;
        return undefined;
      case EXTENSION_SESSION_TICKET:
        this.#ticket = start;
        this.#ticketEnd = end;
        return undefined;
      case EXTENSION_PRE_SHARED_KEY:
        this.#identities = start;
        this.#identitiesEnd = end;
        return undefined;
      case EXTENSION_KEY_SHARE:
        this.#keyShares = start;
        this.#keySharesEnd = end;
        return undefined;
      default:
        return undefined;
    }
  }

  get protocols(): readonly string[] {
    const protocols: string[] = [];
    for (let offset = this.#protocols; offset < this.#protocolsEnd;) {
      const end = offset + 1 + this.#buffer.readUInt8(offset);
      protocols.push(this.#buffer.toString('latin1', offset + 1, end));
      offset = end;
    }
    return protocols;
  }

  offersOnly(protocol: string): boolean {
    // Without a list of its own: this is asked in every handshake.
    const [start, end] = [this.#protocols + 1, this.#protocolsEnd];
    return end - start === protocol.length && this.#buffer.toString('latin1', start, end) === protocol;
  }

  offersTicketOf(keyName: Uint8Array): boolean {
    if (startsWith(this.#buffer.subarray(this.#ticket, this.#ticketEnd), keyName)) return true;
    return identitiesOffer(this.#buffer.subarray(this.#identities, this.#identitiesEnd), keyName);
  }

  offersKeyShareOf(group: number): boolean {
    return keySharesOffer(this.#buffer.subarray(this.#keyShares, this.#keySharesEnd), group);
  }
}

/** Where the extensions of a ClientHello begin, `end` when there are none; undefined when a length is wrong. */
function extensionsOf(buffer: Buffer, start: number, end: number): number | undefined {
  let offset = start + 2 + 32; // legacy_version, random
  if (offset >= end) return undefined;
  offset += 1 + uint8(buffer, offset); // legacy_session_id
  if (offset + 2 > end) return undefined;
  offset += 2 + uint16(buffer, offset); // cipher_suites
  if (offset >= end) return undefined;
  offset += 1 + uint8(buffer, offset); // legacy_compression_methods
  if (offset === end) return end;
  if (offset + 2 > end) return undefined;
  return offset + 2 + uint16(buffer, offset) === end ? offset + 2 : undefined;
}

/** RFC 6066 §3: a list of which servers read the first host_name. */
function hostNameIn(buffer: Buffer, start: number, end: number): string | undefined {
  if (end - start < 5 || uint16(buffer, start) !== end - start - 2) return undefined;
  if (uint8(buffer, start + 2) !== HOST_NAME) return undefined;
  const nameEnd = start + 5 + uint16(buffer, start + 3);
  return nameEnd <= end && nameEnd > start + 5 ? buffer.toString('latin1', start + 5, nameEnd) : undefined;
}

/** RFC 7301 §3.1. */
function areProtocols(buffer: Buffer, start: number, end: number): boolean {
  if (end - start < 2 || uint16(buffer, start) !== end - start - 2) return false;
  for (let offset = start + 2; offset < end;) {
    const next = offset + 1 + uint8(buffer, offset);
    if (next > end || next === offset + 1) return false;
    offset = next;
  }
  return true;
}

/** RFC 8446 §4.2.11: identities of two length bytes, the identity, and four bytes of age. */
function identitiesOffer(data: Buffer, keyName: Uint8Array): boolean {
  if (data.length < 2) return false;
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
function keySharesOffer(data: Buffer, group: number): boolean {
  for (let offset = 2; offset + 4 <= data.length;) {
    if (data.readUInt16BE(offset) === group) return true;
    offset += 4 + data.readUInt16BE(offset + 2);
  }
  return false;
}

/** The byte at an offset that has been checked to be there. */
function uint8(buffer: Buffer, offset: number): number {
  return buffer[offset] as number;
}

/** Two bytes, both of which have been checked to be there; node's own methods check again. */
function uint16(buffer: Buffer, offset: number): number {
  return (uint8(buffer, offset) << 8) | uint8(buffer, offset + 1);
}

function startsWith(identity: Buffer, keyName: Uint8Array): boolean {
  if (identity.length < TICKET_KEY_NAME_BYTES) return false;
  return identity.compare(keyName, 0, TICKET_KEY_NAME_BYTES, 0, TICKET_KEY_NAME_BYTES) === 0;
}

function isLetter(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}

function invalid(reason: string): FirstBytes {
  return { kind: 'invalid', reason };
}
