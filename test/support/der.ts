// The few DER types (X.690) that a certificate is written in. By hand, because tests need certificates that no
// decent library agrees to make: version 1, no names, names with commas, keys on odd curves.

/** One DER value: tag, length, contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOf(body.length), body]);
}

/** SEQUENCE. */
export function sequence(...items: readonly Uint8Array[]): Buffer {
  return der(0x30, ...items);
}

/** SET of one or more values, in the order given. */
export function set(...items: readonly Uint8Array[]): Buffer {
  return der(0x31, ...items);
}

/** A non-negative INTEGER from its big-endian bytes. */
export function integer(bytes: Uint8Array): Buffer {
  const needsZero = ((bytes[0] ?? 0) & 0x80) !== 0;
  return der(0x02, needsZero ? Buffer.from([0]) : Buffer.alloc(0), bytes);
}

/** A small INTEGER. */
export function smallInteger(value: number): Buffer {
  return integer(Buffer.from([value]));
}

/** BOOLEAN TRUE: DER leaves FALSE out where it is the default. */
export const TRUE = der(0x01, Buffer.from([0xff]));

/** NULL. */
export const NULL = der(0x05);

/** OBJECT IDENTIFIER from its dotted form. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(0x06, ...[first * 40 + second, ...rest].map(base128));
}

/** UTF8String. */
export function utf8String(text: string): Buffer {
  return der(0x0c, Buffer.from(text, 'utf8'));
}

/** OCTET STRING. */
export function octetString(...contents: readonly Uint8Array[]): Buffer {
  return der(0x04, ...contents);
}

/** BIT STRING with `unusedBits` at its end. */
export function bitString(contents: Uint8Array, unusedBits = 0): Buffer {
  return der(0x03, Buffer.from([unusedBits]), contents);
}

/** UTCTime before 2050, GeneralizedTime from then on (RFC 5280 §4.1.2.5). */
export function time(epochMs: number): Buffer {
  const digits = new Date(epochMs).toISOString().replace(/[-:T]|\.\d+/g, '');
  const year = Number(digits.slice(0, 4));
  return year >= 1950 && year < 2050
    ? der(0x17, Buffer.from(digits.slice(2)))
    : der(0x18, Buffer.from(digits));
}

/** `[number]` around whole values. */
export function explicit(number: number, ...items: readonly Uint8Array[]): Buffer {
  return der(0xa0 | number, ...items);
}

/** `[number]` in place of a primitive type's own tag. */
export function implicit(number: number, contents: Uint8Array): Buffer {
  return der(0x80 | number, contents);
}

/** DER as PEM text. */
export function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes = Buffer.from(
    length.toString(16).padStart(length > 0xffff ? 6 : length > 0xff ? 4 : 2, '0'),
    'hex',
  );
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes]);
}

function base128(value: number): Buffer {
  const bytes = [value & 0x7f];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
    bytes.unshift((rest & 0x7f) | 0x80);
  return Buffer.from(bytes);
}
