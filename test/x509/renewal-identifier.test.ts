// The name of a certificate in RFC 9773, against the RFC's own example and openssl.
import { describe, expect, it } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { renewalIdentifier } from '../../src/x509/renewal-identifier.js';
import { certificateId } from '../support/certificate-id.js';
import { run } from '../support/clients.js';
import { type TemporaryFolder, withTemporaryFolder } from '../support/temporary-folder.js';

describe('The renewal identifier', () => {
  // RFC 9773 §4.1.
  it.each([
    ['0x87654321', 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE'],
    ['0x7654321', 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.B2VDIQ'],
    ['0x80', 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIA'],
  ])('of the serial number %s is %s', (serial, expected) =>
    withTemporaryFolder(async (folder) => {
      const pem = await certificate(folder, serial);
      expect(await renewalIdentifier(pem)).toBe(expected);
      // What the test authority makes of it, without code of the library's.
      expect(await certificateId(pem)).toBe(expected);
    }),
  );
});

/** A leaf under an authority with the key identifier of the RFC's example. */
async function certificate(folder: TemporaryFolder, serial: string): Promise<string> {
  const keyIdentifier = '69885B6B87464041E1B37B847BA0AE2CDE01C8D4';
  await writeFile(folder.file('leaf.cnf'), 'authorityKeyIdentifier=keyid\nsubjectAltName=DNS:a.test\n');
  const key = (name: string): string[] => [
    ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', folder.file(name)],
  ];
  const files = {
    ca: folder.file('ca.pem'),
    request: folder.file('leaf.csr'),
    leaf: folder.file('leaf.pem'),
  };
  await openssl([
    ...['req', '-x509', ...key('ca.key'), '-subj', '/CN=CA', '-out', files.ca],
    ...['-addext', `subjectKeyIdentifier=${keyIdentifier}`],
  ]);
  await openssl(['req', '-new', ...key('leaf.key'), '-subj', '/CN=a.test', '-out', files.request]);
  await openssl([
    ...['x509', '-req', '-in', files.request, '-CA', files.ca, '-CAkey', folder.file('ca.key')],
    ...['-set_serial', serial, '-extfile', folder.file('leaf.cnf'), '-out', files.leaf],
  ]);
  return readFile(files.leaf, 'utf8');
}

async function openssl(args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await run({ program: 'openssl', args: [...args] });
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
}
