/** Options parsed at the door into a complete object. Misuse is a TypeError that names the option. */
import { AddressList, isNetwork } from './address-list.js';
import { type Clock, systemClock } from './clock.js';
import { normalizeConfiguredName } from './credential/server-name.js';
import { messageOf } from './errors.js';
import { type HstsOptions, hstsValueOf } from './http/hsts.js';
import type { RedirectStatus } from './http/redirect.js';
import { assertKnownOptions } from './known-options.js';
import { assertPort } from './listening/listen-target.js';
import { guardedLogger, type Logger, silentLogger, stderrLogger } from './logger.js';
import type {
  HttpListenerOptions,
  HttpListenerSettings,
  PolicyRules,
  SecureServerOptions,
  ServerSettings,
} from './options.js';
import { invalid, isRecord, oneOf, parseBoolean } from './option-values.js';
import { parseClientAuth } from './parse-client-auth.js';
import { parsePolicies } from './parse-policies.js';
import { defaultTls, parseTls } from './parse-tls.js';
import type { Storage } from './storage/storage.js';

const CALLER = 'createSecureServer';
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
  'clientAuth',
  'policies',
  'publicUrl',
  'hsts',
  'trustProxy',
  'allowPeers',
  'proxyProtocol',
  'storage',
  'strict',
  'sessionTickets',
  'handshakeTimeoutMs',
  'logger',
  'clock',
];
const KNOWN_HTTP_OPTIONS: readonly (keyof HttpListenerOptions)[] = ['port', 'host', 'redirect', 'handler'];
const KNOWN_HSTS_OPTIONS: readonly (keyof HstsOptions)[] = ['maxAge', 'includeSubDomains', 'preload'];
const YEAR_SECONDS = 31_536_000;
const KNOWN_PROXY_OPTIONS = ['from'];
const KNOWN_TICKET_OPTIONS = ['rotateEveryMs'];

const TWELVE_HOURS_MS = 43_200_000;
const HTTP_PORT = 80;

/** @throws `TypeError` naming the option that is misused */
export function parseOptions(options: SecureServerOptions): ServerSettings {
  if (!isRecord(options)) {
    throw new TypeError(
      'createSecureServer: options must be an object, and the application is the second argument.',
    );
  }
  assertKnownOptions(CALLER, options, { known: KNOWN_OPTIONS });
  const tickets = parseSessionTickets(options.sessionTickets);
  const tls = parseTls(options, { inherited: defaultTls(tickets.isOn) });
  const clientAuth =
    options.clientAuth === undefined || options.clientAuth === false
      ? undefined
      : parseClientAuth(options.clientAuth, 'clientAuth');
  const policies = parsePolicies(options.policies, { tls, clientAuth });
  const http = parseHttp(options.http);
  assertNoWayAround(http, [{ clientAuth }, ...policies.values()]);
  return {
    http,
    isHttp2: parseBoolean(options.http2, 'http2'),
    plainHttp: oneOf(options.plainHttp, ['redirect', 'explain', 'close'], 'plainHttp') ?? 'explain',
    refusesUnknownNames: oneOf(options.unknownName, ['default', 'reject'], 'unknownName') === 'reject',
    defaultName: parseDefaultName(options.defaultName),
    tls,
    clientAuth,
    policies,
    publicUrl: parsePublicUrl(options.publicUrl),
    hsts: parseHsts(options.hsts),
    trustedProxies: parseNetworks(options.trustProxy, 'trustProxy'),
    allowedPeers: parseNetworks(options.allowPeers, 'allowPeers'),
    proxies: parseProxyProtocol(options.proxyProtocol),
    sharedStorage: parseStorage(options.storage),
    isStrict: parseBoolean(options.strict, 'strict'),
    rotateTicketKeysEveryMs: tickets.rotateEveryMs,
    ...parseLogger(options.logger),
    clock: parseClock(options.clock),
  };
}

function parseHttp(http: SecureServerOptions['http']): HttpListenerSettings | undefined {
  if (http === undefined || http === false) return undefined;
  if (http === true) return parseHttp({});
  if (typeof http === 'number') return parseHttp({ port: http });
  if (!isRecord(http)) throw invalid('http', 'true, false, a port or an object');
  assertKnownOptions(CALLER, http, { known: KNOWN_HTTP_OPTIONS, prefix: 'http.' });
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

/** Plain HTTP has neither certificates nor policies: the application behind it would be open to everybody. */
function assertNoWayAround(
  http: HttpListenerSettings | undefined,
  rules: readonly Pick<PolicyRules, 'clientAuth'>[],
): void {
  if (http?.redirect !== false || http.handler !== undefined) return;
  if (rules.every(({ clientAuth }) => clientAuth === undefined)) return;
  throw invalid(
    'http.redirect',
    'left on with `clientAuth`, or `http.handler` given: without either the application would be served to clients without certificates',
  );
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

function parseHsts(hsts: HstsOptions | undefined): string | undefined {
  if (hsts === undefined) return undefined;
  if (!isRecord(hsts)) throw invalid('hsts', 'an object such as { maxAge: 86400 }');
  assertKnownOptions(CALLER, hsts, { known: KNOWN_HSTS_OPTIONS, prefix: 'hsts.' });
  const { maxAge = 0 } = hsts;
  if (!Number.isSafeInteger(maxAge) || maxAge < 0) throw invalid('hsts.maxAge', 'a whole number of seconds');
  const includesSubDomains = parseBoolean(hsts.includeSubDomains, 'hsts.includeSubDomains');
  if (parseBoolean(hsts.preload, 'hsts.preload') && !(includesSubDomains && maxAge >= YEAR_SECONDS))
    throw invalid(
      'hsts.preload',
      `left out without includeSubDomains and a maxAge of ${YEAR_SECONDS} (a year)`,
    );
  return hstsValueOf(hsts);
}

function parseProxyProtocol(proxyProtocol: SecureServerOptions['proxyProtocol']): AddressList | undefined {
  if (proxyProtocol === undefined) return undefined;
  if (!isRecord(proxyProtocol)) throw invalid('proxyProtocol', "an object such as { from: ['10.0.0.5'] }");
  assertKnownOptions(CALLER, proxyProtocol, { known: KNOWN_PROXY_OPTIONS, prefix: 'proxyProtocol.' });
  const from = Reflect.get(proxyProtocol, 'from') as readonly string[] | undefined;
  if (from === undefined) throw invalid('proxyProtocol.from', 'given: the addresses of the proxies in front');
  return parseNetworks(from, 'proxyProtocol.from');
}

function parseNetworks(networks: readonly string[] | undefined, option: string): AddressList | undefined {
  if (networks === undefined) return undefined;
  if (!Array.isArray(networks) || networks.length === 0)
    throw invalid(option, "an array of addresses in CIDR notation, and not empty, such as ['10.0.0.0/8']");
  for (const [index, network] of (networks as unknown[]).entries()) {
    if (typeof network !== 'string' || !isNetwork(network))
      throw invalid(`${option}[${index}]`, 'an IP address or a network in CIDR notation');
  }
  return new AddressList(networks);
}

function parseSessionTickets(tickets: SecureServerOptions['sessionTickets']): {
  isOn: boolean;
  rotateEveryMs: number;
} {
  if (tickets === false) return { isOn: false, rotateEveryMs: TWELVE_HOURS_MS };
  if (tickets === undefined) return { isOn: true, rotateEveryMs: TWELVE_HOURS_MS };
  if (!isRecord(tickets)) throw invalid('sessionTickets', 'false or an object');
  assertKnownOptions(CALLER, tickets, { known: KNOWN_TICKET_OPTIONS, prefix: 'sessionTickets.' });
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
