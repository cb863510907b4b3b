// Key pairs of every kind a test wants, good and bad, and the ways a private key is written to a file.
import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

/** The kinds of keys; the last four are ones that TLS servers must refuse or that are rare. */
export type TestKeyType =
  | 'ecdsa-p256'
  | 'ecdsa-p384'
  | 'ecdsa-p521'
  | 'ed25519'
  | 'ed448'
  | 'rsa-2048'
  | 'rsa-4096'
  | 'rsa-pss-2048'
  | 'rsa-1024'
  | 'secp256k1'
  | 'brainpool-p256';

/** A private key and its public half. */
export interface TestKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** How a private key is written: PKCS#8, or the older PKCS#1 (RSA) and SEC 1 (EC). */
export type TestKeyFormat = 'pkcs8' | 'traditional';

const CURVES: Partial<Record<TestKeyType, string>> = {
  'ecdsa-p256': 'prime256v1',
  'ecdsa-p384': 'secp384r1',
  'ecdsa-p521': 'secp521r1',
  secp256k1: 'secp256k1',
  'brainpool-p256': 'brainpoolP256r1',
};

/** Makes a new key pair. P-256 takes a millisecond, RSA-4096 up to a few seconds. */
export async function newTestKey(keyType: TestKeyType): Promise<TestKey> {
  const namedCurve = CURVES[keyType];
  if (namedCurve !== undefined) return promisify(generateKeyPair)('ec', { namedCurve });
  if (keyType === 'ed25519') return promisify(generateKeyPair)('ed25519');
  if (keyType === 'ed448') return promisify(generateKeyPair)('ed448');
  const modulusLength = Number(keyType.slice(keyType.lastIndexOf('-') + 1));
  return keyType.startsWith('rsa-pss')
    ? promisify(generateKeyPair)('rsa-pss', { modulusLength })
    : promisify(generateKeyPair)('rsa', { modulusLength });
}

/** The private key as PEM; with a passphrase, encrypted (`traditional`: the old `Proc-Type: 4,ENCRYPTED`). */
export function privateKeyPem(
  key: TestKey,
  { format = 'pkcs8', passphrase }: { format?: TestKeyFormat; passphrase?: string } = {},
): string {
  const type = format === 'pkcs8' ? 'pkcs8' : key.privateKey.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1';
  const encryption = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  return key.privateKey.export({ type, format: 'pem', ...encryption }).toString();
}
