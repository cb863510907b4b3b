/** Downloading a certificate (RFC 8555 §7.4.2), with the chain that the user prefers where the authority has several. */
import { X509Certificate } from 'node:crypto';
import type { AcmeClient } from './client.js';
import { linksIn } from './resources.js';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** No authority offers more; each is a request. */
const MOST_ALTERNATES = 10;

/** A chain as PEM, leaf first. */
export interface DownloadedChain {
  readonly chain: string;
  /** Whether it is under the issuer that is preferred. */
  readonly isPreferred: boolean;
}

/**
 * The chain. That another one cannot be fetched is no reason to do without the certificate.
 * @param preferredChain - the common name of an issuer; the authority's default is used where no chain has it
 */
export async function downloadChain(
  client: AcmeClient,
  url: string,
  preferredChain: string | undefined,
): Promise<DownloadedChain> {
  const { data, headers } = await client.certificate(url);
  if (preferredChain === undefined || isIssuedUnder(data, preferredChain))
    return { chain: data, isPreferred: true };
  for (const alternate of linksIn(headers['link'], 'alternate').slice(0, MOST_ALTERNATES)) {
    const chain = await client.certificate(alternate).then(
      (answer) => answer.data,
      () => '',
    );
    if (isIssuedUnder(chain, preferredChain)) return { chain, isPreferred: true };
  }
  return { chain: data, isPreferred: false };
}

function isIssuedUnder(chain: string, commonName: string): boolean {
  const certificates = chain.match(CERTIFICATE) ?? [];
  return certificates.some((pem) => new X509Certificate(pem).issuer.split('\n').includes(`CN=${commonName}`));
}
