import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { CRYPTO_PROVIDERS } from '../issuance/support/crypto-providers.js';
import { cryptoFor, portableCrypto } from '../../src/x509/crypto-provider.js';
import { generateKeyPair } from '../../src/x509/key-pair.js';

describe.each(CRYPTO_PROVIDERS)('a key pair made with %s', (_name, load) => {
  it.each([
    ['ecdsa-p256', 'ec'],
    ['ecdsa-p384', 'ec'],
    ['rsa-2048', 'rsa'],
    ['ed25519', 'ed25519'],
    ['ed448', 'ed448'],
  ] as const)('of type %s is PEM whose halves belong together', async (keyType, type) => {
    const pair = await generateKeyPair(keyType, await load());
    expect(createPrivateKey(pair.privateKey).asymmetricKeyType).toBe(type);
    expect(createPublicKey(pair.privateKey).equals(createPublicKey(pair.publicKey))).toBe(true);
  });

  it('is a new one each time', async () => {
    const crypto = await load();
    const [one, other] = [
      await generateKeyPair('ecdsa-p256', crypto),
      await generateKeyPair('ecdsa-p256', crypto),
    ];
    expect(one.privateKey).not.toBe(other.privateKey);
  });
});

describe('RSA keys', () => {
  it('never come from a given provider, which would block the event loop', async () => {
    const crypto = await portableCrypto();
    Object.defineProperty(crypto.subtle, 'generateKey', { value: () => Promise.reject(new Error('asked')) });
    await expect(generateKeyPair('rsa-2048', crypto)).resolves.toBeDefined();
    await expect(generateKeyPair('ecdsa-p256', crypto)).rejects.toThrow('asked');
  });
});

describe('the crypto provider', () => {
  it("is Node's own, but for what that lacks, and what the caller gives", async () => {
    const given = await portableCrypto();
    expect(await cryptoFor('ecdsa-p256')).toBe(webcrypto);
    expect(await cryptoFor('ed448')).not.toBe(webcrypto);
    expect(await cryptoFor('ecdsa-p256', given)).toBe(given);
  });
});
