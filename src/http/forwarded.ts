/** What a trusted proxy says of the request that it passes on: the headers `X-Forwarded-*`. */
import type { IncomingMessage } from 'node:http';
import type { AddressList } from '../address-list.js';

/** A request as the client sent it to the proxy. */
export interface ForwardedRequest {
  /** Whether the client spoke HTTPS; undefined when the proxy does not say. */
  readonly isSecure: boolean | undefined;
  /** The host that the client asked for, perhaps with a port. */
  readonly host: string | undefined;
}

const NOTHING: ForwardedRequest = { isSecure: undefined, host: undefined };

/** Of several values the first, which is the client's side; nothing from peers that are not trusted. */
export function forwardedRequestOf(
  { socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>,
  trusted: AddressList | undefined,
): ForwardedRequest {
  if (trusted?.has(socket.remoteAddress) !== true) return NOTHING;
  const protocol = firstOf(headers['x-forwarded-proto'])?.toLowerCase();
  return {
    isSecure: protocol === undefined ? undefined : protocol === 'https' || protocol === 'wss',
    host: firstOf(headers['x-forwarded-host']),
  };
}

function firstOf(header: string | string[] | undefined): string | undefined {
  const [first = ''] = String(header ?? '').split(',');
  return first.trim() === '' ? undefined : first.trim();
}
