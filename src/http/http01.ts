/** Answers to ACME `http-01` validators (RFC 8555 §8.3): the token path only, everything else goes on. */
import type { IncomingMessage, ServerResponse } from 'node:http';

const PREFIX = '/.well-known/acme-challenge/';

/** Answers an open challenge; false when the request is none. */
export function answerHttp01(
  request: IncomingMessage,
  response: ServerResponse,
  keyAuthorizationFor: (token: string) => string | undefined,
): boolean {
  const path = request.url ?? '';
  if (!path.startsWith(PREFIX) || (request.method !== 'GET' && request.method !== 'HEAD')) return false;
  const keyAuthorization = keyAuthorizationFor(path.slice(PREFIX.length));
  if (keyAuthorization === undefined) return false;
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': Buffer.byteLength(keyAuthorization),
    'cache-control': 'no-store',
  });
  response.end(keyAuthorization);
  return true;
}
