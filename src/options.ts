/** The options of `createSecureServer`, parsed at the door into a complete object. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, systemClock } from './clock.js';
import { normalizeConfiguredName } from './credential/server-name.js';
import { baselineSettings, refusalOf, type TlsBaseline, type TlsSettings } from './handshake/tls-settings.js';
import type { RedirectStatus } from './http/redirect.js';
import { assertPort } from './listening/listen-target.js';
import { guardedLogger, type Logger, silentLogger, stderrLogger } from './logger.js';
import { messageOf } from './errors.js';
import { nearestName } from './nearest-name.js';
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
  /**
   * The public origin, when ports are mapped, or when no TLS listener of ours is open (`tlsOptions`):
   * `https://example.com:8443`. It stands first in `urls`. A redirect takes its port from here and keeps the host that
   * was asked for, which is one of the names that clients use; only a request without a host is sent to this one.
   * @defaultValue the port of the first TLS listener
   */
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

const KNOWN_OPTIONS: readonly (keyof SecureServerOptions)[] = [
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
];
const KNOWN_HTTP_OPTIONS: readonly (keyof HttpListenerOptions)[] = ['port', 'host', 'redirect', 'handler'];
const KNOWN_TICKET_OPTIONS = ['rotateEveryMs'];

const TWELVE_HOURS_MS = 43_200_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;
const HTTP_PORT = 80;
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

/** @throws `TypeError` naming the option that is misused */
export function parseOptions(options: SecureServerOptions): ServerSettings {
  if (!isRecord(options)) {
    throw new TypeError(
      'createSecureServer: options must be an object, and the application is the second argument.',
    );
  }
  assertKnown(options, KNOWN_OPTIONS);
  const tickets = parseSessionTickets(options.sessionTickets);
  return {
    http: parseHttp(options.http),
    isHttp2: parseBoolean(options.http2, 'http2'),
    plainHttp: oneOf(options.plainHttp, ['redirect', 'explain', 'close'], 'plainHttp') ?? 'explain',
    refusesUnknownNames: oneOf(options.unknownName, ['default', 'reject'], 'unknownName') === 'reject',
    defaultName: parseDefaultName(options.defaultName),
    tls: parseTls(options, tickets.isOn),
    publicUrl: parsePublicUrl(options.publicUrl),
    sharedStorage: parseStorage(options.storage),
    isStrict: parseBoolean(options.strict, 'strict'),
    rotateTicketKeysEveryMs: tickets.rotateEveryMs,
    ...parseLogger(options.logger),
    clock: parseClock(options.clock),
  };
}

/** @throws `TypeError` for a name that is not known, with the one that was probably meant */
function assertKnown(given: object, known: readonly string[], prefix = ''): void {
  const stranger = Object.keys(given).find((name) => !known.includes(name));
  if (stranger === undefined) return;
  const nearest = nearestName(stranger, known);
  const suggestion = nearest === undefined ? '' : ` Did you mean \`${prefix}${nearest}\`?`;
  throw new TypeError(`createSecureServer: there is no option \`${prefix}${stranger}\`.${suggestion}`);
}

function parseHttp(http: SecureServerOptions['http']): HttpListenerSettings | undefined {
  if (http === undefined || http === false) return undefined;
  if (http === true) return parseHttp({});
  if (typeof http === 'number') return parseHttp({ port: http });
  if (!isRecord(http)) throw invalid('http', 'true, false, a port or an object');
  assertKnown(http, KNOWN_HTTP_OPTIONS, 'http.');
  const { port = HTTP_PORT, host, handler } = http;
  const redirect =
    oneOf<RedirectStatus | false>(http.redirect, [301, 302, 308, false], 'http.redirect') ?? 308;
  if (port === -1) return undefined;
  assertPort(port, 'createSecureServer: `http.port`');
  if (host !== undefined && typeof host !== 'string') throw invalid('http.host', 'a string');
  if (handler !== undefined && typeof handler !== 'function') throw invalid('http.handler', 'a function');
  if (handler !== undefined && redirect !== false)
    throw invalid('http.handler', 'left out unless `http.redirect` is false');
  return { port, host, redirect, handler };
}

function parseTls(options: SecureServerOptions, hasSessionTickets: boolean): TlsSettings {
  const baseline = baselineSettings(
    oneOf(options.tlsBaseline, ['intermediate', 'modern'], 'tlsBaseline') ?? 'intermediate',
  );
  const settings: TlsSettings = {
    minVersion: oneOf(options.minVersion, VERSIONS, 'minVersion') ?? baseline.minVersion,
    maxVersion: oneOf(options.maxVersion, VERSIONS, 'maxVersion') ?? baseline.maxVersion,
    ciphers: parseCiphers(options.ciphers) ?? baseline.ciphers,
    groups: parseGroups(options.groups),
    handshakeTimeoutMs: parseHandshakeTimeout(options.handshakeTimeoutMs),
    hasSessionTickets,
  };
  assertVersionsMeet(settings, options);
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

function assertVersionsMeet({ minVersion, maxVersion }: TlsSettings, options: SecureServerOptions): void {
  if (minVersion <= maxVersion) return;
  if (options.minVersion !== undefined) throw invalid('minVersion', 'no higher than `maxVersion`');
  throw invalid(
    'maxVersion',
    `at least ${minVersion}, the lowest version of \`tlsBaseline\` '${String(options.tlsBaseline)}'`,
  );
}

function parseCiphers(ciphers: string | undefined): string | undefined {
  if (ciphers === undefined || isText(ciphers)) return ciphers;
  throw invalid('ciphers', 'an OpenSSL cipher list, and not empty');
}

function parseGroups(groups: readonly string[] | undefined): string | undefined {
  if (groups === undefined) return undefined;
  if (!Array.isArray(groups) || groups.length === 0 || !groups.every(isText))
    throw invalid('groups', 'an array of group names');
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
  if (tickets === undefined) return { isOn: true, rotateEveryMs: TWELVE_HOURS_MS };
  if (!isRecord(tickets)) throw invalid('sessionTickets', 'false or an object');
  assertKnown(tickets, KNOWN_TICKET_OPTIONS, 'sessionTickets.');
  const { rotateEveryMs = TWELVE_HOURS_MS } = tickets;
  if (!Number.isFinite(rotateEveryMs) || rotateEveryMs < 1_000)
    throw invalid('sessionTickets.rotateEveryMs', 'at least 1000 milliseconds');
  return { isOn: true, rotateEveryMs };
}

function parseStorage(storage: Storage | undefined): Storage | undefined {
  if (storage === undefined) return undefined;
  assertMethods(storage, ['get', 'put', 'delete', 'list', 'lock'], {
    option: 'storage',
    expected: 'a Storage, such as fileStorage(folder)',
  });
  return storage;
}

function parseLogger(logger: Logger | false | undefined): Pick<ServerSettings, 'logger' | 'logsHandshakes'> {
  if (logger === false) return { logger: silentLogger, logsHandshakes: false };
  if (logger === undefined) return { logger: stderrLogger, logsHandshakes: false };
  assertMethods(logger, ['debug', 'info', 'warn', 'error'], {
    option: 'logger',
    expected: 'false or an object',
  });
  return { logger: guardedLogger(logger), logsHandshakes: isDebugging(logger) };
}

/** pino says whether debug is on; another logger of the user's is taken to want it. */
function isDebugging(logger: Logger): boolean {
  const isLevelEnabled = read(logger, 'isLevelEnabled', 'logger');
  if (typeof isLevelEnabled !== 'function') return true;
  try {
    return Reflect.apply(isLevelEnabled, logger, ['debug']) === true;
  } catch {
    return true;
  }
}

function parseClock(clock: Clock | undefined): Clock {
  if (clock === undefined) return systemClock;
  assertMethods(clock, ['now', 'setTimeout', 'clearTimeout'], { option: 'clock', expected: 'an object' });
  return clock;
}

interface Expectation {
  readonly option: string;
  readonly expected: string;
}

function assertMethods(value: unknown, methods: readonly string[], { option, expected }: Expectation): void {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  for (const method of methods) {
    if (!isObject || typeof read(value, method, option) !== 'function')
      throw invalid(option, `${expected} with the method \`${method}\``);
  }
}

/** A property of what the user gave; also a getter that throws is his misuse of the option. */
function read(value: object, property: string, option: string): unknown {
  try {
    return Reflect.get(value, property);
  } catch (error) {
    throw new TypeError(
      `createSecureServer: \`${option}\` threw when \`${property}\` was read: ${messageOf(error)}.`,
      { cause: error },
    );
  }
}

function parseHandshakeTimeout(value = HANDSHAKE_TIMEOUT_MS): number {
  if (Number.isInteger(value) && value > 0 && value <= LONGEST_TIMEOUT_MS) return value;
  throw invalid('handshakeTimeoutMs', `a whole number of milliseconds from 1 to ${LONGEST_TIMEOUT_MS}`);
}

function parseBoolean(value: boolean | undefined, option: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw invalid(option, 'true or false');
}

/** `undefined` is an option left out; `null` is none of the allowed values. */
function oneOf<Value>(
  value: Value | undefined,
  allowed: readonly Value[],
  option: string,
): Value | undefined {
  if (value === undefined || allowed.includes(value)) return value;
  throw invalid(option, `one of ${allowed.map(String).join(', ')}, not ${String(value)}`);
}

function invalid(option: string, expected: string): TypeError {
  return new TypeError(`createSecureServer: \`${option}\` must be ${expected}.`);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** For what is typed as an object and may come from JavaScript as anything. */
function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
