/**
 * Certificates and key out of a PKCS#12 file (RFC 7292), as PEM: node can serve such a file but not look into it, and
 * what cannot be looked into cannot be proven. Modern (PBES2, AES) and old ones (3DES, RC2) are read.
 */
import type { asn1 as Asn1, pkcs12 as Pkcs12 } from 'node-forge';
import type * as ForgeModule from 'node-forge';
import { messageOf, TlsmithError } from '../../errors.js';
import { wrongPassphrase } from '../../files/pair-errors.js';
import type { PairFile } from '../../files/read-pair-file.js';
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
  const { oids } = forge.pki;
  const keys = bags.filter(({ type }) => type === oids['pkcs8ShroudedKeyBag'] || type === oids['keyBag']);
  const certificates = bags.filter(({ type }) => type === oids['certBag']);
  const [key] = keys;
  if (key === undefined)
    throw invalid(file, `holds no private key (${certificates.length} certificates)`, NO_KEY);
  if (keys.length > 1) throw invalid(file, `holds ${keys.length} private keys; a pair has one`, ONE_PAIR);
  if (certificates.length === 0) throw invalid(file, 'holds a private key and no certificate', ONE_PAIR);
  return {
    cert: certificates.map((bag) => pem('CERTIFICATE', derOf(forge, certificateOf(forge, bag)))).join(''),
    key: pem('PRIVATE KEY', derOf(forge, keyOf(forge, key))),
  };
}

const NO_KEY =
  'It is a trust store, or was exported without the key. Export again with it: openssl pkcs12 -export -inkey KEY -in FULLCHAIN -out FILE';
const ONE_PAIR =
  'Export the one pair that is to be served: openssl pkcs12 -export -inkey KEY -in FULLCHAIN -out FILE';
const NOT_READABLE =
  'Copy the file again as binary, or convert it and give the result as `certFile` and `keyFile`: openssl pkcs12 -in FILE -nodes -out FILE.pem (very old ones with -legacy)';

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

async function bagsOf(opening: Opening): Promise<Pkcs12.Bag[]> {
  const structure = parsed(opening);
  const passphrases = await rightPassphrases(structure, opening);
  let reason: unknown;
  for (const passphrase of passphrases) {
    try {
      const pfx = opening.forge.pkcs12.pkcs12FromAsn1(structure, false, passphrase);
      return pfx.safeContents.flatMap(({ safeBags }) => safeBags);
    } catch (error) {
      reason = error;
    }
  }
  throw refusal(reason, opening);
}

function parsed({ forge, file }: Opening): Asn1.Asn1 {
  try {
    return forge.asn1.fromDer(file.bytes.toString('latin1'));
  } catch {
    throw invalid(file, 'cannot be read as PKCS#12 (cut off, damaged, or something else)', NOT_READABLE);
  }
}

/**
 * The passphrases to decrypt with. Where a MAC can be checked it has chosen, and is taken away so that it is not
 * computed once more. No passphrase may mean an empty one or none; PBES2 takes it as UTF-8 (in the reader's strings:
 * a byte a character), the older schemes as UTF-16.
 */
async function rightPassphrases(structure: Asn1.Asn1, opening: Opening): Promise<(string | undefined)[]> {
  const { passphrase = '' } = opening.opening;
  const given = passphrase === '' ? ['', undefined] : [passphrase];
  const protectedContent = protectedContentOf(structure, opening.forge);
  if (protectedContent === undefined) return given.flatMap(asBytesAndText);
  const { mac, content } = protectedContent;
  for (const candidate of given) {
    if (!(await isMacRight(mac, content, candidate))) continue;
    (structure.value as Asn1.Asn1[]).length = 2;
    return asBytesAndText(candidate);
  }
  throw notOpened(opening);
}

function asBytesAndText(passphrase: string | undefined): (string | undefined)[] {
  if (passphrase === undefined) return [undefined];
  return [...new Set([Buffer.from(passphrase).toString('latin1'), passphrase])];
}

const HASHES: readonly string[] = ['sha1', 'sha256', 'sha384', 'sha512'];

/** The MAC of a file and the bytes that it is over; undefined when there is none, or none of a kind known here. */
function protectedContentOf(
  structure: Asn1.Asn1,
  forge: Forge,
): { mac: Pkcs12Mac; content: Buffer } | undefined {
  const [, contentInfo, macData] = children(structure);
  const [digestInfo, salt, iterations] = children(macData);
  const [algorithm, digest] = children(digestInfo);
  const oid = children(algorithm)[0];
  const content = children(children(contentInfo)[1])[0];
  if (!isText(oid) || !isText(salt) || !isText(digest) || content === undefined) return undefined;
  const hash = forge.pki.oids[forge.asn1.derToOid(oid.value)] ?? '';
  if (!HASHES.includes(hash)) return undefined;
  const rounds = isText(iterations)
    ? parseInt(Buffer.from(iterations.value, 'latin1').toString('hex'), 16)
    : 1;
  const mac = { hash, salt: bytesIn(salt), iterations: rounds, digest: bytesIn(digest) };
  return { mac, content: bytesIn(content) };
}

interface TextNode {
  readonly value: string;
}

function isText(node: Asn1.Asn1 | undefined): node is Asn1.Asn1 & TextNode {
  return typeof node?.value === 'string';
}

function children(node: Asn1.Asn1 | undefined): readonly Asn1.Asn1[] {
  return Array.isArray(node?.value) ? node.value : [];
}

/** Octets may be in pieces, as programs write that do not know the length beforehand. */
function bytesIn(node: Asn1.Asn1): Buffer {
  return isText(node) ? Buffer.from(node.value, 'latin1') : Buffer.concat(children(node).map(bytesIn));
}

/** Without a MAC a wrong passphrase shows as content that makes no sense. What is unsupported the reader says so. */
function refusal(reason: unknown, opening: Opening): TlsmithError {
  const message = messageOf(reason);
  const isStructure = /unsupported|not supported|only .* supported|Cannot read PKCS#12 PFX/i.test(message);
  if (!isStructure) return notOpened(opening);
  return invalid(opening.file, `cannot be read: ${message.replace(/\.$/, '')}`, NOT_READABLE);
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

/** What forge understands (RSA) it hands out as an object of its own, everything else as it stands in the file. */
function certificateOf(forge: Forge, { cert, asn1 }: Pkcs12.Bag): Asn1.Asn1 {
  return (cert ?? undefined) === undefined
    ? asn1
    : forge.pki.certificateToAsn1(cert as ForgeModule.pki.Certificate);
}

function keyOf(forge: Forge, { key, asn1 }: Pkcs12.Bag): Asn1.Asn1 {
  if ((key ?? undefined) === undefined) return asn1;
  return forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(key as ForgeModule.pki.PrivateKey));
}

function derOf(forge: Forge, structure: Asn1.Asn1): Buffer {
  return Buffer.from(forge.asn1.toDer(structure).getBytes(), 'latin1');
}

function pem(label: string, der: Buffer): string {
  const base64 = der.toString('base64').replaceAll(/(.{64})(?=.)/g, '$1\n');
  return `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`;
}

function invalid({ path }: PairFile, what: string, hint: string): TlsmithError {
  return new TlsmithError('TLS_PKCS12_INVALID', `PKCS#12 file ${path} ${what}.`, { path, hint });
}
