/**
 * A credential: certificate chain plus private key, with names and validity already read. One is only ever made
 * by {@link createCredential}, which proves it: the chain parses and is put in order, the key belongs to the leaf and
 * signs for it, dates and names are read. Nothing else in tlsmith is served.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  type X509Certificate,
} from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { inspect, type InspectOptions } from 'node:util';
import { codeOf, messageOf, TlsmithError } from '../errors.js';
import {
  issuerOf,
  type KeyType,
  keyTypeOf,
  namesOf,
  subjectLinesOf,
  subjectOf,
  validityOf,
} from './certificate-facts.js';
import { isSelfSigned, type OrderedChain, orderChain } from './certificate-chain.js';
import type { Finding } from './findings.js';
import { assertSigns } from './key-halves.js';
import { parseCertificate } from './known-authorities.js';
import { certificateBlocks, type Origin, isKeyEncrypted, isPlainPkcs8, privateKeyBlock } from './pem.js';
import { covers } from './server-name.js';

/** A certificate and its key as PEM, as a file, a database or an issuer gives them. */
export interface CredentialInput {
  /** The leaf certificate as PEM, with or without its chain, in any order. */
  readonly cert: string | Uint8Array;
  /** The private key as PEM: PKCS#8, PKCS#1 or SEC 1, encrypted or not. */
  readonly key: string | Uint8Array;
  /** The passphrase of an encrypted key. */
  readonly passphrase?: string;
  /** Further certificates of the chain as PEM, when `cert` does not hold them. */
  readonly chain?: string | Uint8Array;
}

/** A proven pair of certificate chain and private key. The key is no enumerable property: it does not print. */
export interface Credential {
  /** Identifies chain and key; equal for equal chains. */
  readonly id: string;
  /** DNS names (lower-case, possibly `*.`) and canonical IP addresses, from the subjectAltName. */
  readonly names: readonly string[];
  /** The chain as PEM, leaf first, without root. */
  readonly cert: string;
  /** The private key as unencrypted PKCS#8 PEM. Not enumerable. */
  readonly key: string;
  /** The leaf's subject, one attribute a line. */
  readonly subject: string;
  /** The issuer's common name, or its whole name when it has none. */
  readonly issuer: string;
  /** The leaf's serial number, upper-case hexadecimal. */
  readonly serialNumber: string;
  /** SHA-256 of the leaf, as `AB:CD:…`. */
  readonly fingerprint256: string;
  /** Start of validity, milliseconds since the epoch. */
  readonly notBefore: number;
  /** End of validity, milliseconds since the epoch. */
  readonly notAfter: number;
  /** The kind of key. */
  readonly keyType: KeyType;
  /** Whether the leaf is signed by itself. */
  readonly isSelfSigned: boolean;
  /** The intermediate that ends first, where one ends before the leaf does: clients may refuse the chain from then on. */
  readonly shortIntermediate?: IntermediateEnd;
  /** What was mended or is worth knowing. */
  readonly findings: readonly Finding[];
  /** One with a key of the other kind (RSA beside ECDSA) that is served together with it; set by the server alone. */
  readonly alternative?: Credential;
}

/** When an intermediate of a chain ends. */
export interface IntermediateEnd {
  /** Its subject, on one line. */
  readonly subject: string;
  /** End of validity, milliseconds since the epoch. */
  readonly notAfter: number;
}

const BRAND = Symbol.for('tlsmith.credential');

/**
 * Parses and proves a certificate and its key.
 *
 * @param input - PEM of certificate and key
 * @param origin - what to call it in messages, such as `Certificate file /etc/tls/a.pem`
 * @throws {@link TlsmithError} with `TLS_FILE_EMPTY`, `TLS_PEM_INVALID`, `TLS_PEM_WRONG_KIND`, `TLS_KEY_MISMATCH`,
 * `TLS_KEY_PASSPHRASE_REQUIRED`, `TLS_KEY_PASSPHRASE_WRONG` or `TLS_KEY_UNSUPPORTED`
 */
export function createCredential(
  input: CredentialInput,
  origin: CredentialOrigin = DEFAULT_ORIGIN,
): Credential {
  return createCredentialFor(assertServable, input, origin);
}

/**
 * {@link createCredential}, with the last step of the proof left to whoever is going to serve the credential: what
 * serves it is made right then, and not made once more for the first client.
 * @param prepare - throws what {@link assertServable} throws
 */
export function createCredentialFor(
  prepare: (credential: Credential) => void,
  input: CredentialInput,
  origin: CredentialOrigin = DEFAULT_ORIGIN,
): Credential {
  const keyBlock = privateKeyBlock(input.key, origin.key);
  const privateKey = readPrivateKey(keyBlock, input.passphrase, origin.key);
  const certificates = readCertificates(input, origin.cert);
  const keyType = keyTypeOf(privateKey, origin.key);
  const chain = orderChain(certificates, privateKey, origin.cert);
  if (chain === undefined) throw mismatch(certificates, privateKey, origin);
  assertSigns(privateKey, chain.certificates[0], origin.key);
  const key = isPlainPkcs8(keyBlock) ? keyBlock : pkcs8Of(privateKey);
  const credential = describe(chain, key, { keyType, origin: origin.cert });
  prepare(credential);
  return credential;
}

function namelessFinding(origin: Origin): Finding {
  return {
    code: 'TLS_CERT_NO_NAMES',
    severity: 'warning',
    message: `${origin} names no DNS name and no IP address, so no client will accept it for any address.`,
    hint: 'Re-issue it with a subjectAltName for every name and address that clients use.',
  };
}

/** What certificate and key are called in messages. */
export interface CredentialOrigin {
  /** For the certificate. */
  readonly cert: Origin;
  /** For the key. */
  readonly key: Origin;
}

const DEFAULT_ORIGIN: CredentialOrigin = { cert: 'The certificate', key: 'The private key' };

/** Whether `value` is a proven credential, also one of another copy of the package. */
export function isCredential(value: unknown): value is Credential {
  return typeof value === 'object' && value !== null && BRAND in value;
}

/**
 * Proves by OpenSSL itself that this Node can serve `credential`.
 * @throws {@link TlsmithError} `TLS_KEY_UNSUPPORTED` with OpenSSL's reason
 */
export function assertServable(credential: Credential): void {
  try {
    createSecureContext({ cert: credential.cert, key: credential.key });
  } catch (error) {
    throw unservable(credential, error);
  }
}

/** That OpenSSL refuses to serve `credential`, for the reason that `cause` gives. */
export function unservable({ names }: Credential, cause: unknown): TlsmithError {
  return new TlsmithError(
    'TLS_KEY_UNSUPPORTED',
    `This Node refuses to serve the certificate for ${names.join(', ')}: ${messageOf(cause)}.`,
    { cause, hint: 'Re-issue it with a modern key and a SHA-256 signature.' },
  );
}

/** Whether the credential is in date at `now`. */
export function isInDate(credential: Credential, now: number): boolean {
  return credential.notBefore <= now && now < credential.notAfter;
}

/** Whether the credential covers `serverName`, exactly or by a one-level wildcard. */
export function coversName(credential: Credential, serverName: string): boolean {
  return covers(credential.names, serverName);
}

function readPrivateKey(pem: string, passphrase: string | undefined, origin: Origin): KeyObject {
  try {
    // Node 24 takes half the time for a text alone.
    return createPrivateKey(passphrase === undefined ? pem : { key: pem, passphrase });
  } catch (error) {
    throw unreadableKey(error, { pem, origin, passphrase });
  }
}

function unreadableKey(
  error: unknown,
  { pem, origin, passphrase }: { pem: string; origin: Origin; passphrase: string | undefined },
): TlsmithError {
  const isEncrypted = isKeyEncrypted(pem);
  if (isEncrypted && (passphrase === undefined || codeOf(error) === 'ERR_MISSING_PASSPHRASE')) {
    return new TlsmithError(
      'TLS_KEY_PASSPHRASE_REQUIRED',
      `${origin} is encrypted and no passphrase was given.`,
      {
        hint: 'Set `passphrase`.',
      },
    );
  }
  if (isEncrypted) {
    // The cause is left out on purpose: nothing about the attempt belongs into a log.
    return new TlsmithError(
      'TLS_KEY_PASSPHRASE_WRONG',
      `The passphrase given does not open ${origin} (length ${passphrase?.length ?? 0}, trailing newline: ${passphrase?.endsWith('\n') === true ? 'yes' : 'no'}).`,
      { hint: 'Check the passphrase; one read from a file often ends in a newline.' },
    );
  }
  return new TlsmithError(
    'TLS_PEM_INVALID',
    `${origin} cannot be read as a private key: ${messageOf(error)}.`,
    {
      hint: 'Copy the whole file again; accepted are PKCS#8, PKCS#1 and SEC 1 in PEM.',
    },
  );
}

function readCertificates(input: CredentialInput, origin: Origin): X509Certificate[] {
  const blocks = certificateBlocks(input.cert, origin);
  // An empty text is how a database without a chain column says that there is none.
  if (input.chain !== undefined && input.chain !== '') {
    blocks.push(...certificateBlocks(input.chain, `The chain of ${origin}`));
  }
  return blocks.map((block) => {
    try {
      return parseCertificate(block);
    } catch (error) {
      throw new TlsmithError(
        'TLS_PEM_INVALID',
        `${origin} cannot be read as a certificate: ${messageOf(error)}.`,
        {
          cause: error,
          hint: 'Copy the whole file again.',
        },
      );
    }
  });
}

function mismatch(
  certificates: readonly X509Certificate[],
  privateKey: KeyObject,
  origin: CredentialOrigin,
): TlsmithError {
  const own = publicKeyOf(createPublicKey(privateKey));
  const leaf = certificates.find(({ ca }) => !ca) ?? certificates[0];
  const its = leaf === undefined ? '' : `${publicKeyOfCertificate(leaf)}, ${briefly(leaf)}`;
  // A chain may hold the certificate of the authority whose key was given.
  const isOfAuthority = certificates.some((certificate) => certificate.checkPrivateKey(privateKey));
  const why = isOfAuthority ? ' It is the key of the authority that has issued it.' : '';
  return new TlsmithError(
    'TLS_KEY_MISMATCH',
    `${origin.key} (${own}) does not belong to ${origin.cert} (${its}).${why}`,
    { hint: 'Give the key that the certificate was requested with, or request a certificate for this key.' },
  );
}

function briefly(certificate: X509Certificate): string {
  return `${subjectOf(certificate)}, serial ${certificate.serialNumber}`;
}

function publicKeyOfCertificate(certificate: X509Certificate): string {
  try {
    return publicKeyOf(certificate.publicKey);
  } catch {
    return 'a key of an unknown kind'; // One that this OpenSSL cannot read.
  }
}

/** Such as `RSA 2048, SHA-256 of the public key 5f0c…`, for a person to compare. */
function publicKeyOf(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  const kind = [key.asymmetricKeyType?.toUpperCase(), namedCurve ?? modulusLength].join(' ').trim();
  const digest = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  return `${kind}, SHA-256 of the public key ${digest.slice(0, 16)}…`;
}

function pkcs8Of(privateKey: KeyObject): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function describe(
  chain: OrderedChain,
  key: string,
  { keyType, origin }: { keyType: KeyType; origin: Origin },
): Credential {
  const [leaf] = chain.certificates;
  const cert = chain.certificates.map((certificate) => certificate.toString()).join('');
  const names = namesOf(leaf);
  const validity = validityOf(leaf, origin);
  const shortIntermediate = shortIntermediateOf(validity.notAfter, chain);
  const credential = {
    id: createHash('sha256').update(cert).digest('base64url'),
    names,
    cert,
    subject: subjectLinesOf(leaf),
    issuer: issuerOf(leaf),
    serialNumber: leaf.serialNumber,
    fingerprint256: leaf.fingerprint256,
    ...validity,
    keyType,
    isSelfSigned: isSelfSigned(leaf),
    ...(shortIntermediate === undefined ? {} : { shortIntermediate }),
    findings: names.length > 0 ? chain.findings : [...chain.findings, namelessFinding(origin)],
  };
  // A getter, and an inspect of its own, so that no depth of printing shows the key.
  Object.defineProperties(credential, {
    key: { get: () => key },
    [BRAND]: { value: true },
    [inspect.custom]: {
      value: (_depth: number, options: InspectOptions) => inspect({ ...credential }, options),
    },
  });
  return Object.freeze(credential) as Credential & typeof credential;
}

function shortIntermediateOf(instant: number, { certificates }: OrderedChain): IntermediateEnd | undefined {
  let first: IntermediateEnd | undefined;
  for (const intermediate of certificates.slice(1)) {
    // One that cannot be read is never earlier.
    const notAfter = Date.parse(intermediate.validTo);
    if (notAfter < (first?.notAfter ?? instant)) first = { subject: subjectOf(intermediate), notAfter };
  }
  return first;
}
