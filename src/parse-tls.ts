/** The options about versions, ciphers and groups, of the server and of each policy, as complete settings. */
import { messageOf } from './errors.js';
import { baselineSettings, refusalOf, type TlsBaseline, type TlsSettings } from './handshake/tls-settings.js';
import { invalid, isText, oneOf } from './option-values.js';
import type { PolicyOptions } from './options.js';

/** The options that server and policies share. */
type TlsOptions = Omit<PolicyOptions, 'sessionTickets'>;

const HANDSHAKE_TIMEOUT_MS = 10_000;
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

/** What is left out is taken from `inherited`; `prefix` stands before the names of options in messages. */
export interface TlsParsing {
  readonly inherited: TlsSettings;
  readonly prefix?: string;
}

/** What a server has without options. */
export function defaultTls(hasSessionTickets: boolean): TlsSettings {
  return {
    ...baselineSettings('intermediate'),
    groups: undefined,
    handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
    hasSessionTickets,
  };
}

/** @throws `TypeError` naming the option that is misused */
export function parseTls(options: TlsOptions, { inherited, prefix = '' }: TlsParsing): TlsSettings {
  const baseline = oneOf<TlsBaseline>(
    options.tlsBaseline,
    ['intermediate', 'modern'],
    `${prefix}tlsBaseline`,
  );
  const base = baseline === undefined ? inherited : { ...inherited, ...baselineSettings(baseline) };
  const settings: TlsSettings = {
    minVersion: oneOf(options.minVersion, VERSIONS, `${prefix}minVersion`) ?? base.minVersion,
    maxVersion: oneOf(options.maxVersion, VERSIONS, `${prefix}maxVersion`) ?? base.maxVersion,
    ciphers: parseCiphers(options.ciphers, prefix) ?? base.ciphers,
    groups: parseGroups(options.groups, prefix) ?? base.groups,
    handshakeTimeoutMs: parseHandshakeTimeout(options.handshakeTimeoutMs, prefix) ?? base.handshakeTimeoutMs,
    hasSessionTickets: base.hasSessionTickets,
  };
  assertVersionsMeet(settings, options, prefix);
  if (options.ciphers !== undefined || options.groups !== undefined) assertAccepted(settings, prefix);
  return settings;
}

function assertAccepted(settings: TlsSettings, prefix: string): void {
  const refusal = refusalOf(settings);
  if (refusal !== undefined) {
    throw new TypeError(
      `createSecureServer: OpenSSL refuses \`${prefix}ciphers\` or \`${prefix}groups\`: ${messageOf(refusal)}.`,
    );
  }
}

function assertVersionsMeet(
  { minVersion, maxVersion }: TlsSettings,
  options: TlsOptions,
  prefix: string,
): void {
  if (minVersion <= maxVersion) return;
  if (options.minVersion !== undefined)
    throw invalid(`${prefix}minVersion`, `no higher than \`maxVersion\`, which is ${maxVersion}`);
  const { tlsBaseline } = options;
  const whose =
    tlsBaseline === undefined
      ? 'lowest version of the server'
      : `lowest version of \`tlsBaseline\` '${tlsBaseline}'`;
  throw invalid(`${prefix}maxVersion`, `at least ${minVersion}, the ${whose}`);
}

function parseCiphers(ciphers: string | undefined, prefix: string): string | undefined {
  if (ciphers === undefined || isText(ciphers)) return ciphers;
  throw invalid(`${prefix}ciphers`, 'an OpenSSL cipher list, and not empty');
}

function parseGroups(groups: readonly string[] | undefined, prefix: string): string | undefined {
  if (groups === undefined) return undefined;
  if (!Array.isArray(groups) || groups.length === 0 || !groups.every(isText))
    throw invalid(`${prefix}groups`, 'an array of group names');
  return groups.join(':');
}

function parseHandshakeTimeout(value: number | undefined, prefix: string): number | undefined {
  if (value === undefined) return undefined;
  if (Number.isInteger(value) && value > 0 && value <= LONGEST_TIMEOUT_MS) return value;
  throw invalid(
    `${prefix}handshakeTimeoutMs`,
    `a whole number of milliseconds from 1 to ${LONGEST_TIMEOUT_MS}`,
  );
}
