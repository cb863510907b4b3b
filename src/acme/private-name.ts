/**
 * Names that no public authority may certify (CA/Browser Forum Baseline Requirements §4.2.2, §7.1.2.7.12): nobody owns them.
 * Known beforehand they cost no order, and none of the failures that authorities count. A private authority decides for
 * itself.
 */
import { isIP } from 'node:net';
import { AddressList } from '../address-list.js';
import { TlsmithError } from '../errors.js';

/** By host of the directory. Of any other nothing is known: it may be one's own. */
const PUBLIC_AUTHORITIES: ReadonlySet<string> = new Set([
  'acme-v02.api.letsencrypt.org',
  'acme-staging-v02.api.letsencrypt.org',
  'acme.zerossl.com',
  'dv.acme-v02.api.pki.goog',
  'dv.acme-v02.test-api.pki.goog',
]);
/** RFC 2606, 6761, 6762 with its appendix G, 7686, 9476, and ICANN's `internal` of 2024. */
const PRIVATE_ENDINGS: ReadonlySet<string> = new Set([
  ...['alt', 'arpa', 'corp', 'example', 'home', 'internal', 'intranet', 'invalid', 'lan', 'local'],
  ...['localhost', 'onion', 'private', 'test'],
]);
/** The registries of RFC 6890 for special addresses; of IPv6 all that is no global unicast. */
const PRIVATE_ADDRESSES = new AddressList([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24'],
  ...['203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/3', '4000::/2', '8000::/1', '2001:db8::/32', '3fff::/20'],
]);

/**
 * Refuses to order these names from an authority that is known to be public, if one of them is private.
 * @throws {@link TlsmithError} `ACME_IDENTIFIER_REJECTED`, which no retry mends
 */
export function assertOrderable(names: readonly string[], directoryUrl: string): void {
  if (!isPublicAuthority(directoryUrl)) return;
  const { hostname } = new URL(directoryUrl);
  const reasons = names.flatMap((name) => {
    const reason = privacyOf(name);
    return reason === undefined ? [] : [`${name} ${reason}`];
  });
  if (reasons.length === 0) return;
  throw new TlsmithError(
    'ACME_IDENTIFIER_REJECTED',
    `No certificate for ${names.join(', ')} was ordered from ${hostname}: ${reasons.join('; ')}, and public authorities issue for names and addresses of the public internet only.`,
    {
      ...{ names, isPermanent: true },
      hint: 'Take it out of `domains`. Use selfSigned() or files for it, or an authority of your own: its `directoryUrl`, and `serverCaFile`.',
    },
  );
}

/** Whether an authority is known to validate on the public internet, on ports 443 and 80. */
export function isPublicAuthority(directoryUrl: string): boolean {
  return PUBLIC_AUTHORITIES.has(new URL(directoryUrl).hostname);
}

/** Whether an address is one of the public internet. */
export function isPublicAddress(address: string): boolean {
  return !PRIVATE_ADDRESSES.has(address);
}

/** Why nobody can own this name, as the end of a sentence; undefined for what may be public. */
export function privacyOf(name: string): string | undefined {
  if (isIP(name) !== 0) return isPublicAddress(name) ? undefined : 'is no address of the public internet';
  const labels = name.split('.');
  const ending = labels.at(-1) ?? '';
  if (PRIVATE_ENDINGS.has(ending)) return `ends in .${ending}, which is nobody’s`;
  return labels.filter((label) => label !== '*').length < 2
    ? 'is a single label, which is nobody’s'
    : undefined;
}
