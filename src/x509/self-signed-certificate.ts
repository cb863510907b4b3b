/** A self-signed server certificate (RFC 5280), as PEM. */
// `import { type … }` would leave an import behind that runs (verbatimModuleSyntax).
import type { JsonNameParams } from '@peculiar/x509';
import { type CryptoProvider, cryptoFor } from './crypto-provider.js';
import { alternativeNames } from './alternative-names.js';
import { keyAlgorithm, type KeyPairType, rsaBits } from './key-algorithm.js';
import { generateKeyPair, importKeyPair } from './key-pair.js';
import { loadX509, type X509Library } from './load-x509.js';
import { randomSerialNumber } from './serial-number.js';

/** What a self-signed certificate is made of. */
export interface SelfSignedRequest {
  /** Normalised DNS names, wildcards and IP addresses; they become the subjectAltName. At least one. */
  readonly names: readonly string[];
  /** The kind of key; a new one is made. */
  readonly keyType: KeyPairType;
  /** Start of validity, milliseconds since the epoch, cut to the second. */
  readonly notBefore: number;
  /** End of validity, milliseconds since the epoch, cut to the second. */
  readonly notAfter: number;
  /** The WebCrypto implementation; Node's own if omitted. */
  readonly crypto?: CryptoProvider;
}

/** A certificate and its key. */
export interface CertificateAndKey {
  /** One certificate as PEM. */
  readonly cert: string;
  /** PKCS#8 PEM, unencrypted. */
  readonly key: string;
}

// Issuer and subject must be equal and should not be empty. Names go into the subjectAltName only, and the
// structured form keeps anybody's text from being read as further attributes.
const SUBJECT: JsonNameParams = [{ O: [{ utf8String: 'tlsmith self-signed' }] }];

/**
 * Makes a new key and a certificate for `names`, signed by that key: version 3, no CA, digitalSignature,
 * serverAuth.
 * @throws {@link TlsmithError} `SERVER_NAME_INVALID` or `TLS_KEY_UNSUPPORTED`
 */
export async function createSelfSignedCertificate(request: SelfSignedRequest): Promise<CertificateAndKey> {
  const names = alternativeNames(request.names);
  if (names.length === 0) throw new TypeError('A certificate needs at least one name.');
  const [x509, provider, pair] = await Promise.all([
    loadX509(),
    cryptoFor(request.keyType, request.crypto),
    generateKeyPair(request.keyType, request.crypto),
  ]);
  const keys = await importKeyPair(pair, provider);
  const signer = provider as unknown as Crypto;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: randomSerialNumber(),
      name: new x509.Name(SUBJECT),
      notBefore: new Date(request.notBefore),
      notAfter: new Date(request.notAfter),
      keys,
      signingAlgorithm: keyAlgorithm(request.keyType),
      extensions: [
        ...usage(x509, request.keyType),
        new x509.SubjectAlternativeNameExtension(names),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, signer),
      ],
    },
    signer,
  );
  return { cert: `${certificate.toString('pem')}\n`, key: pair.privateKey };
}

function usage(x509: X509Library, keyType: KeyPairType): InstanceType<X509Library['Extension']>[] {
  let flags = x509.KeyUsageFlags.digitalSignature;
  // TLS 1.2 clients may still encrypt the premaster secret to an RSA key (RFC 5246 §7.4.2).
  if (rsaBits(keyType) !== undefined) flags |= x509.KeyUsageFlags.keyEncipherment;
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(flags, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
  ];
}
