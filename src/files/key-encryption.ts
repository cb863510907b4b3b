/** How a private key in PEM is encrypted, for messages: named from its header or its object identifiers. */

import { ENCRYPTED_KEY_LABEL } from '../credential/pem.js';

/** Object identifiers as they stand in DER, by the names that OpenSSL's users know. RFC 8018, RFC 7914, RFC 7292. */
const SCHEMES: readonly (readonly [name: string, oid: string])[] = [
  ['AES-128', '608648016503040102'],
  ['AES-192', '608648016503040116'],
  ['AES-256', '60864801650304012a'],
  ['3DES', '2a864886f70d0307'],
  ['3DES', '2a864886f70d010c0103'],
  ['RC2', '2a864886f70d010c0105'],
  ['RC2', '2a864886f70d010c0106'],
  ['RC4', '2a864886f70d010c0101'],
  ['RC4', '2a864886f70d010c0102'],
  ['DES', '2a864886f70d010503'],
  ['DES', '2a864886f70d01050a'],
  ['RC2', '2a864886f70d010504'],
  ['RC2', '2a864886f70d01050b'],
];
const SCRYPT = '2b06010401da47040b';
/** What OpenSSL 3 opens only with its legacy provider, which node does not load. */
const RETIRED = /^(RC2|RC4|DES)\b(?!-EDE3)/;

const BODY = new RegExp(`-----BEGIN ${ENCRYPTED_KEY_LABEL}-----([^-]*)`);

/** An encryption of a key. */
export interface KeyEncryption {
  /** Such as `PKCS#8, AES-256` or `legacy PEM, AES-128-CBC`. */
  readonly name: string;
  /** Whether OpenSSL opens it no more, whatever the passphrase. */
  readonly isRetired: boolean;
}

/** How the first encrypted key in `bytes` is encrypted; undefined when there is none. */
export function keyEncryptionOf(bytes: Uint8Array): KeyEncryption | undefined {
  const text = Buffer.from(bytes).toString('latin1');
  const cipher = /^DEK-Info: ([A-Z0-9-]+)/m.exec(text)?.[1];
  if (cipher !== undefined) return { name: `legacy PEM, ${cipher}`, isRetired: RETIRED.test(cipher) };
  const body = BODY.exec(text)?.[1];
  if (body === undefined) return undefined;
  const der = Buffer.from(body, 'base64').toString('hex');
  const scheme = SCHEMES.find(([, oid]) => der.includes(oid))?.[0] ?? 'an unknown cipher';
  const derivation = der.includes(SCRYPT) ? ' with scrypt' : '';
  return { name: `PKCS#8, ${scheme}${derivation}`, isRetired: RETIRED.test(scheme) };
}
