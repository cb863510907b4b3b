/** Answers to ACME `http-01` validators (RFC 8555 §8.3): the token path only, everything else goes on. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { hostOf } from './redirect.js';

const PREFIX = '/.well-known/acme-challenge/';

/** What a token is answered with, asked for under this host: at hand, nothing, or to be waited for. */
export type KeyAuthorizations = (
  token: string,
  host: string | undefined,
) => string | undefined | Promise<string | undefined>;

/** Answers an open challenge; false when the request is none. */
export function answerHttp01(
  request: IncomingMessage,
  response: ServerResponse,
  keyAuthorizationFor: KeyAuthorizations,
): boolean | Promise<boolean> {
  const path = request.url ?? '';
  if (!path.startsWith(PREFIX) || (request.method !== 'GET' && request.method !== 'HEAD')) return false;
  const found = keyAuthorizationFor(path.slice(PREFIX.length), hostOf(request));
  if (found === undefined || typeof found === 'string') return answered(response, found);
  return found.then((keyAuthorization) => answered(response, keyAuthorization));
}

function answered(response: ServerResponse, keyAuthorization: string | undefined): boolean {
  if (keyAuthorization === undefined) return false;
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': Buffer.byteLength(keyAuthorization),
    'cache-control': 'no-store',
  });
  response.end(keyAuthorization);
  return true;
}
