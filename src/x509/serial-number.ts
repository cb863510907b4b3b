/** Serial numbers (RFC 5280 §4.1.2.2: positive, at most 20 octets). */
import { randomBytes } from 'node:crypto';

const LENGTH = 16;

/** 16 random bytes as hexadecimal, positive and in the shortest DER form: the first byte is 0x40–0x7f. */
export function randomSerialNumber(): string {
  const bytes = randomBytes(LENGTH);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}
