/**
 * Signs leaf certificates by the ten thousand: everything that is the same in all of them is encoded once, and where
 * nobody brings a key, a few that were made before are used.
 */
import { sign } from 'node:crypto';
import {
  bitString,
  der,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  pem,
  sequence,
  set,
  smallInteger,
  time,
  TRUE,
  utf8String,
} from '../support/der.js';
import { newTestKey, privateKeyPem, type TestKey } from '../support/test-keys.js';

/** One leaf. */
export interface Leaf {
  readonly name: string;
  /** Different for each. */
  readonly serial: number;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Makes a chain of one, and its key. */
export type LeafSigner = (leaf: Leaf) => { readonly cert: string; readonly key: string };

/** Makes a chain of one for a public key. */
export type KeySigner = (leaf: Leaf, spki: Uint8Array) => string;

const ECDSA_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const ISSUER = sequence(set(sequence(objectIdentifier('2.5.4.3'), utf8String('Model'))));
const EMPTY = sequence();
/** Any will do: nobody looks for the issuer's certificate. */
const ISSUER_KEY_IDENTIFIER = Buffer.alloc(20, 0x69);

const EXTENSIONS = [
  sequence(objectIdentifier('2.5.29.19'), TRUE, octetString(sequence())),
  sequence(objectIdentifier('2.5.29.15'), TRUE, octetString(bitString(Buffer.from([0x80]), 7))),
  sequence(objectIdentifier('2.5.29.37'), octetString(sequence(objectIdentifier('1.3.6.1.5.5.7.3.1')))),
  sequence(objectIdentifier('2.5.29.35'), octetString(sequence(implicit(0, ISSUER_KEY_IDENTIFIER)))),
];

export async function leafSigner(keyCount: number): Promise<LeafSigner> {
  const signKey = await keySigner();
  const keys = await Promise.all(Array.from({ length: keyCount }, () => newTestKey('ecdsa-p256')));
  const encoded = keys.map(encodeKey);
  return (leaf) => {
    const { spki, key } = encoded[leaf.serial % keyCount]!;
    return { cert: signKey(leaf, spki), key };
  };
}

export async function keySigner(): Promise<KeySigner> {
  const issuer = await newTestKey('ecdsa-p256');
  return ({ name, serial, notBefore, notAfter }, spki) => {
    const names = sequence(der(0x82, Buffer.from(name, 'latin1')));
    const extensions = [...EXTENSIONS, sequence(objectIdentifier('2.5.29.17'), TRUE, octetString(names))];
    const toBeSigned = sequence(
      explicit(0, smallInteger(2)),
      integer(serialBytes(serial)),
      ...[ECDSA_SHA256, ISSUER, sequence(time(notBefore), time(notAfter)), EMPTY, spki],
      explicit(3, sequence(...extensions)),
    );
    const signature = sign('sha256', toBeSigned, issuer.privateKey);
    return pem('CERTIFICATE', sequence(toBeSigned, ECDSA_SHA256, bitString(signature)));
  };
}

/** How renewal information names it (RFC 9773 §4.1). */
export function leafIdentifier(serial: number): string {
  return [ISSUER_KEY_IDENTIFIER, serialBytes(serial)].map((bytes) => bytes.toString('base64url')).join('.');
}

function serialBytes(serial: number): Buffer {
  const number = Buffer.alloc(9);
  number[0] = 0x40;
  number.writeUInt32BE(serial, 5);
  return number;
}

function encodeKey(key: TestKey): { readonly spki: Buffer; readonly key: string } {
  return { spki: key.publicKey.export({ type: 'spki', format: 'der' }), key: privateKeyPem(key) };
}
