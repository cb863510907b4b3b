/** The key types we make, in the words of WebCrypto. */
import { TlsmithError } from '../errors.js';

/** The kinds of key that can be made. RSA beyond 4096 bits and curves that TLS clients refuse are left out. */
export type KeyPairType =
  'ecdsa-p256' | 'ecdsa-p384' | 'ecdsa-p521' | 'rsa-2048' | 'rsa-3072' | 'rsa-4096' | 'ed25519' | 'ed448';

/** How WebCrypto calls a key type, when importing and when signing. */
export interface KeyAlgorithm {
  /** `ECDSA`, `RSASSA-PKCS1-v1_5`, `Ed25519`, `EdDSA`. */
  readonly name: string;
  /** The curve of an EC key. */
  readonly namedCurve?: string;
  /** The hash a signature is made over; absent where the algorithm fixes it. */
  readonly hash?: string;
}

const RSA: KeyAlgorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };

const ALGORITHMS: ReadonlyMap<string, KeyAlgorithm> = new Map<KeyPairType, KeyAlgorithm>([
  ['ecdsa-p256', { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }],
  ['ecdsa-p384', { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }],
  ['ecdsa-p521', { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' }],
  ['rsa-2048', RSA],
  ['rsa-3072', RSA],
  ['rsa-4096', RSA],
  ['ed25519', { name: 'Ed25519' }],
  ['ed448', { name: 'EdDSA', namedCurve: 'Ed448' }],
]);

/**
 * The algorithm of `keyType`.
 * @throws {@link TlsmithError} `TLS_KEY_UNSUPPORTED` for any other word, secp256k1 and brainpool curves among them:
 * clients refuse those, and Node 24 and 26 crash on reading such a certificate
 */
export function keyAlgorithm(keyType: KeyPairType): KeyAlgorithm {
  const algorithm = ALGORITHMS.get(keyType);
  if (algorithm !== undefined) return algorithm;
  throw new TlsmithError('TLS_KEY_UNSUPPORTED', `Keys of type ${keyType} cannot be made.`, {
    hint: `Use one of ${[...ALGORITHMS.keys()].join(', ')}.`,
  });
}

/** The modulus length of an RSA key type in bits; undefined for the others. */
export function rsaBits(keyType: KeyPairType): number | undefined {
  return keyType.startsWith('rsa-') ? Number(keyType.slice('rsa-'.length)) : undefined;
}

/** Whether the native WebCrypto cannot be used for keys of this type. */
export function needsPortableCrypto(keyType: KeyPairType): boolean {
  return keyType === 'ed448';
}
