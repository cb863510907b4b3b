import { inspect } from 'node:util';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  assertServable,
  coversName,
  createCredential,
  type Credential,
  type CredentialInput,
  isCredential,
  isInDate,
} from '../../src/credential/credential.js';
import type { TlsmithError } from '../../src/errors.js';
import { type TestCa, testCa, type TestPair } from '../support/certificates.js';

let ca: TestCa;
let pair: TestPair;
beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: ['a.test', '*.b.test'] });
});

function refusalOf(input: CredentialInput): TlsmithError {
  try {
    createCredential(input);
  } catch (error) {
    return error as TlsmithError;
  }
  throw new Error('It was not refused.');
}

describe('a credential', () => {
  it('knows what its certificate says', async () => {
    const notAfter = Date.UTC(2040, 0, 2);
    const { cert, key, leaf } = await ca.issue({
      names: ['a.test'],
      notAfter,
      notBefore: 0,
      serialNumber: '0abc',
    });
    expect(createCredential({ cert, key })).toMatchObject({
      names: ['a.test'],
      cert,
      subject: 'CN=a.test',
      issuer: 'Test Intermediate',
      serialNumber: '0ABC',
      fingerprint256: new X509Certificate(leaf).fingerprint256,
      notBefore: 0,
      notAfter,
      keyType: 'ecdsa-p256',
      isSelfSigned: false,
      findings: [],
    });
  });

  it.each(['ecdsa-p384', 'ecdsa-p521', 'ed25519', 'rsa-2048'] as const)(
    'with a key of type %s can be served',
    async (keyType) => {
      const { cert, key } = await ca.issue({ names: ['a.test'], keyType });
      const credential = createCredential({ cert, key });
      expect(credential.keyType).toBe(keyType);
      expect(() => {
        assertServable(credential);
      }).not.toThrow();
    },
  );

  it.each<[string, Parameters<TestCa['issue']>[0]]>([
    ['of version 1', { names: ['a.test'], version: 1 }],
    ['with a common name only', { names: ['a.test'], hasAlternativeNames: false }],
    ['without a subject', { names: ['a.test'], commonName: '' }],
    ['signed by itself', { names: ['a.test'], issuer: 'self' }],
    ['without a subject and signed by itself', { names: ['a.test'], commonName: '', issuer: 'self' }],
  ])('may be made from a certificate %s', async (_, request) => {
    const { cert, key } = await ca.issue(request);
    const credential = createCredential({ cert, key });
    expect(credential.names).toEqual(['a.test']);
    expect(credential.isSelfSigned).toBe(request.issuer === 'self');
    expect(typeof credential.subject).toBe('string');
  });

  it('takes the chain from where it is given, and is the same then', () => {
    const together = createCredential(pair);
    const apart = createCredential({ cert: pair.leaf, key: pair.key, chain: ca.rootPem + pair.chain });
    expect(apart.cert).toBe(pair.cert);
    expect(apart.id).toBe(together.id);
    expect(createCredential({ cert: pair.leaf, key: pair.key }).id).not.toBe(together.id);
  });

  it('is made from one file that holds everything', () => {
    const all = Buffer.from(pair.key + ca.rootPem + pair.chain + pair.leaf);
    expect(createCredential({ cert: all, key: all }).cert).toBe(pair.cert);
  });

  it.each([
    ['PKCS#8', 'ecdsa-p256', 'pkcs8'],
    ['SEC 1', 'ecdsa-p256', 'traditional'],
    ['PKCS#1', 'rsa-2048', 'traditional'],
  ] as const)('opens an encrypted key as %s and holds it unencrypted', async (_, keyType, keyFormat) => {
    const { cert, key, keyPair } = await ca.issue({
      names: ['a.test'],
      keyType,
      keyFormat,
      passphrase: 'säcret',
    });
    const credential = createCredential({ cert, key, passphrase: 'säcret' });
    expect(createPrivateKey(credential.key).equals(keyPair.privateKey)).toBe(true);
  });

  it('says whether it is in date and whom it covers', () => {
    const credential = createCredential(pair);
    expect(isInDate(credential, credential.notBefore - 1)).toBe(false);
    expect(isInDate(credential, credential.notBefore)).toBe(true);
    expect(isInDate(credential, credential.notAfter)).toBe(false);
    expect(coversName(credential, 'x.b.test')).toBe(true);
    expect(coversName(credential, 'c.test')).toBe(false);
  });

  it('is known as one, and nothing else is', () => {
    expect(isCredential(createCredential(pair))).toBe(true);
    expect([pair, null, undefined, 'x', { ...createCredential(pair) }].some(isCredential)).toBe(false);
  });

  it('cannot be changed', () => {
    const credential = createCredential(pair) as { -readonly [Fact in keyof Credential]: Credential[Fact] };
    expect(() => {
      credential.cert = '';
    }).toThrow(TypeError);
    expect(() => {
      credential.key = '';
    }).toThrow(TypeError);
  });
});

describe('the private key of a credential', () => {
  it('is printed by nothing', () => {
    const credential = createCredential(pair);
    const secret = pair.key.split('\n')[1]!;
    expect(credential.key).toContain(secret);
    const prints = [
      JSON.stringify(credential),
      inspect(credential),
      inspect(credential, { showHidden: true }),
      inspect(credential, { showHidden: true, getters: true, depth: null }),
      inspect({ nested: [credential] }, { showHidden: true, getters: true, depth: null }),
      inspect(credential, { showHidden: true, customInspect: false }),
      JSON.stringify({ ...credential }),
      JSON.stringify(structuredClone(credential)),
    ];
    for (const print of prints) {
      expect(print).not.toContain(secret);
      expect(print).not.toContain('PRIVATE KEY');
    }
    expect(inspect(credential)).toContain('a.test');
    expect(Object.keys(credential)).not.toContain('key');
  });
});

describe('a pair that cannot work', () => {
  it('is refused when the key belongs to another certificate, with what both are', async () => {
    const other = await ca.issue({ names: ['a.test'], keyType: 'rsa-2048' });
    const refusal = refusalOf({ cert: other.cert, key: pair.key });
    expect(refusal.code).toBe('TLS_KEY_MISMATCH');
    expect(refusal.message).toMatch(
      /\(EC prime256v1, SHA-256 of the public key [0-9a-f]{16}…\) does not belong to The certificate \(RSA 2048, SHA-256 of the public key [0-9a-f]{16}…, CN=a\.test, serial /,
    );
  });

  it('is refused also when the certificate of the other key has no subject', async () => {
    const other = await ca.issue({ names: ['a.test'], commonName: '' });
    expect(refusalOf({ cert: other.cert, key: pair.key }).code).toBe('TLS_KEY_MISMATCH');
  });

  it('is refused when certificate and key are swapped', () => {
    expect(refusalOf({ cert: pair.key, key: pair.cert })).toMatchObject({
      code: 'TLS_PEM_WRONG_KIND',
      hint: 'Certificate and key look swapped.',
    });
  });

  it.each(['rsa-1024', 'secp256k1', 'brainpool-p256'] as const)(
    'is refused with a key of type %s',
    async (keyType) => {
      expect(refusalOf(await ca.issue({ names: ['a.test'], keyType })).code).toBe('TLS_KEY_UNSUPPORTED');
    },
  );

  it.each(['pkcs8', 'traditional'] as const)(
    'is refused without the passphrase of its key as %s, or with another',
    async (keyFormat) => {
      const { cert, key } = await ca.issue({ names: ['a.test'], keyFormat, passphrase: 'secret' });
      expect(refusalOf({ cert, key }).code).toBe('TLS_KEY_PASSPHRASE_REQUIRED');
      const refusal = refusalOf({ cert, key, passphrase: 'wrong-one\n' });
      expect(refusal.code).toBe('TLS_KEY_PASSPHRASE_WRONG');
      expect(inspect(refusal, { showHidden: true, depth: null })).not.toContain('wrong-one');
      expect(refusal.message).toContain('trailing newline: yes');
    },
  );

  it('is refused when its key is one of OpenSSH', () => {
    const key = pair.key.replaceAll('PRIVATE KEY', 'OPENSSH PRIVATE KEY');
    expect(refusalOf({ cert: pair.cert, key }).code).toBe('TLS_PEM_INVALID');
  });

  it('is refused when a certificate in it is not one', () => {
    const cert = `-----BEGIN CERTIFICATE-----\n${'AAAA'.repeat(40)}\n-----END CERTIFICATE-----\n`;
    const refusal = refusalOf({ cert: pair.leaf + cert, key: pair.key });
    expect(refusal.code).toBe('TLS_PEM_INVALID');
    expect(refusal.message).toContain('cannot be read as a certificate');
    expect(refusalOf({ ...pair, chain: cert }).code).toBe('TLS_PEM_INVALID');
  });

  it('is told when a certificate names nobody', async () => {
    const nameless = await ca.issue({ names: [], commonName: 'Example Company', hasAlternativeNames: false });
    const credential = createCredential(nameless);
    expect(credential.names).toEqual([]);
    expect(credential.findings.map(({ code }) => code)).toEqual(['TLS_CERT_NO_NAMES']);
  });

  it('is refused before it is served when OpenSSL does not take it', () => {
    const credential = { ...createCredential(pair), key: 'nonsense' };
    expect(() => {
      assertServable(credential);
    }).toThrow('This Node refuses to serve the certificate for a.test, *.b.test');
  });
});
