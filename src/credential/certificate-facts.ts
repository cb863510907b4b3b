/**
 * What a certificate says, read with node's own parser: names, validity, serial, key type. (@peculiar/x509 would
 * cost a hundred milliseconds of import for the same facts.)
 */
import type { KeyObject, X509Certificate } from 'node:crypto';
import { TlsmithError } from '../errors.js';
import type { Origin } from './pem.js';
import { normalizeConfiguredName, normalizeIpAddress } from './server-name.js';

/** The key types a server credential may have. */
export type KeyType = 'ecdsa-p256' | 'ecdsa-p384' | 'ecdsa-p521' | 'ed25519' | 'ed448' | `rsa-${number}`;

const CURVES: Readonly<Record<string, KeyType>> = {
  prime256v1: 'ecdsa-p256',
  secp384r1: 'ecdsa-p384',
  secp521r1: 'ecdsa-p521',
};

/** OpenSSL 3.5 (Node 24) refuses shorter keys by itself; refusing everywhere keeps all Nodes alike. */
const SHORTEST_RSA_KEY = 2048;

/** The names of the subjectAltName, normalised; without one, the common name as old clients read it. */
export function namesOf(certificate: X509Certificate): string[] {
  const names =
    certificate.subjectAltName === undefined
      ? commonNames(certificate)
      : alternativeNames(certificate.subjectAltName);
  return [...new Set(names)];
}

/** The subject, one attribute a line; `''` when it is empty (where node, against its types, answers undefined). */
export function subjectLinesOf(certificate: X509Certificate): string {
  return lines(certificate.subject);
}

/** The subject on one line, for messages. */
export function subjectOf(certificate: X509Certificate): string {
  return lines(certificate.subject).replaceAll('\n', ', ');
}

/** The issuer's common name, or its whole name on one line when it has none. */
export function issuerOf(certificate: X509Certificate): string {
  const issuer = lines(certificate.issuer);
  return commonNameIn(issuer) ?? issuer.replaceAll('\n', ', ');
}

/** The subject's common name as it is written, or undefined. */
export function commonNameOf(certificate: X509Certificate): string | undefined {
  return commonNameIn(subjectLinesOf(certificate));
}

function lines(name: string | undefined): string {
  return name ?? '';
}

function commonNameIn(name: string): string | undefined {
  return /(?:^|\n)CN=([^\n]+)/.exec(name)?.[1];
}

/**
 * Validity in milliseconds since the epoch. The end may lie before the beginning (`openssl x509 -days -1`): then the
 * certificate has expired, and is treated like any other that has.
 */
export function validityOf(
  certificate: X509Certificate,
  origin: Origin,
): { notBefore: number; notAfter: number } {
  const notBefore = Date.parse(certificate.validFrom);
  const notAfter = Date.parse(certificate.validTo);
  if (Number.isNaN(notBefore) || Number.isNaN(notAfter)) {
    throw new TlsmithError('TLS_PEM_INVALID', `${origin} has an unreadable validity period.`);
  }
  return { notBefore, notAfter };
}

/** The key type of a private or public key; throws `TLS_KEY_UNSUPPORTED` for what TLS servers cannot use everywhere. */
export function keyTypeOf(key: KeyObject, origin: Origin): KeyType {
  const details = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      if ((details.modulusLength ?? 0) >= SHORTEST_RSA_KEY) return `rsa-${details.modulusLength ?? 0}`;
      throw unsupported(origin, `a ${String(details.modulusLength)}-bit RSA key`);
    case 'ec': {
      const keyType = CURVES[details.namedCurve ?? ''];
      if (keyType !== undefined) return keyType;
      throw unsupported(origin, `an EC key on the curve ${String(details.namedCurve)}`);
    }
    case 'ed25519':
    case 'ed448':
      return key.asymmetricKeyType;
    default:
      throw unsupported(origin, `a key of type ${String(key.asymmetricKeyType)}`);
  }
}

function unsupported(origin: Origin, what: string): TlsmithError {
  return new TlsmithError('TLS_KEY_UNSUPPORTED', `${origin} is ${what}, which TLS clients do not accept.`, {
    hint: 'Use ECDSA P-256 (best), P-384, P-521, RSA of 2048 bits or more, or Ed25519.',
  });
}

// Node writes `DNS:a.test, IP Address:127.0.0.1`, and quotes as JSON what could be mistaken for a separator.
const ENTRY = /(?:^|, )([A-Za-z ]+):(?:"((?:[^"\\]|\\.)*)"|([^,]*))/g;

// Null, against node's types, when the extension is there and cannot be read.
function alternativeNames(alternative: string | null): string[] {
  const names: string[] = [];
  for (const [, kind, quoted, plain] of (alternative ?? '').matchAll(ENTRY)) {
    const value = quoted === undefined ? (plain ?? '') : (JSON.parse(`"${quoted}"`) as string);
    const name =
      kind === 'DNS'
        ? normalizeConfiguredName(value)
        : kind === 'IP Address'
          ? normalizeIpAddress(value.toLowerCase())
          : undefined;
    if (name !== undefined) names.push(name);
  }
  return names;
}

function commonNames(certificate: X509Certificate): string[] {
  const name = normalizeConfiguredName(commonNameOf(certificate) ?? '');
  return name === undefined ? [] : [name];
}
