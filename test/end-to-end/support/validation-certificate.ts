// The certificate of a tls-alpn-01 challenge (RFC 8737 §3): self-signed, one name, and the critical acmeIdentifier
// extension with the digest of the key authorization. Made by openssl, so that nothing of ours proves itself.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { CredentialInput } from '../../../src/index.js';
import { run } from '../../support/clients.js';
import { withTemporaryFolder } from '../../support/temporary-folder.js';

/** The extension's object identifier. */
export const ACME_IDENTIFIER = '1.3.6.1.5.5.7.1.31';

/** Makes one; an address stands in the certificate as such, whatever the validator sends as SNI. */
export function validationCertificate(
  name: string,
  { keyAuthorization, keyType }: { keyAuthorization: string; keyType: 'ec' | 'rsa' },
): Promise<CredentialInput> {
  return withTemporaryFolder(async (folder) => {
    const digest = createHash('sha256')
      .update(keyAuthorization)
      .digest('hex')
      .replace(/..(?=.)/g, '$&:');
    const key = keyType === 'ec' ? ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['rsa:2048'];
    const { exitCode, stderr } = await run({
      program: 'openssl',
      args: [
        ...['req', '-x509', '-newkey', ...key, '-nodes', '-days', '7', '-subj', '/CN=validation'],
        ...['-keyout', folder.file('key.pem'), '-out', folder.file('cert.pem')],
        ...['-addext', `subjectAltName=DNS:${name}`],
        ...['-addext', `${ACME_IDENTIFIER}=critical,DER:04:20:${digest}`],
      ],
    });
    if (exitCode !== 0) throw new Error(`openssl ended with ${String(exitCode)}: ${stderr}`);
    return {
      cert: await readFile(folder.file('cert.pem'), 'utf8'),
      key: await readFile(folder.file('key.pem'), 'utf8'),
    };
  });
}

/** The value of the extension in a certificate as DER, or undefined. */
export function acmeIdentifierOf(certificate: Buffer): Buffer | undefined {
  // 06 08 = object identifier, 01 01 ff = critical, 04 22 = the octet string around the value.
  const mark = Buffer.from('06082b0601050507011f0101ff0422', 'hex');
  const at = certificate.indexOf(mark);
  return at < 0 ? undefined : certificate.subarray(at + mark.length, at + mark.length + 34);
}
