/**
 * The certificates of authorities that were parsed last: thousands of chains end in the same few intermediates, and
 * OpenSSL takes up to half a millisecond for each.
 */
import { X509Certificate } from 'node:crypto';
import { BoundedMap } from '../bounded-map.js';

const REMEMBERED = 100;
/** No authority's certificate is near it; what is longer is not kept. */
const LONGEST_PEM = 16_384;

const authorities = new BoundedMap<string, X509Certificate>(REMEMBERED);

/**
 * The certificate in a PEM block.
 * @throws OpenSSL's error when it cannot be parsed
 */
export function parseCertificate(pem: string): X509Certificate {
  const known = authorities.get(pem);
  if (known !== undefined) return known;
  const certificate = new X509Certificate(pem);
  if (certificate.ca && pem.length <= LONGEST_PEM) authorities.set(pem, certificate);
  return certificate;
}
