/**
 * Opens what PBES2 with PBKDF2 has encrypted (RFC 8018 §6.2), as OpenSSL 3 and Windows encrypt keys and PKCS#12 files.
 * The key is derived in node's thread pool: hundreds of thousands of rounds would stop the event loop for a second.
 */
import { createDecipheriv, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { type DerCursor, TAG } from '../credential/der-cursor.js';

/** Ten times what anybody recommends; a file must not keep a thread busy for minutes. */
export const MOST_ROUNDS = 10_000_000;

/** How something is encrypted. */
export interface Pbes2 {
  readonly salt: Uint8Array;
  readonly rounds: number;
  readonly hash: string;
  readonly cipher: string;
  readonly keyLength: number;
  readonly iv: Uint8Array;
}

/** Object identifiers in DER, as hexadecimal. RFC 8018 appendix C, RFC 3565. */
const PBES2 = '2a864886f70d01050d';
const PBKDF2 = '2a864886f70d01050c';
const HASHES: Readonly<Record<string, string>> = {
  '2a864886f70d0207': 'sha1',
  '2a864886f70d0208': 'sha224',
  '2a864886f70d0209': 'sha256',
  '2a864886f70d020a': 'sha384',
  '2a864886f70d020b': 'sha512',
};
const CIPHERS: Readonly<Record<string, readonly [name: string, keyLength: number]>> = {
  '608648016503040102': ['aes-128-cbc', 16],
  '608648016503040116': ['aes-192-cbc', 24],
  '60864801650304012a': ['aes-256-cbc', 32],
  '2a864886f70d0307': ['des-ede3-cbc', 24],
};

/**
 * Reads the inside of an AlgorithmIdentifier; undefined when it is another algorithm, or one with parts not known here.
 * @throws `RangeError` when it is no DER
 */
export function pbes2In(algorithm: DerCursor): Pbes2 | undefined {
  if (identifierIn(algorithm) !== PBES2) return undefined;
  const parameters = algorithm.enter(TAG.sequence);
  const [derivation, scheme] = [parameters.enter(TAG.sequence), parameters.enter(TAG.sequence)];
  if (identifierIn(derivation) !== PBKDF2) return undefined;
  const inputs = derivation.enter(TAG.sequence);
  const salt = inputs.enter(TAG.octetString).octets();
  const rounds = numberIn(inputs);
  inputs.skipIf(TAG.integer); // keyLength, which the cipher says as well
  const hash = inputs.length === 0 ? 'sha1' : HASHES[identifierIn(inputs.enter(TAG.sequence))];
  const [cipher, keyLength] = CIPHERS[identifierIn(scheme)] ?? [];
  if (hash === undefined || cipher === undefined || keyLength === undefined) return undefined;
  if (rounds < 1 || rounds > MOST_ROUNDS) return undefined;
  return { salt, rounds, hash, cipher, keyLength, iv: scheme.enter(TAG.octetString).octets() };
}

/**
 * What is encrypted.
 * @throws the error of OpenSSL when the passphrase is wrong, or the content is damaged
 */
export async function openPbes2(
  { salt, rounds, hash, cipher, keyLength, iv }: Pbes2,
  content: Uint8Array,
  passphrase: string,
): Promise<Buffer> {
  const key = await promisify(pbkdf2)(passphrase, salt, rounds, keyLength, hash);
  const decipher = createDecipheriv(cipher, key, iv);
  return Buffer.concat([decipher.update(content), decipher.final()]);
}

/** The next element, an object identifier, as hexadecimal. */
export function identifierIn(cursor: DerCursor): string {
  return Buffer.from(cursor.enter(TAG.objectIdentifier).octets()).toString('hex');
}

/** The next element, an integer. */
export function numberIn(cursor: DerCursor): number {
  return parseInt(Buffer.from(cursor.enter(TAG.integer).octets()).toString('hex'), 16);
}
