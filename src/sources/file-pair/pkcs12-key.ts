/**
 * The key derivation of PKCS#12 (RFC 7292 appendix B.2), which node does not have: for the MAC of every file, and for
 * the encryption of old ones. In slices, because a file may ask for hundreds of thousands of rounds.
 */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

/** What a derived key is for (appendix B.3). */
export const PURPOSE = { encryption: 1, iv: 2, integrity: 3 } as const;

/** What a key is derived from, besides the passphrase. */
export interface Pkcs12Derivation {
  /** Such as `sha256`. */
  readonly hash: string;
  readonly salt: Uint8Array;
  readonly rounds: number;
  readonly purpose: (typeof PURPOSE)[keyof typeof PURPOSE];
  /** In bytes. */
  readonly length: number;
}

const ROUNDS_AT_ONCE = 5_000;

/** The key for a passphrase; undefined means none at all, which is not the empty one. */
export async function derivedKey(
  { hash, salt, rounds, purpose, length }: Pkcs12Derivation,
  passphrase: string | undefined,
): Promise<Buffer> {
  const blockLength = hash === 'sha384' || hash === 'sha512' ? 128 : 64;
  const diversifier = Buffer.alloc(blockLength, purpose);
  let input: Buffer = Buffer.concat([filled(salt, blockLength), filled(bmpString(passphrase), blockLength)]);
  let key: Buffer = Buffer.alloc(0);
  while (key.length < length) {
    const hashed = await hashedOften(Buffer.concat([diversifier, input]), { hash, rounds });
    key = Buffer.concat([key, hashed]);
    input = increased(input, Buffer.alloc(blockLength, hashed));
  }
  return key.subarray(0, length);
}

async function hashedOften(
  input: Buffer,
  { hash, rounds }: { readonly hash: string; readonly rounds: number },
): Promise<Buffer> {
  let result: Buffer = input;
  for (let round = 1; round <= rounds; round += 1) {
    result = createHash(hash).update(result).digest();
    if (round % ROUNDS_AT_ONCE === 0) await setImmediate();
  }
  return result;
}

/** Each block of `input` taken as a number, and `summand` + 1 added to it. */
function increased(input: Buffer, summand: Buffer): Buffer {
  const { length } = summand;
  const modulus = 1n << BigInt(8 * length);
  const blocks: Buffer[] = [];
  for (let start = 0; start < input.length; start += length) {
    const sum = (numberOf(input.subarray(start, start + length)) + numberOf(summand) + 1n) % modulus;
    blocks.push(Buffer.from(sum.toString(16).padStart(2 * length, '0'), 'hex'));
  }
  return Buffer.concat(blocks);
}

function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

/** UTF-16, big-endian, with a terminating zero (appendix B.1). */
function bmpString(text: string | undefined): Buffer {
  return text === undefined ? Buffer.alloc(0) : Buffer.from(`${text}\0`, 'utf16le').swap16();
}

/** Repeated to a whole number of blocks. */
function filled(bytes: Uint8Array, blockLength: number): Buffer {
  if (bytes.length === 0) return Buffer.alloc(0);
  return Buffer.alloc(Math.ceil(bytes.length / blockLength) * blockLength, bytes);
}
