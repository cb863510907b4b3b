/**
 * Certificates and key out of a PKCS#12 file (RFC 7292), as PEM: node can serve such a file but not look into it, and
 * what cannot be looked into cannot be proven. Modern (PBES2, AES) and old ones (3DES, RC2) are read.
 */
import type { asn1 as Asn1 } from 'node-forge';
import type * as ForgeModule from 'node-forge';
import { pemBlock } from '../../credential/pem.js';
import { isTlsmithError, TlsmithError } from '../../errors.js';
import { wrongPassphrase } from '../../files/pair-errors.js';
import { MOST_ROUNDS } from '../../files/pbes2.js';
import type { PairFile } from '../../files/read-pair-file.js';
import { type Bag, bagsIn, bytesIn, children, isText, type SafeReading } from './pkcs12-bags.js';
import { isMacRight, type Pkcs12Mac } from './pkcs12-mac.js';

type Forge = typeof ForgeModule;

/** What opens the file. */
export interface Pkcs12Passphrase {
  readonly passphrase: string | undefined;
  /** Where it came from, if from a file. */
  readonly passphraseFile: string | undefined;
}

/** A file that is being opened. */
interface Opening {
  readonly forge: Forge;
  readonly file: PairFile;
  readonly opening: Pkcs12Passphrase;
}

/**
 * The key and all certificates of a PKCS#12 file.
 * @throws {@link TlsmithError} `TLS_KEY_PASSPHRASE_REQUIRED`, `TLS_KEY_PASSPHRASE_WRONG`, `TLS_FILE_EMPTY`,
 * `TLS_PEM_WRONG_KIND` for PEM text, or `TLS_PKCS12_INVALID`
 */
export async function readPkcs12(
  file: PairFile,
  opening: Pkcs12Passphrase,
): Promise<{ cert: string; key: string }> {
  assertBinary(file);
  const forge = (await import('node-forge')).default;
  const bags = await bagsOf({ forge, file, opening });
  const keys = bags.filter(({ kind }) => kind === 'key');
  const certificates = bags.filter(({ kind }) => kind === 'certificate');
  const [key] = keys;
  if (key === undefined)
    throw invalid(file, `holds no private key (${certificates.length} certificates)`, NO_KEY);
  if (keys.length > 1) throw invalid(file, `holds ${keys.length} private keys; a pair has one`, ONE_PAIR);
  if (certificates.length === 0) throw invalid(file, 'holds a private key and no certificate', ONE_PAIR);
  return {
    cert: certificates.map(({ der }) => pemBlock('CERTIFICATE', der)).join(''),
    key: pemBlock('PRIVATE KEY', key.der),
  };
}

const NO_KEY =
  'It is a trust store, or was exported without the key. Export again with it: openssl pkcs12 -export -inkey KEY -in FULLCHAIN -out FILE';
const ONE_PAIR =
  'Export the one pair that is to be served: openssl pkcs12 -export -inkey KEY -in FULLCHAIN -out FILE';
const NOT_READABLE =
  'Copy the file again as binary, or convert it and give the result as `certFile` and `keyFile`: openssl pkcs12 -in FILE -nodes -out FILE.pem (very old ones with -legacy)';
const NO_PKCS12 = 'cannot be read as PKCS#12 (cut off, damaged, or something else)';

function assertBinary({ path, bytes }: PairFile): void {
  const text = bytes.toString('latin1').trimStart();
  if (text === '') {
    throw new TlsmithError('TLS_FILE_EMPTY', `PKCS#12 file ${path} is empty.`, {
      path,
      hint: 'Write it again; replace it by renaming a finished one over it.',
    });
  }
  if (!text.includes('-----BEGIN ')) return;
  throw new TlsmithError('TLS_PEM_WRONG_KIND', `${path} was given as PKCS#12 file but is PEM text.`, {
    path,
    hint: 'Give it as `certFile` and `keyFile`.',
  });
}

/** Without a MAC a wrong passphrase shows as content that makes no sense. */
async function bagsOf(opening: Opening): Promise<readonly Bag[]> {
  const { forge, file } = opening;
  const { safe, mac } = structureOf(opening);
  const reading: SafeReading = {
    forge,
    unsupported: (what) => invalid(file, `cannot be read: ${what}`, NOT_READABLE),
  };
  for (const passphrase of await passphrasesFor({ safe, mac }, opening)) {
    try {
      return await bagsIn(safe, passphrase, reading);
    } catch (error) {
      if (isTlsmithError(error)) throw error;
    }
  }
  throw notOpened(opening);
}

interface Structure {
  /** The AuthenticatedSafe. */
  readonly safe: Buffer;
  /** Undefined when there is none, or none of a kind known here. */
  readonly mac: Pkcs12Mac | undefined;
}

function structureOf({ forge, file }: Opening): Structure {
  const [, contentInfo, macData] = children(parsed(file, forge));
  const content = children(children(contentInfo)[1])[0];
  if (content === undefined) throw invalid(file, NO_PKCS12, NOT_READABLE);
  const mac = macIn(macData, forge);
  if (mac !== undefined && mac.rounds > MOST_ROUNDS)
    throw invalid(file, `asks for ${mac.rounds} rounds of hashing; ${MOST_ROUNDS} are done`, NOT_READABLE);
  return { safe: bytesIn(content), mac };
}

function parsed(file: PairFile, forge: Forge): Asn1.Asn1 {
  try {
    return forge.asn1.fromDer(file.bytes.toString('latin1'));
  } catch {
    throw invalid(file, NO_PKCS12, NOT_READABLE);
  }
}

/** The passphrases to decrypt with; where a MAC can be checked it chooses. None given may mean an empty one or none. */
async function passphrasesFor(
  { safe, mac }: Structure,
  opening: Opening,
): Promise<readonly (string | undefined)[]> {
  const { passphrase = '' } = opening.opening;
  const given = passphrase === '' ? ['', undefined] : [passphrase];
  if (mac === undefined) return given;
  for (const candidate of given) if (await isMacRight(mac, safe, candidate)) return [candidate];
  throw notOpened(opening);
}

const HASHES: readonly string[] = ['sha1', 'sha256', 'sha384', 'sha512'];

function macIn(macData: Asn1.Asn1 | undefined, forge: Forge): Pkcs12Mac | undefined {
  const [digestInfo, salt, iterations] = children(macData);
  const [algorithm, digest] = children(digestInfo);
  const oid = children(algorithm)[0];
  if (!isText(oid) || !isText(salt) || !isText(digest)) return undefined;
  const hash = forge.pki.oids[forge.asn1.derToOid(oid.value)] ?? '';
  if (!HASHES.includes(hash)) return undefined;
  const rounds = isText(iterations) ? parseInt(bytesIn(iterations).toString('hex'), 16) : 1;
  return { hash, salt: bytesIn(salt), rounds, digest: bytesIn(digest) };
}

function notOpened({ file: { path }, opening: { passphrase, passphraseFile } }: Opening): TlsmithError {
  if (passphrase !== undefined) {
    return wrongPassphrase(passphrase, { name: `PKCS#12 file ${path}`, path, passphraseFile });
  }
  return new TlsmithError(
    'TLS_KEY_PASSPHRASE_REQUIRED',
    `PKCS#12 file ${path} is encrypted and no passphrase was given.`,
    { path, hint: 'Set `passphrase` or `passphraseFile`.' },
  );
}

function invalid({ path }: PairFile, what: string, hint: string): TlsmithError {
  return new TlsmithError('TLS_PKCS12_INVALID', `PKCS#12 file ${path} ${what}.`, { path, hint });
}
