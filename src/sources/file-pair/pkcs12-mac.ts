/**
 * The integrity check of a PKCS#12 file (RFC 7292 §4): it is what tells a wrong passphrase from a damaged file.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { derivedKey, PURPOSE } from './pkcs12-key.js';

/** What a file says about its MAC. */
export interface Pkcs12Mac {
  /** Such as `sha256`. */
  readonly hash: string;
  readonly salt: Buffer;
  readonly rounds: number;
  readonly digest: Buffer;
}

/** Whether `passphrase` (undefined: none at all, which is not the empty one) makes the MAC of `content`. */
export async function isMacRight(
  { hash, salt, rounds, digest }: Pkcs12Mac,
  content: Buffer,
  passphrase: string | undefined,
): Promise<boolean> {
  // The key is as long as the hash.
  const { length } = createHash(hash).digest();
  const key = await derivedKey({ hash, salt, rounds, length, purpose: PURPOSE.integrity }, passphrase);
  const mac = createHmac(hash, key).update(content).digest();
  return digest.length === length && timingSafeEqual(mac, digest);
}
