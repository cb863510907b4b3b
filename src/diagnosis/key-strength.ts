/**
 * Keys and signatures that clients no longer trust. A leaf with a short key or an exotic curve is refused when it is
 * loaded; what OpenSSL lets pass are self-signed certificates with any signature, and short keys further up.
 */
import { subjectOf } from '../credential/certificate-facts.js';
import type { Finding } from '../credential/findings.js';
import type { CertificateReading } from './certificate-reading.js';
import { briefSubject, type Inspection, type Rule } from './inspection.js';
import { reissueHint } from './remedy.js';

const SHORTEST_RSA_KEY = 2048;

const BROKEN_SIGNATURES: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.2': 'MD2',
  '1.2.840.113549.1.1.4': 'MD5',
  '1.2.840.113549.1.1.5': 'SHA-1',
  '1.2.840.10045.4.1': 'SHA-1',
  '1.3.14.3.2.29': 'SHA-1',
};

/** Finds broken signatures and short keys in what is sent. */
export const keyStrengthRule: Rule = (inspection) => [
  ...[inspection.leaf, ...inspection.intermediates].flatMap((certificate) =>
    signature(certificate, inspection),
  ),
  ...inspection.intermediates.flatMap((certificate) => shortKey(certificate, inspection)),
];

function signature(certificate: CertificateReading, inspection: Inspection): Finding[] {
  const digest = BROKEN_SIGNATURES[certificate.signatureAlgorithm];
  if (digest === undefined) return [];
  const isLeaf = certificate === inspection.leaf;
  return [
    {
      code: 'TLS_SIGNATURE_WEAK',
      severity: 'warning',
      names: inspection.credential.names,
      message: `${whose(certificate, inspection)} is signed with ${digest}, which can be forged: clients refuse it.`,
      hint: isLeaf ? reissueHint(inspection) : 'Ask the authority for its present intermediate.',
    },
  ];
}

function shortKey(certificate: CertificateReading, inspection: Inspection): Finding[] {
  const bits = rsaBitsOf(certificate);
  if (bits === undefined || bits >= SHORTEST_RSA_KEY) return [];
  return [
    {
      code: 'TLS_KEY_WEAK',
      severity: 'warning',
      names: inspection.credential.names,
      message: `${whose(certificate, inspection)} has an RSA key of ${bits} bits, which can be broken: clients refuse it.`,
      hint: 'Ask the authority for its present intermediate; a private one needs new keys of 2048 bits or more.',
    },
  ];
}

function whose(certificate: CertificateReading, { leaf, title }: Inspection): string {
  if (certificate === leaf) return title;
  return `The intermediate ${briefSubject(subjectOf(certificate.x509))} of ${title.charAt(0).toLowerCase()}${title.slice(1)}`;
}

function rsaBitsOf({ x509 }: CertificateReading): number | undefined {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = x509.publicKey;
    return asymmetricKeyType?.startsWith('rsa') === true ? asymmetricKeyDetails?.modulusLength : undefined;
  } catch {
    return undefined; // A key of a kind that this OpenSSL does not know.
  }
}
