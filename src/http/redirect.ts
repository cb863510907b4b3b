/** From plain HTTP to HTTPS: where a request is sent, decided without side effects (RFC 9110 §15.4.9). */
import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import { normalizeServerName } from '../credential/server-name.js';

/** The status codes a redirect may have; only 308 keeps the method of every request. */
export type RedirectStatus = 301 | 302 | 308;

/** Where HTTPS is served, as clients see it. */
export interface HttpsLocation {
  /** The port to put into redirects; undefined = no TCP port is known to be open. */
  readonly port: number | undefined;
  /** The public origin, when it was configured: its port goes before, its host is for requests that name none. */
  readonly publicUrl: URL | undefined;
}

const DEFAULT_PORT = 443;

/** The port that clients reach HTTPS on, or undefined when nothing here knows it. */
export function httpsPortOf({ port, publicUrl }: HttpsLocation): number | undefined {
  return publicUrl === undefined ? port : Number(publicUrl.port || DEFAULT_PORT);
}

/**
 * The `https:` URL for a request, or undefined when its Host is missing or no name, or the port is not known. The host
 * that was asked for is kept, also beside a `publicUrl`: it is one of the names that clients use.
 */
export function httpsUrlOf(
  request: Pick<IncomingMessage, 'url' | 'headers'>,
  location: HttpsLocation,
): string | undefined {
  const host = hostOf(request) ?? location.publicUrl?.hostname;
  const port = httpsPortOf(location);
  if (host === undefined || port === undefined) return undefined;
  const authority = isIPv6(host) ? `[${host}]` : host;
  return `https://${authority}${port === DEFAULT_PORT ? '' : `:${port}`}${pathOf(request.url ?? '/')}`;
}

/** The host of a request without its port, normalised; undefined when there is none or it is no name. */
export function hostOf({ url = '', headers }: Pick<IncomingMessage, 'url' | 'headers'>): string | undefined {
  // An absolute-form target overrides Host (RFC 9112 §3.2.2).
  const authority = /^https?:\/\/([^/?#]*)/i.exec(url)?.[1] ?? headers.host;
  if (authority === undefined) return undefined;
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(authority)?.[1];
  return normalizeServerName(bracketed ?? authority.replace(/:\d*$/, ''));
}

/** The path and query of a request target; anything that could leave the authority becomes `/`. */
export function pathOf(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '');
  return path.startsWith('/') ? path : `/${path.startsWith('?') ? path : ''}`;
}
