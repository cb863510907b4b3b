/**
 * Steps through DER (X.690 §8.1), for a few facts out of thousands of certificates. It never leaves the bytes that it
 * was given, whatever lengths these claim.
 */

/** A tag of X.690 §8.1.2, the class and the kind of contents in it. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag that a schema writes as `[number]`; with `isConstructed` for one that holds further elements. */
export function contextTag(number: number, kind: 'primitive' | 'constructed'): number {
  return (kind === 'primitive' ? 0x80 : 0xa0) + number;
}

const LONG_LENGTH = 0x80;
/** Certificates are smaller than 64 KiB; revocation lists may have megabytes. */
const MOST_LENGTH_BYTES = 4;

/** Some elements one after the other. Whatever stands there instead of what is asked for is an error. */
export class DerCursor {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** The tag of the next element; undefined at the end. */
  get tag(): number | undefined {
    return this.#at < this.#end ? this.#bytes[this.#at] : undefined;
  }

  /** How many bytes are left. */
  get length(): number {
    return this.#end - this.#at;
  }

  /** Passes the next element, which has this tag, and answers what is in it. */
  enter(tag: number): DerCursor {
    if (this.tag !== tag) throw new RangeError(`DER: no ${tag} at ${this.#at}`);
    this.#at += 1;
    const length = this.#readLength();
    const start = this.#at;
    if (length > this.#end - start) throw new RangeError(`DER: ${length} bytes at ${start} are too many`);
    this.#at = start + length;
    return new DerCursor(this.#bytes, start, this.#at);
  }

  /** Passes the next element if it has this tag; answers whether it did. */
  skipIf(tag: number): boolean {
    if (this.tag !== tag) return false;
    this.enter(tag);
    return true;
  }

  /** There has to be nothing more. */
  assertEnd(): void {
    if (this.length > 0) throw new RangeError(`DER: ${this.length} bytes too many at ${this.#at}`);
  }

  /** Whether what is left are these bytes. */
  holds(bytes: Uint8Array): boolean {
    return (
      this.length === bytes.length && bytes.every((byte, index) => this.#bytes[this.#at + index] === byte)
    );
  }

  /** What is left as text, one character a byte. */
  text(): string {
    return this.#bytes.toString('latin1', this.#at, this.#end);
  }

  /** What is left as bytes. */
  octets(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#end);
  }

  #readLength(): number {
    const first = this.#readByte();
    if (first < LONG_LENGTH) return first;
    const count = first - LONG_LENGTH;
    if (count === 0 || count > MOST_LENGTH_BYTES) throw new RangeError(`DER: a length of ${count} bytes`);
    let length = 0;
    for (let index = 0; index < count; index += 1) length = length * 256 + this.#readByte();
    return length;
  }

  #readByte(): number {
    const byte = this.#at < this.#end ? this.#bytes[this.#at] : undefined;
    if (byte === undefined) throw new RangeError('DER: cut off');
    this.#at += 1;
    return byte;
  }
}
