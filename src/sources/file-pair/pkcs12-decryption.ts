/**
 * Opens the encrypted parts of a PKCS#12 file: PBES2 as programs of today use it, and the two schemes of RFC 7292
 * appendix C that the others have used for twenty years. Nothing of it stops the event loop for long.
 */
import { createDecipheriv } from 'node:crypto';
import type * as ForgeModule from 'node-forge';
import { DerCursor, TAG } from '../../credential/der-cursor.js';
import { identifierIn, MOST_ROUNDS, numberIn, openPbes2, pbes2In } from '../../files/pbes2.js';
import { derivedKey, PURPOSE } from './pkcs12-key.js';

type Forge = typeof ForgeModule;

/** pbeWithSHAAnd3-KeyTripleDES-CBC and pbewithSHAAnd40BitRC2-CBC (RFC 7292 appendix C). */
const TRIPLE_DES = '2a864886f70d010c0103';
const RC2_40 = '2a864886f70d010c0106';
const KEY_LENGTHS: Readonly<Record<string, number>> = { [TRIPLE_DES]: 24, [RC2_40]: 5 };
const IV_LENGTH = 8;

/** Something encrypted. */
export interface Encrypted {
  /** The AlgorithmIdentifier, in DER. */
  readonly algorithm: Buffer;
  readonly content: Buffer;
}

/**
 * What is encrypted; undefined when it is in a way that is not known here.
 * @param passphrase - undefined: none at all, which the old schemes tell from an empty one
 * @throws any error when the passphrase is wrong, or the content is damaged
 */
export async function decrypted(
  { algorithm, content }: Encrypted,
  passphrase: string | undefined,
  forge: Forge,
): Promise<Buffer | undefined> {
  const pbes2 = pbes2In(new DerCursor(algorithm).enter(TAG.sequence));
  if (pbes2 !== undefined) return openPbes2(pbes2, content, passphrase ?? '');
  const old = new DerCursor(algorithm).enter(TAG.sequence);
  const scheme = identifierIn(old);
  const length = KEY_LENGTHS[scheme];
  if (length === undefined) return undefined;
  const parameters = old.enter(TAG.sequence);
  const salt = parameters.enter(TAG.octetString).octets();
  const rounds = numberIn(parameters);
  if (rounds > MOST_ROUNDS) return undefined;
  const inputs = { hash: 'sha1', salt, rounds };
  const key = await derivedKey({ ...inputs, purpose: PURPOSE.encryption, length }, passphrase);
  const iv = await derivedKey({ ...inputs, purpose: PURPOSE.iv, length: IV_LENGTH }, passphrase);
  if (scheme === RC2_40) return withRc2({ key, iv }, content, forge);
  const decipher = createDecipheriv('des-ede3-cbc', key, iv);
  return Buffer.concat([decipher.update(content), decipher.final()]);
}

/** OpenSSL keeps RC2 in a provider that node does not load. */
function withRc2(
  { key, iv }: { readonly key: Buffer; readonly iv: Buffer },
  content: Buffer,
  forge: Forge,
): Buffer {
  const bytes = (buffer: Buffer): string => buffer.toString('latin1');
  const cipher = forge.rc2.createDecryptionCipher(bytes(key), 8 * key.length);
  cipher.start(bytes(iv));
  cipher.update(forge.util.createBuffer(bytes(content)));
  if (!cipher.finish()) throw new Error('the padding is wrong');
  return Buffer.from(cipher.output.getBytes(), 'latin1');
}
