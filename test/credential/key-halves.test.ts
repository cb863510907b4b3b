// Keys whose public half is that of the certificate and whose private half is another's, as no tool makes them.
import { createPrivateKey, generateKeyPairSync, type JsonWebKey, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import { createCredential } from '../../src/credential/credential.js';
import { newTestKey, testCa, type TestPair } from '../support/certificates.js';
import {
  bitString,
  explicit,
  integer,
  objectIdentifier,
  octetString,
  pem,
  sequence,
  smallInteger,
} from '../support/der.js';
import type { TestKey } from '../support/test-keys.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { failureOf } from '../sources/support/watched-pair.js';

const P256 = objectIdentifier('1.2.840.10045.3.1.7');
const EC_PUBLIC_KEY = objectIdentifier('1.2.840.10045.2.1');
const RSA_ENCRYPTION = sequence(objectIdentifier('1.2.840.113549.1.1.1'), Buffer.from([5, 0]));

type Part = keyof JsonWebKey;

function partsOf(key: TestKey): (part: Part) => Buffer {
  const jwk = key.privateKey.export({ format: 'jwk' });
  return (part) => Buffer.from(String(jwk[part]), 'base64url');
}

/** RFC 5915: the public half of `one` beside the private half of `other`. */
function ecKey(one: TestKey, other: TestKey): Buffer {
  const point = Buffer.concat([Buffer.from([4]), partsOf(one)('x'), partsOf(one)('y')]);
  const scalar = octetString(partsOf(other)('d'));
  return sequence(smallInteger(1), scalar, explicit(0, P256), explicit(1, bitString(point)));
}

/** RFC 8017 A.1.2, in the same way. */
function rsaKey(one: TestKey, other: TestKey): Buffer {
  const publicHalf = (['n', 'e'] as const).map(partsOf(one));
  const privateHalf = (['d', 'p', 'q', 'dp', 'dq', 'qi'] as const).map(partsOf(other));
  return sequence(smallInteger(0), ...[...publicHalf, ...privateHalf].map(integer));
}

function pkcs8(algorithm: Buffer, key: Buffer): string {
  return pem('PRIVATE KEY', sequence(smallInteger(0), algorithm, octetString(key)));
}

const FORMS = {
  'SEC 1': ['ecdsa-p256', (...keys) => pem('EC PRIVATE KEY', ecKey(...keys))],
  'EC in PKCS#8': ['ecdsa-p256', (...keys) => pkcs8(sequence(EC_PUBLIC_KEY, P256), ecKey(...keys))],
  'PKCS#1': ['rsa-2048', (...keys) => pem('RSA PRIVATE KEY', rsaKey(...keys))],
  'RSA in PKCS#8': ['rsa-2048', (...keys) => pkcs8(RSA_ENCRYPTION, rsaKey(...keys))],
} satisfies Record<string, readonly ['ecdsa-p256' | 'rsa-2048', (one: TestKey, other: TestKey) => string]>;
const formNames = Object.keys(FORMS) as (keyof typeof FORMS)[];

async function pairWith(keyPair: TestKey): Promise<TestPair> {
  return (await testCa()).issue({ names: ['a.test'], key: keyPair });
}

it.each(formNames)(
  'a key as %s whose private half does not belong to its public half is refused',
  async (form) => {
    const [keyType, write] = FORMS[form];
    const [one, other] = [await newTestKey(keyType), await newTestKey(keyType)];
    const { cert } = await pairWith(one);
    const key = write(one, other);
    // OpenSSL has no objection; and the form itself is right.
    expect(new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(createCredential({ cert, key: write(one, one) }).names).toEqual(['a.test']);
    expect(() => createCredential({ cert, key })).toThrow(
      expect.objectContaining({
        code: 'TLS_KEY_MISMATCH',
        message: expect.stringMatching(
          /^The private key is damaged: its public half is that of the certificate, /,
        ),
        hint: expect.stringContaining('Export the key again'),
      }),
    );
  },
);

it('a key with which no signature can be made is refused in the same way', async () => {
  const one = await newTestKey('rsa-2048');
  const { cert } = await pairWith(one);
  const publicHalf = (['n', 'e'] as const).map(partsOf(one));
  const zeros = Array.from({ length: 6 }, () => Buffer.from([0]));
  const key = pem('RSA PRIVATE KEY', sequence(smallInteger(0), ...[...publicHalf, ...zeros].map(integer)));
  expect(() => createCredential({ cert, key })).toThrow(
    expect.objectContaining({
      code: 'TLS_KEY_MISMATCH',
      message: expect.stringContaining('cannot be made: '),
    }),
  );
});

it('RSA-PSS keys that allow one digest only are proven with that one', async () => {
  const digests = { hashAlgorithm: 'sha512', mgf1HashAlgorithm: 'sha512' } as const;
  const keyPair = generateKeyPairSync('rsa-pss', { modulusLength: 2048, ...digests });
  const { cert, key } = await pairWith(keyPair);
  expect(createCredential({ cert, key }).keyType).toBe('rsa-2048');
});

it('a damaged copy beside another key is not named as the right one', async () => {
  const [one, other] = [await newTestKey('ecdsa-p256'), await newTestKey('ecdsa-p256')];
  const pair = await pairWith(one);
  await withTemporaryFolder(async (folder) => {
    const { certFile, keyFile } = await pair.writeTo(folder.path, 'pair');
    await writeFile(keyFile, (await pairWith(other)).key);
    await writeFile(folder.file('a-damaged.key'), FORMS['SEC 1'][1](one, other));
    expect((await failureOf({ certFile, keyFile })).message).not.toContain('does belong');
    await writeFile(folder.file('b-whole.key'), pair.key);
    expect((await failureOf({ certFile, keyFile })).message).toContain(`is ${folder.file('b-whole.key')}.`);
  });
});
