/**
 * The request listener for everything that arrives as plain HTTP: ACME answers first, then a redirect to HTTPS, a
 * handler, or an explanation. It serves the companion listener, an application's own port-80 server, and plain HTTP
 * sent to the TLS port.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressList } from '../address-list.js';
import { answerHttp01, type KeyAuthorizations } from './http01.js';
import { httpsPortOf, httpsUrlOf, type HttpsLocation, type RedirectStatus } from './redirect.js';

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
  /** The peers that get more than ACME answers; undefined = all. */
  readonly allowed?: AddressList | undefined;
}

const HOST_UNKNOWN = 'This server speaks HTTPS, and the request names no host to send you to.';
/** No fault of the client's: the TLS listener is not open, or is none of ours (`tlsOptions`). */
const PORT_UNKNOWN =
  'This server speaks HTTPS, but this listener does not know on which port. Its operator can set `publicUrl`.';

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
    const location = options.location();
    const url = httpsUrlOf(request, location);
    // One answer and no more on this connection: the next request should come over TLS.
    response.shouldKeepAlive = false;
    if (httpsPortOf(location) === undefined) answerText(response, 503, PORT_UNKNOWN);
    else if (url === undefined) answerText(response, 400, HOST_UNKNOWN);
    else if (action.type === 'redirect') redirect(response, action.status, url);
    else answerText(response, 400, `This port speaks HTTPS, but the request was plain HTTP. Use ${url}`);
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

function redirect(response: ServerResponse, status: RedirectStatus, url: string): void {
  response.setHeader('location', url);
  answerText(response, status, `Moved to ${url}`);
}

function answerText(response: ServerResponse, status: number, text: string): void {
  const body = `${text}\n`;
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}
