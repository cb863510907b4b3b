// Writes and signs one X.509 certificate (RFC 5280 §4.1) exactly as described, sensible or not.
import { createHash, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import {
  bitString,
  der,
  explicit,
  implicit,
  integer,
  NULL,
  objectIdentifier,
  octetString,
  pem,
  sequence,
  set,
  smallInteger,
  time,
  TRUE,
  utf8String,
} from './der.js';
import type { TestKey } from './test-keys.js';

/** The bits of the key usage extension (RFC 5280 §4.2.1.3). */
export type KeyUsage =
  | 'digitalSignature'
  | 'nonRepudiation'
  | 'keyEncipherment'
  | 'dataEncipherment'
  | 'keyAgreement'
  | 'keyCertSign'
  | 'cRLSign';

/** The purposes of the extended key usage extension. */
export type KeyPurpose = 'serverAuth' | 'clientAuth' | 'codeSigning';

/** Everything that goes into a certificate. */
export interface CertificateDescription {
  readonly version: 1 | 3;
  readonly serialNumber?: string;
  /** Common names; none for an empty subject. */
  readonly subject: readonly string[];
  readonly issuer: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
  /** The names of the subjectAltName; undefined for a certificate without one. */
  readonly names: readonly string[] | undefined;
  readonly keyUsage: readonly KeyUsage[];
  readonly purposes: readonly KeyPurpose[];
  readonly isAuthority: boolean;
  /** `false` leaves out the identifiers by which issuers of one name are told apart. */
  readonly hasKeyIdentifiers: boolean;
}

/** Signs `description` for `key` with the key of `issuer`; answers PEM. */
export function signCertificate(description: CertificateDescription, key: TestKey, issuer: TestKey): string {
  const algorithm = signatureAlgorithm(issuer);
  const toBeSigned = sequence(
    ...(description.version === 3 ? [explicit(0, smallInteger(2))] : []),
    integer(
      description.serialNumber === undefined ? newSerial() : Buffer.from(description.serialNumber, 'hex'),
    ),
    algorithm.identifier,
    distinguishedName(description.issuer),
    sequence(time(description.notBefore), time(description.notAfter)),
    distinguishedName(description.subject),
    publicKeyInfo(key),
    ...(description.version === 3 ? [explicit(3, sequence(...extensions(description, key, issuer)))] : []),
  );
  const signature = sign(algorithm.digest, toBeSigned, issuer.privateKey);
  return pem('CERTIFICATE', sequence(toBeSigned, algorithm.identifier, bitString(signature)));
}

/** The serial number that a PEM certificate carries, as node shows it. */
export function serialNumberOf(certificatePem: string): string {
  return new X509Certificate(certificatePem).serialNumber;
}

function newSerial(): Buffer {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

function signatureAlgorithm({ privateKey }: TestKey): { digest: string | null; identifier: Buffer } {
  switch (privateKey.asymmetricKeyType) {
    case 'ed25519':
      return { digest: null, identifier: sequence(objectIdentifier('1.3.101.112')) };
    case 'ed448':
      return { digest: null, identifier: sequence(objectIdentifier('1.3.101.113')) };
    case 'rsa':
      return { digest: 'sha256', identifier: sequence(objectIdentifier('1.2.840.113549.1.1.11'), NULL) };
    case 'ec':
      return { digest: 'sha256', identifier: sequence(objectIdentifier('1.2.840.10045.4.3.2')) };
    default:
      throw new TypeError(
        `A test certificate cannot be signed with ${String(privateKey.asymmetricKeyType)}.`,
      );
  }
}

function distinguishedName(commonNames: readonly string[]): Buffer {
  return sequence(...commonNames.map((name) => set(sequence(objectIdentifier('2.5.4.3'), utf8String(name)))));
}

const publicKeyInfos = new WeakMap<KeyObject, Buffer>();

/** Encoded once for a key: tests that fill folders issue thousands of certificates for one. */
function publicKeyInfo({ publicKey }: TestKey): Buffer {
  const known = publicKeyInfos.get(publicKey);
  if (known !== undefined) return known;
  const encoded = publicKey.export({ type: 'spki', format: 'der' });
  publicKeyInfos.set(publicKey, encoded);
  return encoded;
}

const KEY_USAGE_BITS: readonly KeyUsage[] = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
];
const PURPOSE_IDS: Readonly<Record<KeyPurpose, string>> = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
};

function extensions(description: CertificateDescription, key: TestKey, issuer: TestKey): Buffer[] {
  const { names, keyUsage, purposes, isAuthority, subject } = description;
  const list = [critical('2.5.29.19', isAuthority ? sequence(TRUE) : sequence())];
  if (description.hasKeyIdentifiers) {
    list.push(
      plain('2.5.29.14', octetString(keyIdentifier(key))),
      plain('2.5.29.35', sequence(implicit(0, keyIdentifier(issuer)))),
    );
  }
  if (keyUsage.length > 0) list.push(critical('2.5.29.15', keyUsageBits(keyUsage)));
  if (purposes.length > 0) {
    list.push(
      plain('2.5.29.37', sequence(...purposes.map((purpose) => objectIdentifier(PURPOSE_IDS[purpose])))),
    );
  }
  if (names !== undefined) {
    // RFC 5280 §4.2.1.6: critical when the subject is empty.
    const extension = subject.length === 0 ? critical : plain;
    list.push(extension('2.5.29.17', sequence(...names.map(generalName))));
  }
  return list;
}

function plain(id: string, value: Buffer): Buffer {
  return sequence(objectIdentifier(id), octetString(value));
}

function critical(id: string, value: Buffer): Buffer {
  return sequence(objectIdentifier(id), TRUE, octetString(value));
}

function keyIdentifier(key: TestKey): Buffer {
  return createHash('sha1').update(publicKeyInfo(key)).digest();
}

function keyUsageBits(usages: readonly KeyUsage[]): Buffer {
  const positions = usages.map((usage) => KEY_USAGE_BITS.indexOf(usage));
  const byte = positions.reduce((bits, position) => bits | (0x80 >> position), 0);
  return bitString(Buffer.from([byte]), 7 - Math.max(...positions));
}

function generalName(name: string): Buffer {
  if (isIP(name) !== 0) return der(0x87, addressBytes(name));
  return der(0x82, Buffer.from(name, 'latin1'));
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const front = groups(head);
  const back = groups(tail ?? '');
  const zeros = tail === undefined ? [] : new Array<string>(8 - front.length - back.length).fill('0');
  return Buffer.from([...front, ...zeros, ...back].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function groups(text: string): string[] {
  return text === '' ? [] : text.split(':');
}
