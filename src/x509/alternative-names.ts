/** Names as they go into a certificate: subjectAltName only, never a common name (RFC 9525 §2). */
import { isIP } from 'node:net';
import { TlsmithError } from '../errors.js';

/** One name, tagged as the certificate tags it. */
export type AlternativeName =
  { readonly type: 'dns'; readonly value: string } | { readonly type: 'ip'; readonly value: string };

const DNS_NAME = /^(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

/**
 * Tags each name as DNS name or IP address.
 * @throws {@link TlsmithError} `SERVER_NAME_INVALID` for what is neither: the library below would write it as it
 * is (`münchen.test`, an empty string) or drop part of it (the zone of `fe80::1%eth0`)
 */
export function alternativeNames(names: readonly string[]): AlternativeName[] {
  return names.map((value) => {
    if (isIP(value) !== 0 && !value.includes('%')) return { type: 'ip', value };
    if (value.length <= 253 && DNS_NAME.test(value)) return { type: 'dns', value };
    throw new TlsmithError(
      'SERVER_NAME_INVALID',
      `${JSON.stringify(value)} is neither a DNS name nor an IP address, so no certificate is made for it.`,
    );
  });
}
