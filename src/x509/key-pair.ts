/** Key pairs, made and handed on as PEM: a WebCrypto key object would bind them to one provider. */
import { generateKeyPair as generateNative, type webcrypto } from 'node:crypto';
import { promisify } from 'node:util';
import { derIn, pemBlock } from '../credential/pem.js';
import { type CryptoProvider, cryptoFor } from './crypto-provider.js';
import { keyAlgorithm, type KeyPairType, rsaBits } from './key-algorithm.js';

/** A key pair as PEM. */
export interface KeyPair {
  /** What kind of key it is. */
  readonly keyType: KeyPairType;
  /** PKCS#8 PEM, unencrypted. */
  readonly privateKey: string;
  /** SPKI PEM. */
  readonly publicKey: string;
}

/**
 * Makes a new key pair.
 *
 * @param keyType - P-256 is the best default
 * @param crypto - the provider; RSA keys come from Node's own generator whatever is given, because
 * @peculiar/webcrypto would block the event loop for up to a second and a half
 * @throws {@link TlsmithError} `TLS_KEY_UNSUPPORTED`
 */
export async function generateKeyPair(keyType: KeyPairType, crypto?: CryptoProvider): Promise<KeyPair> {
  const algorithm = keyAlgorithm(keyType);
  const modulusLength = rsaBits(keyType);
  if (modulusLength !== undefined) return generateRsa(keyType, modulusLength);
  const provider = await cryptoFor(keyType, crypto);
  const keys = await provider.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  if (!('privateKey' in keys)) throw new TypeError(`The crypto provider made no key pair for ${keyType}.`);
  // Not by OpenSSL's own reader, which takes a millisecond to find out what kind of key it is given.
  const [pkcs8, spki] = await Promise.all([
    provider.subtle.exportKey('pkcs8', keys.privateKey),
    provider.subtle.exportKey('spki', keys.publicKey),
  ]);
  return {
    keyType,
    privateKey: pemBlock('PRIVATE KEY', new Uint8Array(pkcs8)),
    publicKey: pemBlock('PUBLIC KEY', new Uint8Array(spki)),
  };
}

async function generateRsa(keyType: KeyPairType, modulusLength: number): Promise<KeyPair> {
  const keys = await promisify(generateNative)('rsa', {
    modulusLength,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return { keyType, ...keys };
}

/** The WebCrypto form of a pair, in the provider that is to sign with it. Internal to src/x509. */
export async function importKeyPair(
  pair: KeyPair,
  provider: CryptoProvider,
): Promise<webcrypto.CryptoKeyPair> {
  const algorithm = keyAlgorithm(pair.keyType);
  const [privateKey, publicKey] = await Promise.all([
    provider.subtle.importKey('pkcs8', derIn(pair.privateKey), algorithm, false, ['sign']),
    provider.subtle.importKey('spki', derIn(pair.publicKey), algorithm, true, ['verify']),
  ]);
  return { privateKey, publicKey };
}
