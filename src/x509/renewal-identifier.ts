/** The name under which a certificate is asked about and replaced (RFC 9773 §4.1). */
import { loadX509 } from './load-x509.js';

/**
 * base64url of the authority key identifier, a dot, base64url of the serial number's DER content.
 * @param cert - PEM, leaf first
 * @returns undefined for a certificate without authority key identifier, which has no such name
 */
export async function renewalIdentifier(cert: string): Promise<string | undefined> {
  const x509 = await loadX509();
  const certificate = new x509.X509Certificate(firstBlock(cert));
  const keyId = certificate.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId;
  if (keyId === undefined || keyId === '') return undefined;
  const serial = derContent(certificate.serialNumber);
  return `${Buffer.from(keyId, 'hex').toString('base64url')}.${serial.toString('base64url')}`;
}

/** The library has dropped the zero byte that DER puts before a number whose top bit is set. */
function derContent(hex: string): Buffer {
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
}

function firstBlock(pem: string): string {
  return /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(pem)?.[0] ?? pem;
}
