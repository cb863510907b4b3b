// A second reading of a ClientHello, slow and plain, to hold the real one against: a cursor that refuses to overrun.
import { messageOf } from './mutations.mjs';

const HEADER_BYTES = 4;
const SERVER_NAME = 0;
const ALPN = 16;

/** Server name and protocols of a flight that is a well-formed hello (RFC 8446 §4.1.2); throws for any other. */
export function referenceFacts(flight) {
  const message = messageOf(flight);
  const hello = new Cursor(message.subarray(HEADER_BYTES)).take(message.readUIntBE(1, 3));
  hello.take(2 + 32);
  hello.vector(1);
  hello.vector(2);
  hello.vector(1);
  const facts = { serverName: undefined, protocols: [] };
  if (hello.isAtEnd) return facts;
  const extensions = hello.vector(2);
  if (!hello.isAtEnd) throw new RangeError('there is something behind the extensions');
  while (!extensions.isAtEnd) {
    const type = extensions.number(2);
    const data = extensions.vector(2);
    if (type === SERVER_NAME) facts.serverName = serverNameOf(data);
    if (type === ALPN) facts.protocols = protocolsOf(data);
  }
  return facts;
}

function serverNameOf(data) {
  const names = data.vector(2);
  names.take(1);
  return names.vector(2).text;
}

function protocolsOf(data) {
  const list = data.vector(2);
  const protocols = [];
  while (!list.isAtEnd) protocols.push(list.vector(1).text);
  return protocols;
}

class Cursor {
  #bytes;
  #offset = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  get isAtEnd() {
    return this.#offset === this.#bytes.length;
  }

  get text() {
    return this.#bytes.toString('latin1');
  }

  number(size) {
    return [...this.take(size).#bytes].reduce((value, byte) => value * 256 + byte, 0);
  }

  /** A length of `size` bytes and what it counts. */
  vector(size) {
    return this.take(this.number(size));
  }

  take(length) {
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw new RangeError('a length goes beyond the end');
    const taken = new Cursor(this.#bytes.subarray(this.#offset, end));
    this.#offset = end;
    return taken;
  }
}
