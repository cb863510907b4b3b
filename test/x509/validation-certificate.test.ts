// The certificate for validators, read by openssl.
import { describe, expect, it } from '@jest/globals';
import { createHash, X509Certificate } from 'node:crypto';
import { createCertificateRequest } from '../../src/x509/certificate-request.js';
import { generateKeyPair } from '../../src/x509/key-pair.js';
import { createValidationCertificate } from '../../src/x509/validation-certificate.js';
import { acmeIdentifierOf } from '../end-to-end/support/validation-certificate.js';
import { run } from '../support/clients.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { writeFile } from 'node:fs/promises';

const keyAuthorization = 'token.thumbprint';
const longName = `${'a'.repeat(60)}.${'b'.repeat(60)}.test`;

describe('A validation certificate', () => {
  it.each([
    ['a.test', 'DNS:a.test'],
    [longName, `DNS:${longName}`],
    ['192.0.2.1', 'IP Address:192.0.2.1'],
    ['2001:db8::1', 'IP Address:2001:DB8:0:0:0:0:0:1'],
  ])('for %s has this one name, the critical extension, and its own signature', async (name, expected) => {
    const { cert } = await createValidationCertificate({ name, keyAuthorization, now: Date.now() });
    const certificate = new X509Certificate(cert);
    expect(certificate.subjectAltName).toBe(expected);
    expect(certificate.subject).toBe(certificate.issuer);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    const digest = createHash('sha256').update(keyAuthorization).digest();
    expect(acmeIdentifierOf(certificate.raw)).toEqual(Buffer.concat([Buffer.from([4, 32]), digest]));
    const text = await openssl(['x509', '-noout', '-text'], cert);
    expect(text.match(/1\.3\.6\.1\.5\.5\.7\.1\.31: critical|ACME Identifier: critical/g)).toHaveLength(1);
    expect(text.match(/Subject Alternative Name/g)).toHaveLength(1);
  });

  it('has a new key each time', async () => {
    const request = { name: 'a.test', keyAuthorization, now: Date.now() };
    const [one, other] = [
      await createValidationCertificate(request),
      await createValidationCertificate(request),
    ];
    expect(one.key).not.toBe(other.key);
  });
});

describe('A certificate request', () => {
  it.each(['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'] as const)(
    'with a key of type %s is signed and complete',
    async (keyType) => {
      const pair = await generateKeyPair(keyType);
      const der = await createCertificateRequest(['a.test', '192.0.2.1', '2001:db8::1'], pair);
      const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
      const text = await openssl(['req', '-noout', '-text', '-verify', '-nameopt', 'RFC2253'], pem);
      expect(text).toContain('DNS:a.test, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1');
      expect(text).toMatch(/Subject: *\n/);
    },
  );

  it('is not made for what is no name', async () => {
    const pair = await generateKeyPair('ecdsa-p256');
    await expect(createCertificateRequest(['a b'], pair)).rejects.toMatchObject({
      code: 'SERVER_NAME_INVALID',
    });
  });
});

function openssl(args: readonly string[], pem: string): Promise<string> {
  return withTemporaryFolder(async (folder) => {
    await writeFile(folder.file('in.pem'), pem);
    const { exitCode, stdout, stderr } = await run({
      program: 'openssl',
      args: [...args, '-in', folder.file('in.pem')],
    });
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    return stdout;
  });
}
