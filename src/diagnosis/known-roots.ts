/** The roots that node trusts by itself, searched without parsing them: there are about 150. */
import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import type { CertificateReading } from './certificate-reading.js';

/** Whether one of node's own roots has issued the certificate. */
export function isIssuedByKnownRoot({ x509, issuerName }: CertificateReading): boolean {
  return rootCertificates.some((pem) => {
    const der = Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64');
    return der.includes(issuerName) && isIssuedBy(x509, new X509Certificate(der));
  });
}

function isIssuedBy(certificate: X509Certificate, root: X509Certificate): boolean {
  try {
    return certificate.checkIssued(root) && certificate.verify(root.publicKey);
  } catch {
    return false; // A key of a kind that this OpenSSL does not know.
  }
}
