// Test certificates against a parser and a verifier that are not ours.
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { selfSignedPair, type TestCa, testCa, type TestKeyType } from '../support/certificates.js';
import { run } from '../support/clients.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';

let ca: TestCa;
let folder: TemporaryFolder;
beforeAll(async () => {
  ca = await testCa();
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

const keyTypes: readonly TestKeyType[] = [
  ...(['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'ed25519', 'ed448', 'rsa-1024', 'rsa-2048'] as const),
  ...(['rsa-pss-2048', 'secp256k1', 'brainpool-p256'] as const),
];

describe('a test certificate', () => {
  it.each(keyTypes)('of key type %s verifies with openssl', async (keyType) => {
    const pair = await ca.issue({ names: ['a.test', '::1', '10.0.0.1'], keyType });
    const { certFile } = await pair.writeTo(folder.path, keyType);
    const { rootFile, intermediateFile } = await ca.writeTo(folder.path);
    const { stdout, stderr } = await run({
      program: 'openssl',
      args: [
        'verify',
        '-auth_level',
        '0',
        '-x509_strict',
        '-purpose',
        'sslserver',
        '-verify_hostname',
        'a.test',
        '-CAfile',
        rootFile,
        '-untrusted',
        intermediateFile,
        certFile,
      ],
    });
    expect([stdout.trim(), stderr]).toEqual([`${certFile}: OK`, '']);
    expect(new X509Certificate(pair.leaf).checkPrivateKey(pair.keyPair.privateKey)).toBe(true);
  });

  it.each(['rsa-2048', 'ed25519', 'ecdsa-p384'] as const)(
    'is signed by a CA of key type %s',
    async (keyType) => {
      const other = await testCa({ name: 'Other', keyType });
      const { leaf, chain } = await other.issue({ names: ['a.test'] });
      expect(new X509Certificate(leaf).verify(new X509Certificate(chain).publicKey)).toBe(true);
    },
  );

  it('has exactly the oddities it was asked for', async () => {
    const old = new X509Certificate((await ca.issue({ names: ['a.test'], version: 1 })).leaf);
    expect(old.subjectAltName).toBeUndefined();
    const nameless = new X509Certificate(
      (await ca.issue({ names: ['a.test'], hasAlternativeNames: false })).leaf,
    );
    expect([nameless.subject, nameless.subjectAltName]).toEqual(['CN=a.test', undefined]);
    const far = new X509Certificate(
      (await ca.issue({ names: ['a.test'], notAfter: Date.UTC(2060, 0), commonName: '' })).leaf,
    );
    expect([far.validTo, far.subject]).toEqual(['Jan  1 00:00:00 2060 GMT', undefined]);
    const self = new X509Certificate((await selfSignedPair({ names: ['a.test'] })).cert);
    expect(self.verify(self.publicKey)).toBe(true);
  });

  it.each(['pkcs8', 'traditional'] as const)(
    'has a key that openssl opens as encrypted %s',
    async (keyFormat) => {
      const pair = await ca.issue({ names: ['a.test'], keyFormat, passphrase: 'secret' });
      expect(pair.key).toContain('ENCRYPTED');
      const opened = await run({
        program: 'openssl',
        args: ['pkey', '-passin', 'pass:secret', '-noout', '-check'],
        input: pair.key,
      });
      expect(opened).toMatchObject({ exitCode: 0 });
    },
  );
});
