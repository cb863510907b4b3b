/**
 * Whom an HTTP request addresses: the authority of its target, or its Host header (RFC 9110 §7.2, RFC 9112 §3.2,
 * RFC 9113 §8.3.1). The bytes come from strangers, and whoever reads them differently from the application behind
 * lets them through: every header that could be read counts, and what is no name by grammar is nobody's.
 */
import { normalizeConfiguredName, normalizeServerName } from '../credential/server-name.js';

/** An HTTP/1.1 request, as far as it is looked at. */
export interface AddressedRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: { host?: string | undefined };
  readonly rawHeaders: string[];
}

/** A name that is addressed, normalised; undefined for something that is no name. */
export type AddressedName = string | undefined;

const ABSOLUTE_FORM = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i;
const AUTHORITY = /^(\[[^\]]*\]|[^:]*)(?::[0-9]*)?$/;

/** The name in `host`, `host:port` or `[address]:port`. */
export function nameOfAuthority(authority: string): AddressedName {
  const host = AUTHORITY.exec(authority)?.[1];
  if (host === undefined) return undefined;
  return host.startsWith('[') ? normalizeConfiguredName(host) : normalizeServerName(host);
}

/** The authorities among the raw headers of HTTP/1.1 or HTTP/2, all of them, without empty ones. */
export function authoritiesIn(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((value, index) => {
    if (index % 2 === 0 || value === '') return false;
    const name = rawHeaders[index - 1]?.toLowerCase();
    return name === 'host' || name === ':authority';
  });
}

/** The authority that the target of an HTTP/1.1 request names by itself; `''` when it is for some other reason none. */
export function authorityOfTarget({ method, url = '' }: AddressedRequest): string | undefined {
  if (method === 'CONNECT') return url;
  if (url.startsWith('/') || url === '*') return undefined;
  return ABSOLUTE_FORM.exec(url)?.[1] ?? '';
}

/**
 * A target in absolute form overrides the Host header (RFC 9112 §3.2.2), but applications read the header: it is made
 * to say the same.
 */
export function overrideHost(request: AddressedRequest, authority: string): void {
  const { headers, rawHeaders } = request;
  if (headers.host !== undefined) headers.host = authority;
  rawHeaders.forEach((_, index) => {
    if (index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'host') rawHeaders[index] = authority;
  });
}
