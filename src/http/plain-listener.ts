/**
 * The request listener for everything that arrives as plain HTTP: ACME answers first, then a redirect to HTTPS, a
 * handler, or an explanation. It serves the companion listener, an application's own port-80 server, and plain HTTP
 * sent to the TLS port.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressList } from '../address-list.js';
import { answerHttp01, type KeyAuthorizations } from './http01.js';
import { forwardedRequestOf } from './forwarded.js';
import {
  hostOf,
  httpsPortOf,
  httpsUrlOf,
  pathOf,
  type HttpsLocation,
  type RedirectStatus,
} from './redirect.js';

/** What is done with a request that is no ACME challenge. */
export type PlainAction =
  | { readonly type: 'redirect'; readonly status: RedirectStatus }
  | { readonly type: 'explain' }
  | {
      readonly type: 'handle';
      readonly handler: (request: IncomingMessage, response: ServerResponse) => unknown;
    };

/** What the listener needs. */
export interface PlainListenerOptions {
  readonly action: PlainAction;
  readonly location: () => HttpsLocation;
  /** What a token is answered with; a promise where somebody else may know, which must not reject. */
  readonly keyAuthorizationFor: KeyAuthorizations;
  /** The proxies whose `X-Forwarded-*` is believed; undefined = none. */
  readonly trusted?: AddressList | undefined;
  /** Takes what came to a trusted proxy over HTTPS, which a redirect would send round in circles. */
  readonly behindTls?: (request: IncomingMessage, response: ServerResponse) => unknown;
  /** The peers that get more than ACME answers; undefined = all. */
  readonly allowed?: AddressList | undefined;
}

const HOST_UNKNOWN = 'This server speaks HTTPS, and the request names no host to send you to.';
/** No fault of the client's: the TLS listener is not open, or is none of ours (`tlsOptions`). */
const PORT_UNKNOWN =
  'This server speaks HTTPS, but this listener does not know on which port. Its operator can set `publicUrl`.';

const PROXY_SPEAKS_PLAIN_HTTP =
  'This port speaks HTTPS, but the proxy in front sent plain HTTP for a request that came to it over HTTPS. Its operator can let it speak HTTPS, or send it to the listener for plain HTTP.';

/** A node `request` listener. */
export function plainListener(
  options: PlainListenerOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const goOn = (request: IncomingMessage, response: ServerResponse): void => {
    const { action, allowed } = options;
    if (allowed?.has(request.socket.remoteAddress) === false) {
      request.socket.destroy();
      return;
    }
    if (action.type === 'handle') {
      action.handler(request, response);
      return;
    }
    const forwarded = forwardedRequestOf(request, options.trusted);
    if (forwarded.isSecure === true) {
      if (options.behindTls === undefined) answerOnce(response, 400, PROXY_SPEAKS_PLAIN_HTTP);
      else options.behindTls(request, response);
      return;
    }
    const location = options.location();
    const url = httpsUrlOf(asked(request, forwarded.host), location);
    if (httpsPortOf(location) === undefined) answerOnce(response, 503, PORT_UNKNOWN);
    else if (url === undefined) answerOnce(response, 400, HOST_UNKNOWN);
    else if (action.type === 'redirect') redirect(response, action.status, url);
    else answerOnce(response, 400, `This port speaks HTTPS, but the request was plain HTTP. Use ${url}`);
  };
  return (request, response) => {
    const isAnswered = answerHttp01(request, response, options.keyAuthorizationFor);
    if (isAnswered === false) goOn(request, response);
    else if (isAnswered !== true) {
      void isAnswered.then((isOurs) => {
        if (!isOurs) goOn(request, response);
      });
    }
  };
}

/** The request with the host that the client asked for. */
function asked(request: IncomingMessage, host: string | undefined): Pick<IncomingMessage, 'url' | 'headers'> {
  if (host === undefined || hostOf({ url: '', headers: { host } }) === undefined) return request;
  return { url: pathOf(request.url ?? '/'), headers: { host } };
}

function redirect(response: ServerResponse, status: RedirectStatus, url: string): void {
  response.setHeader('location', url);
  answerOnce(response, status, `Moved to ${url}`);
}

function answerOnce(response: ServerResponse, status: number, text: string): void {
  // No more on this connection: the next request should come over TLS.
  response.shouldKeepAlive = false;
  const body = `${text}\n`;
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}
