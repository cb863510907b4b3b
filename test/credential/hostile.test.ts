// Damaged and malicious PEM: whatever the bytes, a credential or a TlsmithError, never anything else.
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createCredential, type CredentialInput } from '../../src/credential/credential.js';
import { isTlsmithError } from '../../src/errors.js';
import { pem } from '../support/der.js';
import { testCa, type TestPair } from '../support/certificates.js';

let pairs: readonly TestPair[];
beforeAll(async () => {
  const ca = await testCa();
  pairs = await Promise.all([
    ca.issue({ names: ['a.test', '10.0.0.1'] }),
    ca.issue({ names: ['a.test'], keyType: 'rsa-2048', keyFormat: 'traditional' }),
    ca.issue({ names: ['a.test'], keyType: 'ed25519', commonName: '' }),
    ca.issue({ names: ['a.test'], keyFormat: 'traditional', passphrase: 'secret' }),
  ]);
});

function outcomeOf(input: CredentialInput): string {
  try {
    createCredential(input);
    return 'made';
  } catch (error) {
    if (!isTlsmithError(error)) throw error;
    return error.code;
  }
}

/** Bytes overwritten, inserted and cut out at random places. */
interface Damage {
  readonly at: number;
  readonly cut: number;
  readonly bytes: Uint8Array;
}
const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  cut: fc.nat(8),
  bytes: fc.uint8Array({ maxLength: 8 }),
});

function damaged(bytes: Buffer, damages: readonly Damage[]): Buffer {
  return damages.reduce((changed, { at, cut, bytes: inserted }) => {
    const start = Math.floor(at * changed.length);
    return Buffer.concat([changed.subarray(0, start), inserted, changed.subarray(start + cut)]);
  }, bytes);
}

describe('hostile PEM', () => {
  it('of random bytes is refused with a code', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), (cert, key) => {
        expect(outcomeOf({ cert, key })).toMatch(/^TLS_/);
      }),
    );
  });

  it('with damage anywhere in its text is made or refused with a code', () => {
    const damages = fc.array(damage, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.nat(3), damages, damages, (index, certDamage, keyDamage) => {
        const { cert, key } = pairs[index]!;
        const brokenCert = damaged(Buffer.from(cert), certDamage);
        const brokenKey = damaged(Buffer.from(key), keyDamage);
        expect(outcomeOf({ cert: brokenCert, key, passphrase: 'secret' })).toMatch(/^(?:made|TLS_)/);
        expect(outcomeOf({ cert, key: brokenKey, passphrase: 'secret' })).toMatch(/^(?:made|TLS_)/);
      }),
      { numRuns: 500 },
    );
  });

  it('with damage in the DER inside is made or refused with a code', () => {
    fc.assert(
      fc.property(fc.nat(2), fc.array(damage, { minLength: 1, maxLength: 3 }), (index, damages) => {
        const { leaf, chain, key } = pairs[index]!;
        const cert = reencoded(leaf, damages);
        expect(outcomeOf({ cert, key })).toMatch(/^(?:made|TLS_)/);
        expect(outcomeOf({ cert: leaf, chain: reencoded(chain, damages), key })).toMatch(/^(?:made|TLS_)/);
        expect(outcomeOf({ cert: leaf, key: reencoded(key, damages) })).toMatch(/^(?:made|TLS_)/);
      }),
      { numRuns: 500 },
    );
  });

  it('with single bits turned over in the DER is made or refused with a code', () => {
    const { leaf, chain, key } = pairs[0]!;
    const bytes = derOf(leaf);
    for (let bit = 0; bit < bytes.length * 8; bit += 3) {
      const turned = Buffer.from(bytes);
      turned[bit >> 3]! ^= 1 << (bit & 7);
      expect(outcomeOf({ cert: pem('CERTIFICATE', turned) + chain, key })).toMatch(/^(?:made|TLS_)/);
    }
  });

  it('cut off at any length is refused with a code', () => {
    const { leaf, key } = pairs[0]!;
    for (let length = 0; length < leaf.length - 1; length += 1) {
      expect(outcomeOf({ cert: leaf.slice(0, length), key })).toMatch(/^TLS_(?:FILE_EMPTY|PEM_INVALID)$/);
    }
  });

  it.each([
    ['thousands of BEGIN lines', '-----BEGIN CERTIFICATE-----\n'.repeat(40_000)],
    ['a megabyte of dashes', '-'.repeat(1 << 20)],
    [
      'a megabyte of blanks in a block',
      `-----BEGIN CERTIFICATE-----\nx: y\n${' '.repeat(1 << 20)}!\n-----END CERTIFICATE-----\n`,
    ],
    [
      'a megabyte of headers in a block',
      `-----BEGIN CERTIFICATE-----\n${'a: b\n c\n'.repeat(1 << 17)}!\n-----END CERTIFICATE-----\n`,
    ],
    ['thousands of blocks', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'.repeat(10_000)],
  ])('of %s is refused in good time', (_, cert) => {
    const start = performance.now();
    expect(outcomeOf({ cert, key: pairs[0]!.key })).toBe('TLS_PEM_INVALID');
    // Far more than it takes, far less than time that grows with the square of the length.
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});

function reencoded(text: string, damages: readonly Damage[]): string {
  const label = /BEGIN ([A-Z ]+)-/.exec(text)![1]!;
  return pem(label, damaged(derOf(text), damages));
}

function derOf(text: string): Buffer {
  return Buffer.from(text.replace(/-----[A-Z ]+-----/g, ''), 'base64');
}
