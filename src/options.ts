/** The options of `createSecureServer`, and what parse-options.ts makes of them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressList } from './address-list.js';
import type { Clock } from './clock.js';
import type { ClientAuthOptions, ClientAuthSettings } from './client-auth/client-auth-options.js';
import type { TlsBaseline, TlsSettings } from './handshake/tls-settings.js';
import type { HstsOptions } from './http/hsts.js';
import type { RedirectStatus } from './http/redirect.js';
import type { Logger } from './logger.js';
import type { CertificateSource, SourceFunction } from './sources/certificate-source.js';
import type { Storage } from './storage/storage.js';

/** The companion listener for plain HTTP. */
export interface HttpListenerOptions {
  /**
   * 0 = any free port, -1 = disabled.
   * @defaultValue 80
   */
  readonly port?: number;
  /** @defaultValue the host of `listen()` */
  readonly host?: string;
  /**
   * The status of the redirect to HTTPS; `false` serves `handler`, else the application.
   * @defaultValue 308
   */
  readonly redirect?: RedirectStatus | false;
  /** Serves plain HTTP when `redirect` is `false`. */
  readonly handler?: (request: IncomingMessage, response: ServerResponse) => unknown;
}

/** The rules for a name: what is left out is as for the whole server. */
export interface PolicyOptions {
  /**
   * Mozilla's server side TLS guideline: `'intermediate'` (TLS 1.2 and 1.3) or `'modern'` (TLS 1.3 only).
   * @defaultValue 'intermediate' for the server, the server's for a policy
   */
  readonly tlsBaseline?: TlsBaseline;
  /** Overrides the baseline's lowest version. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Overrides the baseline's highest version. */
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Overrides the baseline's ciphers: an OpenSSL cipher list. */
  readonly ciphers?: string;
  /** Overrides the key agreement groups, most wanted first, such as `['X25519', 'P-256']`. */
  readonly groups?: readonly string[];
  /**
   * How long a handshake may take from hand-off to secure, in milliseconds; the socket is destroyed then.
   * @defaultValue 10 000 for the server, the server's for a policy
   */
  readonly handshakeTimeoutMs?: number;
  /** `false` turns resumption off; otherwise the keys rotate as those of the server. */
  readonly sessionTickets?: false;
  /** Asks clients for certificates, or (`false`) does not although the server does. */
  readonly clientAuth?: ClientAuthOptions | false;
}

/** Options of {@link createSecureServer}. */
export interface SecureServerOptions {
  /**
   * Where certificates come from, asked in this order.
   * @defaultValue `selfSigned()`, and one log line that says so
   */
  readonly sources?: CertificateSource | SourceFunction | readonly (CertificateSource | SourceFunction)[];
  /**
   * The companion listener for plain HTTP: ACME answers and the redirect to HTTPS. `true` = port 80.
   * @defaultValue false
   */
  readonly http?: boolean | number | HttpListenerOptions;
  /**
   * Offers HTTP/2 beside HTTP/1.1 on the same port. Not for Express, which cannot serve it.
   * @defaultValue false
   */
  readonly http2?: boolean;
  /**
   * What plain HTTP on the TLS port is answered with: a 308 to the https URL, a 400 and one sentence, or nothing.
   * @defaultValue 'explain'
   */
  readonly plainHttp?: 'redirect' | 'explain' | 'close';
  /**
   * What a client gets that asks for a name no source knows: the default certificate, or the fatal alert
   * unrecognized_name (112) before any TLS state exists.
   * @defaultValue 'default'
   */
  readonly unknownName?: 'default' | 'reject';
  /** The name whose certificate clients without SNI get (IP URLs, health checks). */
  readonly defaultName?: string;
  /**
   * Mozilla's server side TLS guideline: `'intermediate'` (TLS 1.2 and 1.3) or `'modern'` (TLS 1.3 only).
   * @defaultValue 'intermediate'
   */
  readonly tlsBaseline?: TlsBaseline;
  /** Overrides the baseline's lowest version. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Overrides the baseline's highest version. */
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Overrides the baseline's ciphers: an OpenSSL cipher list. */
  readonly ciphers?: string;
  /** Overrides the key agreement groups, most wanted first, such as `['X25519', 'P-256']`. */
  readonly groups?: readonly string[];
  /**
   * Asks clients for certificates and verifies them. docs/mutual-tls.md says what an application gets to know.
   * @defaultValue off
   */
  readonly clientAuth?: ClientAuthOptions | false;
  /**
   * Names with rules of their own, exact or like `*.example.com` (one level; exact goes first). Each policy has TLS
   * servers, ticket keys and a session id context of its own behind the same port. A request whose Host or `:authority`
   * belongs to another policy than the server name of its connection is answered 421 (RFC 9110 §15.5.20) before the
   * application sees it. Connections without a server name have the default rules, those of this object.
   */
  readonly policies?: Readonly<Record<string, PolicyOptions>>;
  /**
   * The public origin, when ports are mapped, or when no TLS listener of ours is open (`tlsOptions`):
   * `https://example.com:8443`. It stands first in `urls`. A redirect takes its port from here and keeps the host that
   * was asked for, which is one of the names that clients use; only a request without a host is sent to this one.
   * @defaultValue the port of the first TLS listener
   */
  readonly publicUrl?: string | URL;
  /**
   * Strict-Transport-Security on every answer over TLS, unless the application sets the header itself. Never for IP
   * addresses, nor with self-signed or staging certificates.
   * @defaultValue off
   */
  readonly hsts?: HstsOptions;
  /**
   * The proxies in front, in CIDR notation, whose `X-Forwarded-Proto` and `X-Forwarded-Host` the companion listener and
   * `requestListener` believe: what came to them over HTTPS is not redirected again but given to the application.
   * @defaultValue none
   */
  readonly trustProxy?: readonly string[];
  /**
   * Who may connect to the TLS port, in CIDR notation: `['172.16.0.0/24', 'fd00::/8', '192.0.2.1']`. Others are dropped
   * before their first byte is read. With `proxyProtocol` it is the client's address that counts, as the header tells it.
   * Unix sockets are decided on by their file mode. On the companion listener others get ACME answers only.
   * @defaultValue everybody
   */
  readonly allowPeers?: readonly string[];
  /**
   * The proxies in front that send a PROXY header (version 1 or 2), in CIDR notation. From them it is required, from all
   * others refused; the client it tells of is the `remoteAddress` and `remotePort` of the TLS socket.
   * @defaultValue none
   */
  readonly proxyProtocol?: { readonly from: readonly string[] };
  /** The shared default of all managed sources; made by `fileStorage()` when one needs it. */
  readonly storage?: Storage;
  /**
   * Makes `start()` reject for findings that would only be warned about.
   * @defaultValue false
   */
  readonly strict?: boolean;
  /**
   * Session tickets, whose keys rotate with one period of overlap; `false` turns resumption off.
   * @defaultValue `{ rotateEveryMs: 43_200_000 }` (12 hours)
   */
  readonly sessionTickets?: false | { readonly rotateEveryMs?: number };
  /**
   * How long a handshake may take from hand-off to secure, in milliseconds; the socket is destroyed then.
   * @defaultValue 10 000
   */
  readonly handshakeTimeoutMs?: number;
  /**
   * Where to log; `false` = nowhere. pino fits as it is.
   * @defaultValue warnings and errors to stderr
   */
  readonly logger?: Logger | false;
  /**
   * Time and timers; for tests.
   * @defaultValue the system's
   */
  readonly clock?: Clock;
}

/** The companion listener, parsed. */
export interface HttpListenerSettings {
  readonly port: number;
  readonly host: string | undefined;
  readonly redirect: RedirectStatus | false;
  readonly handler: ((request: IncomingMessage, response: ServerResponse) => unknown) | undefined;
}

/** What holds for a name, parsed. */
export interface PolicyRules {
  readonly tls: TlsSettings;
  readonly clientAuth: ClientAuthSettings | undefined;
}

/** Options with every default filled in; `sources` are still as given. */
export interface ServerSettings {
  readonly http: HttpListenerSettings | undefined;
  readonly isHttp2: boolean;
  readonly plainHttp: 'redirect' | 'explain' | 'close';
  readonly refusesUnknownNames: boolean;
  readonly defaultName: string | undefined;
  readonly tls: TlsSettings;
  readonly clientAuth: ClientAuthSettings | undefined;
  /** By normalised name. */
  readonly policies: ReadonlyMap<string, PolicyRules>;
  readonly publicUrl: URL | undefined;
  /** The value of Strict-Transport-Security. */
  readonly hsts: string | undefined;
  /** The peers whose `X-Forwarded-*` is believed. */
  readonly trustedProxies: AddressList | undefined;
  readonly allowedPeers: AddressList | undefined;
  /** The peers that must send a PROXY header. */
  readonly proxies: AddressList | undefined;
  readonly sharedStorage: Storage | undefined;
  readonly isStrict: boolean;
  readonly rotateTicketKeysEveryMs: number;
  readonly logger: Logger;
  /** Whether facts about every handshake are worth computing. */
  readonly logsHandshakes: boolean;
  readonly clock: Clock;
}
