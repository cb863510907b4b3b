/** The certificate that answers a `tls-alpn-01` challenge (RFC 8737 §3): never shown to anybody but validators. */
import { createHash } from 'node:crypto';
// `import { type … }` would leave an import behind that runs (verbatimModuleSyntax).
import type { JsonNameParams } from '@peculiar/x509';
import { alternativeNames } from './alternative-names.js';
import { cryptoFor } from './crypto-provider.js';
import { keyAlgorithm } from './key-algorithm.js';
import { generateKeyPair, importKeyPair } from './key-pair.js';
import { loadX509 } from './load-x509.js';
import type { CertificateAndKey } from './self-signed-certificate.js';
import { randomSerialNumber } from './serial-number.js';

/** What is validated. */
export interface ValidationRequest {
  /** One DNS name or IP address. */
  readonly name: string;
  /** RFC 8555 §8.1; only its digest becomes part of the certificate. */
  readonly keyAuthorization: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const KEY_TYPE = 'ecdsa-p256';
const ACME_IDENTIFIER = '1.3.6.1.5.5.7.1.31';
/** DER: an octet string of 32 bytes. */
const OCTET_STRING_32 = [0x04, 0x20];
const DAY_MS = 86_400_000;
// The name stands in the subjectAltName alone: a common name has no room for one of more than 64 characters.
const SUBJECT: JsonNameParams = [{ O: [{ utf8String: 'tlsmith ACME validation' }] }];

/** Makes one with a key of its own: one name, and the critical acmeIdentifier extension. */
export async function createValidationCertificate(request: ValidationRequest): Promise<CertificateAndKey> {
  const { name, keyAuthorization, now } = request;
  const [x509, provider, pair] = await Promise.all([
    loadX509(),
    cryptoFor(KEY_TYPE),
    generateKeyPair(KEY_TYPE),
  ]);
  const digest = createHash('sha256').update(keyAuthorization).digest();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: randomSerialNumber(),
      name: new x509.Name(SUBJECT),
      notBefore: new Date(now - DAY_MS),
      notAfter: new Date(now + 7 * DAY_MS),
      keys: await importKeyPair(pair, provider),
      signingAlgorithm: keyAlgorithm(KEY_TYPE),
      extensions: [
        new x509.SubjectAlternativeNameExtension(alternativeNames([name])),
        // RFC 8737 §3: it must be critical.
        new x509.Extension(ACME_IDENTIFIER, true, Uint8Array.from([...OCTET_STRING_32, ...digest])),
      ],
    },
    provider as unknown as Crypto,
  );
  return { cert: `${certificate.toString('pem')}\n`, key: pair.privateKey };
}
