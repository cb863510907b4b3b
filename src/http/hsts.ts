/**
 * Strict-Transport-Security (RFC 6797): browsers that have seen it come by HTTPS only. Set before the application sees
 * a request, so that a header of its own goes before; never on plain HTTP, for an IP address, or with a certificate
 * that browsers do not trust anyway, where it would lock people out.
 */
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Credential } from '../credential/credential.js';
import { hostOf } from './redirect.js';

/** What browsers are told. */
export interface HstsOptions {
  /**
   * For how long, in seconds. Begin low: what a browser has seen cannot be taken back.
   * @defaultValue 86 400 (a day)
   */
  readonly maxAge?: number;
  /**
   * Whether every name below the one that was asked for is meant too.
   * @defaultValue false
   */
  readonly includeSubDomains?: boolean;
  /**
   * Whether browsers may build the name in; takes `includeSubDomains` and a year of `maxAge`.
   * @defaultValue false
   */
  readonly preload?: boolean;
}

const HEADER = 'strict-transport-security';
/** Events that bring a request and its response. */
const REQUEST_EVENTS = ['request', 'checkContinue', 'checkExpectation'] as const;
/** On the sockets of connections that may carry the header; also seen through the sockets that HTTP/2 shows. */
const MAY_CARRY = Symbol('tlsmith.hsts');
/** Let's Encrypt's test authority calls itself so, and the one before it. */
const STAGING = /\bstaging\b|^Fake LE /i;

/** Sets the header on the answers of one server. */
export class Hsts {
  readonly #value: string;

  /** @param value - of the header */
  constructor(value: string) {
    this.#value = value;
  }

  /** Told of each connection and the certificate it was shown. */
  secured(socket: TLSSocket, { isSelfSigned, issuer }: Pick<Credential, 'isSelfSigned' | 'issuer'>): void {
    if (isSelfSigned || STAGING.test(issuer)) return;
    Object.defineProperty(socket, MAY_CARRY, { value: true });
  }

  /** Begins with the requests of a server; where an event has no listener, none is added: node goes by that. */
  watch(server: EventEmitter): void {
    const unwatched = new Set<string | symbol>(REQUEST_EVENTS);
    const add = (event: string | symbol): void => {
      if (unwatched.delete(event)) server.prependListener(event, this.#onRequest);
    };
    for (const event of REQUEST_EVENTS) if (server.listenerCount(event) > 0) add(event);
    server.on('newListener', add);
  }

  readonly #onRequest = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): void => {
    if (Reflect.get(request.socket, MAY_CARRY) !== true || response.headersSent || response.hasHeader(HEADER))
      return;
    const { url = '', headers } = request;
    const authority = headers[':authority'] ?? headers.host;
    const host = hostOf({ url, headers: typeof authority === 'string' ? { host: authority } : {} });
    if (host !== undefined && isIP(host) === 0) response.setHeader(HEADER, this.#value);
  };
}

/** The header's value. */
export function hstsValueOf({ maxAge = 86_400, includeSubDomains, preload }: HstsOptions): string {
  return [
    `max-age=${maxAge}`,
    ...(includeSubDomains === true ? ['includeSubDomains'] : []),
    ...(preload === true ? ['preload'] : []),
  ].join('; ');
}
