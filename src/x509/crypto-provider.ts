/**
 * Which WebCrypto implementation signs. Node's own is the default: it is threaded. @peculiar/webcrypto steps in
 * for what the native one lacks, and wherever a caller passes it. Keys of one are foreign to the other, so they
 * only ever travel as PEM.
 */
import { webcrypto } from 'node:crypto';
import { type KeyPairType, needsPortableCrypto } from './key-algorithm.js';

/** A WebCrypto implementation: Node's, @peculiar/webcrypto's, or one for a hardware module. */
export type CryptoProvider = webcrypto.Crypto;

/** @peculiar/webcrypto, loaded on the first call. */
export async function portableCrypto(): Promise<CryptoProvider> {
  const { Crypto } = await import('@peculiar/webcrypto');
  // The same interface, declared once by Node and once by the DOM library.
  return new Crypto() as unknown as CryptoProvider;
}

/**
 * The provider for keys of `keyType`: the one given, else the native one, unless that is known to lack the
 * algorithm (Ed448, which @peculiar/x509 cannot name in native form), in which case the portable one.
 */
export async function cryptoFor(keyType: KeyPairType, given?: CryptoProvider): Promise<CryptoProvider> {
  const provider = given ?? webcrypto;
  return needsPortableCrypto(keyType) && provider === webcrypto ? portableCrypto() : provider;
}
