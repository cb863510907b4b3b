import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { createCredential } from '../../src/credential/credential.js';
import { certificateBlocks, privateKeyBlock } from '../../src/credential/pem.js';
import { selfSignedIssuer } from '../../src/issuance/self-signed-issuer.js';
import { CRYPTO_PROVIDERS } from '../issuance/support/crypto-providers.js';
import { testCa, type TestPair } from '../support/certificates.js';
import { run } from '../support/clients.js';
import { manualClock } from '../support/manual-clock.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { writeFile } from 'node:fs/promises';

const never = new AbortController().signal;
let pair: TestPair;

beforeAll(async () => {
  pair = await (await testCa()).issue({ names: ['a.test'] });
});

describe('what openssl writes', () => {
  it('as a trusted certificate is read as the certificate in it', async () => {
    const { stdout } = await run({
      program: 'openssl',
      args: ['x509', '-trustout', '-addtrust', 'serverAuth'],
      input: pair.leaf,
    });
    expect(stdout).toContain('TRUSTED CERTIFICATE');
    const [block = ''] = certificateBlocks(stdout, 'file');
    expect(new X509Certificate(block).toString()).toBe(pair.leaf);
  });

  it('as a key is found beside its certificate and its curve', async () => {
    const { stdout } = await run({ program: 'openssl', args: ['ecparam', '-name', 'prime256v1', '-genkey'] });
    expect(stdout).toContain('EC PARAMETERS');
    expect(privateKeyBlock(pair.cert + stdout, 'file')).toContain('BEGIN EC PRIVATE KEY');
  });
});

describe.each(CRYPTO_PROVIDERS)('the self-signed issuer with %s', (_name, load) => {
  it.each([
    ['ecdsa-p256', /ASN1 OID: prime256v1/, /Digital Signature\n/],
    ['ecdsa-p384', /ASN1 OID: secp384r1/, /Digital Signature\n/],
    ['ed25519', /ED25519/, /Digital Signature\n/],
    ['rsa-2048', /Public-Key: \(2048 bit\)/, /Digital Signature, Key Encipherment\n/],
  ] as const)('makes a %s certificate that openssl takes for a server', async (keyType, key, usage) => {
    const crypto = await load();
    const issuer = selfSignedIssuer({
      clock: manualClock(),
      keyType,
      ...(crypto === undefined ? {} : { crypto }),
    });
    const names = ['localhost', '127.0.0.1', '::1', '*.dev.test'];
    const { cert, key: pem } = await issuer.issue({ names, signal: never });
    expect(createCredential({ cert, key: pem })).toMatchObject({ names, keyType, isSelfSigned: true });
    const text = await openssl(cert.toString(), 'x509', '-in', 'FILE', '-noout', '-text');
    expect(text).toMatch(key);
    expect(text).toMatch(usage);
    expect(text).toContain('Version: 3');
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature/);
    expect(text).toMatch(/Extended Key Usage:\s+TLS Web Server Authentication\n/);
    expect(text).toContain('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:*.dev.test');
    expect(text).toMatch(/Subject Key Identifier:/);
    const check = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', 'FILE', 'FILE'];
    expect(await openssl(cert.toString(), ...check)).toMatch(/: OK/);
  });
});

/** What openssl says of a certificate. */
async function openssl(cert: string, ...args: string[]): Promise<string> {
  return withTemporaryFolder(async (folder) => {
    const file = folder.file('cert.pem');
    await writeFile(file, cert);
    const { stdout } = await run({
      program: 'openssl',
      args: args.map((arg) => (arg === 'FILE' ? file : arg)),
    });
    return stdout;
  });
}
