import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { CRYPTO_PROVIDERS } from '../issuance/support/crypto-providers.js';
import {
  createSelfSignedCertificate,
  type SelfSignedRequest,
} from '../../src/x509/self-signed-certificate.js';

const NOW = Date.UTC(2030, 0, 1);
const YEAR_9999 = Date.UTC(9999, 11, 31, 23, 59, 59);
const request = (changes: Partial<SelfSignedRequest> = {}): SelfSignedRequest => ({
  names: ['a.test'],
  keyType: 'ecdsa-p256',
  notBefore: NOW,
  notAfter: NOW + 86_400_000,
  ...changes,
});

describe.each(CRYPTO_PROVIDERS)('a self-signed certificate made with %s', (_name, load) => {
  const make = async (changes: Partial<SelfSignedRequest> = {}): Promise<X509Certificate> => {
    const crypto = await load();
    const { cert } = await createSelfSignedCertificate({
      ...request(changes),
      ...(crypto === undefined ? {} : { crypto }),
    });
    return new X509Certificate(cert);
  };

  it('is signed by its own key, with issuer and subject equal and not empty', async () => {
    const certificate = await make();
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.issuer).toBe(certificate.subject);
    expect(certificate.subject).toBe('O=tlsmith self-signed');
    expect(certificate.ca).toBe(false);
  });

  it('names nobody but in the subjectAltName', async () => {
    const certificate = await make({ names: ['a.test', '*.b.test', '10.0.0.1', '2001:db8::1'] });
    expect(certificate.subjectAltName).toBe(
      'DNS:a.test, DNS:*.b.test, IP Address:10.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1',
    );
    expect(certificate.subject).not.toContain('CN=');
  });

  it('has exactly the validity asked for, up to the year 9999', async () => {
    const certificate = await make({ notAfter: YEAR_9999 });
    expect(Date.parse(certificate.validFrom)).toBe(NOW);
    expect(Date.parse(certificate.validTo)).toBe(YEAR_9999);
  });

  it('has a positive random serial number of 16 bytes', async () => {
    const serials = [await make(), await make()].map(({ serialNumber }) => serialNumber);
    expect(serials[0]).not.toBe(serials[1]);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
  });

  it.each(['ecdsa-p521', 'ed448'] as const)('can have a %s key', async (keyType) => {
    const certificate = await make({ keyType });
    expect(certificate.verify(certificate.publicKey)).toBe(true);
  });
});

describe('createSelfSignedCertificate()', () => {
  it.each([
    '',
    'münchen.test',
    'a b',
    'a.test\n',
    '*',
    'a.*.test',
    '::1%eth0',
    'A.test',
    `${'a.'.repeat(130)}test`,
  ])('refuses %j as a name', async (name) => {
    await expect(createSelfSignedCertificate(request({ names: [name] }))).rejects.toMatchObject({
      code: 'SERVER_NAME_INVALID',
    });
  });

  it('refuses to make a certificate for nobody', async () => {
    await expect(createSelfSignedCertificate(request({ names: [] }))).rejects.toThrow(TypeError);
  });

  it.each(['secp256k1', 'brainpoolP256r1', 'rsa-1024'])('refuses %s keys', async (keyType) => {
    await expect(
      createSelfSignedCertificate(request({ keyType: keyType as SelfSignedRequest['keyType'] })),
    ).rejects.toMatchObject({ code: 'TLS_KEY_UNSUPPORTED' });
  });
});
