/** A certificate request (PKCS#10, RFC 2986) for names that stand in its subjectAltName alone. */
import { cryptoFor } from './crypto-provider.js';
import { alternativeNames } from './alternative-names.js';
import { keyAlgorithm } from './key-algorithm.js';
import { importKeyPair, type KeyPair } from './key-pair.js';
import { loadX509 } from './load-x509.js';

/**
 * The request as DER, signed by `pair`. Its subject is empty: newer profiles of public authorities have no common
 * name, and older ones take the first name for it.
 * @throws {@link TlsmithError} `SERVER_NAME_INVALID`
 */
export async function createCertificateRequest(names: readonly string[], pair: KeyPair): Promise<Buffer> {
  const alternatives = alternativeNames(names);
  const [x509, provider] = await Promise.all([loadX509(), cryptoFor(pair.keyType)]);
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      keys: await importKeyPair(pair, provider),
      signingAlgorithm: keyAlgorithm(pair.keyType),
      extensions: [new x509.SubjectAlternativeNameExtension(alternatives)],
    },
    provider as unknown as Crypto,
  );
  return Buffer.from(request.rawData);
}
