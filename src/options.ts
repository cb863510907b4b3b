/** The options of `createSecureServer`, parsed at the door into a complete object. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SecureVersion } from 'node:tls';
import { type Clock, systemClock } from './clock.js';
import { normalizeConfiguredName } from './credential/server-name.js';
import { baselineSettings, refusalOf, type TlsBaseline, type TlsSettings } from './handshake/tls-settings.js';
import type { RedirectStatus } from './http/redirect.js';
import { assertPort } from './listening/listen-target.js';
import { guardedLogger, type Logger, silentLogger, stderrLogger } from './logger.js';
import { messageOf } from './errors.js';
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
  /** The public origin, for redirects and printed URLs, when ports are mapped: `https://example.com:8443`. */
  readonly publicUrl?: string | URL;
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

/** Options with every default filled in; `sources` are still as given. */
export interface ServerSettings {
  readonly http: HttpListenerSettings | undefined;
  readonly isHttp2: boolean;
  readonly plainHttp: 'redirect' | 'explain' | 'close';
  readonly refusesUnknownNames: boolean;
  readonly defaultName: string | undefined;
  readonly tls: TlsSettings;
  readonly publicUrl: URL | undefined;
  readonly sharedStorage: Storage | undefined;
  readonly isStrict: boolean;
  readonly rotateTicketKeysEveryMs: number;
  readonly logger: Logger;
  /** Whether facts about every handshake are worth computing. */
  readonly logsHandshakes: boolean;
  readonly clock: Clock;
}

const KNOWN_OPTIONS: ReadonlySet<string> = new Set<keyof SecureServerOptions>([
  'sources',
  'http',
  'http2',
  'plainHttp',
  'unknownName',
  'defaultName',
  'tlsBaseline',
  'minVersion',
  'maxVersion',
  'ciphers',
  'groups',
  'publicUrl',
  'storage',
  'strict',
  'sessionTickets',
  'handshakeTimeoutMs',
  'logger',
  'clock',
]);

const TWELVE_HOURS_MS = 43_200_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;
const HTTP_PORT = 80;

/** @throws `TypeError` naming the option that is misused */
export function parseOptions(options: SecureServerOptions): ServerSettings {
  if (typeof options !== 'object') throw new TypeError('createSecureServer: options must be an object.');
  for (const name of Object.keys(options)) {
    if (!KNOWN_OPTIONS.has(name)) throw new TypeError(`createSecureServer: there is no option \`${name}\`.`);
  }
  const tickets = parseSessionTickets(options.sessionTickets);
  return {
    http: parseHttp(options.http ?? false),
    isHttp2: parseBoolean(options.http2, 'http2'),
    plainHttp: oneOf(options.plainHttp ?? 'explain', ['redirect', 'explain', 'close'], 'plainHttp'),
    refusesUnknownNames:
      oneOf(options.unknownName ?? 'default', ['default', 'reject'], 'unknownName') === 'reject',
    defaultName: parseDefaultName(options.defaultName),
    tls: parseTls(options, tickets.isOn),
    publicUrl: parsePublicUrl(options.publicUrl),
    sharedStorage: parseStorage(options.storage),
    isStrict: parseBoolean(options.strict, 'strict'),
    rotateTicketKeysEveryMs: tickets.rotateEveryMs,
    logger: parseLogger(options.logger),
    logsHandshakes: isDebugging(options.logger),
    clock: parseClock(options.clock),
  };
}

function parseHttp(http: boolean | number | HttpListenerOptions): HttpListenerSettings | undefined {
  if (http === false) return undefined;
  if (http === true) return parseHttp({});
  if (typeof http === 'number') return parseHttp({ port: http });
  if (typeof http !== 'object') throw invalid('http', 'true, false, a port or an object');
  const { port = HTTP_PORT, host, redirect = 308, handler } = http;
  if (port === -1) return undefined;
  assertPort(port, 'createSecureServer: `http.port`');
  if (host !== undefined && typeof host !== 'string') throw invalid('http.host', 'a string');
  if (handler !== undefined && typeof handler !== 'function') throw invalid('http.handler', 'a function');
  if (handler !== undefined && redirect !== false)
    throw invalid('http.handler', 'left out unless `http.redirect` is false');
  return { port, host, redirect: oneOf(redirect, [301, 302, 308, false], 'http.redirect'), handler };
}

function parseTls(options: SecureServerOptions, hasSessionTickets: boolean): TlsSettings {
  const baseline = baselineSettings(
    oneOf(options.tlsBaseline ?? 'intermediate', ['intermediate', 'modern'], 'tlsBaseline'),
  );
  const settings: TlsSettings = {
    minVersion: parseVersion(options.minVersion, 'minVersion') ?? baseline.minVersion,
    maxVersion: parseVersion(options.maxVersion, 'maxVersion') ?? baseline.maxVersion,
    ciphers: options.ciphers ?? baseline.ciphers,
    groups: parseGroups(options.groups),
    handshakeTimeoutMs: parseMs(options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS, 'handshakeTimeoutMs'),
    hasSessionTickets,
  };
  if (settings.minVersion > settings.maxVersion) throw invalid('minVersion', 'no higher than `maxVersion`');
  if (options.ciphers !== undefined || options.groups !== undefined) assertAccepted(settings);
  return settings;
}

function assertAccepted(settings: TlsSettings): void {
  const refusal = refusalOf(settings);
  if (refusal !== undefined) {
    throw new TypeError(
      `createSecureServer: OpenSSL refuses \`ciphers\` or \`groups\`: ${messageOf(refusal)}.`,
    );
  }
}

function parseVersion(version: SecureVersion | undefined, option: string): SecureVersion | undefined {
  return version === undefined ? undefined : oneOf(version, ['TLSv1.2', 'TLSv1.3'], option);
}

function parseGroups(groups: readonly string[] | undefined): string | undefined {
  if (groups === undefined) return undefined;
  if (!Array.isArray(groups) || groups.length === 0) throw invalid('groups', 'an array of group names');
  return groups.join(':');
}

function parseDefaultName(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const normalized = typeof name === 'string' ? normalizeConfiguredName(name) : undefined;
  if (normalized === undefined || normalized.startsWith('*'))
    throw invalid('defaultName', `a DNS name or an IP address, not ${name}`);
  return normalized;
}

function parsePublicUrl(url: string | URL | undefined): URL | undefined {
  if (url === undefined) return undefined;
  if (!URL.canParse(String(url)) || new URL(String(url)).protocol !== 'https:')
    throw invalid('publicUrl', 'an https: URL');
  return new URL(String(url));
}

function parseSessionTickets(tickets: SecureServerOptions['sessionTickets']): {
  isOn: boolean;
  rotateEveryMs: number;
} {
  if (tickets === false) return { isOn: false, rotateEveryMs: TWELVE_HOURS_MS };
  if (tickets !== undefined && typeof tickets !== 'object')
    throw invalid('sessionTickets', 'false or an object');
  const rotateEveryMs = tickets?.rotateEveryMs ?? TWELVE_HOURS_MS;
  if (!Number.isFinite(rotateEveryMs) || rotateEveryMs < 1_000)
    throw invalid('sessionTickets.rotateEveryMs', 'at least 1000 milliseconds');
  return { isOn: true, rotateEveryMs };
}

function parseStorage(storage: Storage | undefined): Storage | undefined {
  if (storage === undefined || (typeof storage === 'object' && 'lock' in storage && 'put' in storage))
    return storage;
  throw invalid('storage', 'a Storage, such as fileStorage(folder)');
}

function parseLogger(logger: Logger | false | undefined): Logger {
  if (logger === false) return silentLogger;
  if (logger === undefined) return stderrLogger;
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    if (typeof logger[level] !== 'function')
      throw invalid('logger', `false or an object with the method \`${level}\``);
  }
  return guardedLogger(logger);
}

/** pino says whether debug is on; another logger of the user's is taken to want it. */
function isDebugging(logger: Logger | false | undefined): boolean {
  if (logger === undefined || logger === false) return false;
  const isLevelEnabled: unknown = Reflect.get(logger, 'isLevelEnabled');
  return typeof isLevelEnabled !== 'function' || Reflect.apply(isLevelEnabled, logger, ['debug']) === true;
}

function parseClock(clock: Clock | undefined): Clock {
  if (clock === undefined) return systemClock;
  if (
    typeof clock.now === 'function' &&
    typeof clock.setTimeout === 'function' &&
    typeof clock.clearTimeout === 'function'
  )
    return clock;
  throw invalid('clock', 'an object with now(), setTimeout() and clearTimeout()');
}

function parseMs(value: number, option: string): number {
  if (Number.isInteger(value) && value > 0 && value <= LONGEST_TIMEOUT_MS) return value;
  throw invalid(option, `a whole number of milliseconds from 1 to ${LONGEST_TIMEOUT_MS}`);
}

function parseBoolean(value: boolean | undefined, option: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw invalid(option, 'true or false');
}

function oneOf<Value>(value: Value, allowed: readonly Value[], option: string): Value {
  if (allowed.includes(value)) return value;
  throw invalid(option, `one of ${allowed.map(String).join(', ')}, not ${String(value)}`);
}

function invalid(option: string, expected: string): TypeError {
  return new TypeError(`createSecureServer: \`${option}\` must be ${expected}.`);
}
