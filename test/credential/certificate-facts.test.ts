import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  issuerOf,
  keyTypeOf,
  namesOf,
  subjectLinesOf,
  subjectOf,
  validityOf,
} from '../../src/credential/certificate-facts.js';
import { isTlsmithError } from '../../src/errors.js';
import { type LeafRequest, newTestKey, type TestCa, testCa } from '../support/certificates.js';

let ca: TestCa;
beforeAll(async () => {
  ca = await testCa();
});

async function leaf(request: LeafRequest): Promise<X509Certificate> {
  return new X509Certificate((await ca.issue(request)).leaf);
}

describe('the names of a certificate', () => {
  it('are those of the subjectAltName, normalised and each once', async () => {
    const names = ['A.test', 'a.test', '*.b.test', '10.0.0.1', '2001:db8::1', '::ffff:10.0.0.1'];
    expect(namesOf(await leaf({ names, commonName: 'c.test' }))).toEqual([
      'a.test',
      '*.b.test',
      '10.0.0.1',
      '2001:db8::1',
    ]);
  });

  it('are its common name when it has no subjectAltName, also in version 1', async () => {
    expect(namesOf(await leaf({ names: ['Old.test'], hasAlternativeNames: false }))).toEqual(['old.test']);
    expect(namesOf(await leaf({ names: ['old.test'], version: 1 }))).toEqual(['old.test']);
    expect(namesOf(await leaf({ names: [], commonName: 'Jane Doe', version: 1 }))).toEqual([]);
    expect(namesOf(await leaf({ names: [], commonName: '', version: 1 }))).toEqual([]);
  });

  it.each([
    'a.test, DNS:evil.test',
    'a.test, DNS:evil.test, DNS:c.test',
    'a.test"',
    'a.test\\',
    '"',
    'a.test\0.evil.test',
    'a\nDNS:evil.test',
    '../x',
    'ä.test/x',
  ])('cannot be forged by the entry %j', async (forged) => {
    expect(namesOf(await leaf({ names: [forged, 'b.test'], commonName: 'c.test' }))).toEqual(['b.test']);
  });

  it('cannot be forged by a line break in the common name', async () => {
    const forged = await leaf({ names: [], commonName: 'x\nCN=evil.test', hasAlternativeNames: false });
    expect(namesOf(forged)).toEqual([]);
  });
});

describe('subject and issuer', () => {
  it('are empty text where node answers undefined', async () => {
    const nameless = await leaf({ names: ['a.test'], commonName: '', issuer: 'self' });
    expect([subjectLinesOf(nameless), subjectOf(nameless), issuerOf(nameless)]).toEqual(['', '', '']);
  });

  it('are read from the certificate', async () => {
    const certificate = await leaf({ names: ['a.test'] });
    expect([subjectOf(certificate), issuerOf(certificate)]).toEqual(['CN=a.test', 'Test Intermediate']);
  });
});

describe('the validity', () => {
  it('is in milliseconds, far into the future too', async () => {
    const notBefore = Date.UTC(2020, 1, 29, 12, 0, 1);
    const notAfter = Date.UTC(9999, 11, 31, 23, 59, 59);
    expect(validityOf(await leaf({ names: ['a.test'], notBefore, notAfter }), 'File')).toEqual({
      notBefore,
      notAfter,
    });
  });

  it('may end before it begins, as openssl makes it with -days -1: over is over', async () => {
    const certificate = await leaf({ names: ['a.test'], notBefore: 2000, notAfter: 1000 });
    expect(validityOf(certificate, 'File')).toEqual({ notBefore: 2000, notAfter: 1000 });
  });
});

describe('the key type', () => {
  it.each(['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'ed25519', 'ed448', 'rsa-2048'] as const)(
    '%s is served',
    async (keyType) => {
      const { privateKey, publicKey } = await newTestKey(keyType);
      expect([keyTypeOf(privateKey, 'Key'), keyTypeOf(publicKey, 'Key')]).toEqual([keyType, keyType]);
    },
  );

  it('of an RSA-PSS key is rsa', async () => {
    expect(keyTypeOf((await newTestKey('rsa-pss-2048')).privateKey, 'Key')).toBe('rsa-2048');
  });

  it.each([
    ['rsa-1024', 'a 1024-bit RSA key'],
    ['secp256k1', 'an EC key on the curve secp256k1'],
    ['brainpool-p256', 'an EC key on the curve brainpoolP256r1'],
  ] as const)('%s is refused, with what it is', async (keyType, what) => {
    const { privateKey } = await newTestKey(keyType);
    let refusal: unknown;
    try {
      keyTypeOf(privateKey, 'Key');
    } catch (error) {
      refusal = error;
    }
    expect(isTlsmithError(refusal)).toBe(true);
    expect(refusal).toMatchObject({
      code: 'TLS_KEY_UNSUPPORTED',
      message: `Key is ${what}, which TLS clients do not accept.`,
    });
  });
});
