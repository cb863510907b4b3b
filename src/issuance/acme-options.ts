/** The options of `acme()`, parsed into a complete object. Misuse is a TypeError that names the option. */
import { createPrivateKey } from 'node:crypto';
import type { Agent } from 'node:https';
import { isTestAuthority } from '../acme/test-authority.js';
import { normalizeConfiguredName } from '../credential/server-name.js';
import { assertKnownOptions } from '../known-options.js';
import type { ProfileWish } from '../acme/profile.js';
import type { CertificateSource } from '../sources/certificate-source.js';
import type { Storage } from '../storage/storage.js';
import { type AcmeChallenge, parseChallenges, type ParsedChallenges } from './acme-challenges.js';
import { type AcmeProfile, parseProfile } from './acme-profile.js';
import { type ExportOptions, type ParsedExport, parseExport } from './export-options.js';
import { type OnDemandOptions, type ParsedOnDemand, parseOnDemand } from './on-demand-options.js';

const KEY_TYPES: readonly AcmeKeyType[] = ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'rsa-4096'];
const DIRECTORIES: Readonly<Record<AcmeDirectory, string>> = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
  zerossl: 'https://acme.zerossl.com/v2/DV90',
  google: 'https://dv.acme-v02.api.pki.goog/directory',
};
const DEFAULT_WAIT_MS = 30_000;
const SHORTEST_LIFETIME_MS = 60_000;
const EMAIL = /^[^@\s,;?]+@[^@\s,;?]+$/;
const BASE64URL = /^[A-Za-z0-9_-]+=*$/;

/** The kinds of key that ACME certificates can have. */
export type AcmeKeyType = 'ecdsa-p256' | 'ecdsa-p384' | 'rsa-2048' | 'rsa-4096';
/** Certificate authorities that need no URL. */
export type AcmeDirectory = 'letsencrypt' | 'letsencrypt-staging' | 'zerossl' | 'google';

/** One name is one certificate, a list in the list is one certificate for all of them. */
export type AcmeDomains = string | readonly (string | readonly string[])[];

/** Options of {@link acme}. */
export interface AcmeOptions {
  /**
   * DNS names and IP addresses: a name or a comma-separated list, with a certificate for each;
   * `[['a.test', 'b.test'], 'c.test']` is one certificate for two names, and one for the third. Case, trailing dots,
   * international names and duplicates are taken care of. `[]` where they all come by `manage()`; may be left out with
   * `onDemand`.
   */
  readonly domains?: AcmeDomains;
  /** Certificates for further names, ordered at their first handshake. */
  readonly onDemand?: OnDemandOptions;
  /** Says that you agree to the terms of service of the certificate authority. */
  readonly termsOfServiceAgreed: true;
  /** Where the authority can reach you; sent when the account is made. */
  readonly email?: string;
  /**
   * The certificate authority: a name, or the URL of its ACME directory.
   * @defaultValue `'letsencrypt'`
   */
  readonly directoryUrl?: AcmeDirectory | (string & {}) | URL;
  /**
   * The types of challenge that may be used, the best first. Those that a listener is open for come first; the next one
   * is tried when one fails. Wildcards take `dns01(solver)`.
   * @defaultValue `['tls-alpn-01', 'http-01']`, as far as listeners are open for them
   */
  readonly challenges?: readonly AcmeChallenge[];
  /**
   * A new key of this kind is made for every certificate; a change takes effect with the next one.
   * @defaultValue `'ecdsa-p256'`
   */
  readonly keyType?: AcmeKeyType;
  /** For authorities that want to know who one is already: key identifier and MAC key as they show them (HS256). */
  readonly externalAccountBinding?: { readonly kid: string; readonly hmacKey: string };
  /** The common name of an issuer: the chain with it is used, where the authority offers several. */
  readonly preferredChain?: string;
  /**
   * The account's private key as PEM (RSA, or EC on P-256, P-384 or P-521).
   * @defaultValue one is made and stored
   */
  readonly accountKey?: string;
  /**
   * Asked for as `notAfter` in each order, in milliseconds from now, 60 000 at least; for authorities that take it.
   * Let's Encrypt refuses it.
   */
  readonly lifetimeMs?: number;
  /**
   * The kind of certificate, by the name that the authority gives it: `'shortlived'`, `{ prefer }` or `{ require }`.
   * @defaultValue the authority's own; `'shortlived'` for addresses, where that is offered
   */
  readonly profile?: AcmeProfile;
  /**
   * How long a handshake waits for a certificate that is missing, in milliseconds; issuing goes on behind it.
   * @defaultValue 30 000
   */
  readonly waitMs?: number;
  /** A PEM file with the roots to trust when talking to this authority, in place of Node's. Read at start. */
  readonly serverCaFile?: string;
  /** For talking to this authority only, such as an agent for a proxy; its trust is its own. */
  readonly agent?: Agent;
  /**
   * Where account, orders and certificates are kept.
   * @defaultValue the server's storage
   */
  readonly storage?: Storage;
  /**
   * Another `acme({...})` source, whose authority is asked when this one keeps failing: at the third failure in a row, and at
   * once when this one sets a long wait, or refuses for good. Each renewal begins with this one again. Its `domains` do
   * not matter (`[]`), and it is not to be among `sources`.
   */
  readonly fallback?: CertificateSource;
  /** Files that are written whenever a certificate changes, for other programs, and a hook that is called then. */
  readonly exportTo?: ExportOptions;
  /** When to renew. */
  readonly renewal?: {
    /**
     * Renew when this share of the lifetime is left, above 0 and below 1.
     * @defaultValue 1/3, or 1/2 for certificates that live less than 10 days
     */
    readonly fractionLeft?: number;
  };
}

/** The same, complete. */
export interface ParsedAcmeOptions extends ParsedChallenges {
  readonly domains: readonly (readonly string[])[];
  readonly onDemand: ParsedOnDemand | undefined;
  readonly email: string | undefined;
  readonly directoryUrl: string;
  readonly isStaging: boolean;
  readonly profile: ProfileWish | undefined;
  readonly keyType: AcmeKeyType;
  readonly externalAccountBinding: { readonly kid: string; readonly hmacKey: string } | undefined;
  readonly preferredChain: string | undefined;
  readonly accountKey: string | undefined;
  readonly lifetimeMs: number | undefined;
  readonly waitMs: number;
  readonly serverCaFile: string | undefined;
  readonly agent: Agent | undefined;
  readonly storage: Storage | undefined;
  readonly fractionLeft: number | undefined;
  readonly exportTo: ParsedExport | undefined;
  /** The options of the source that is given as `fallback`. */
  readonly fallback?: ParsedAcmeOptions | undefined;
}

const OPTIONS: readonly (keyof AcmeOptions)[] = [
  ...(['domains', 'termsOfServiceAgreed', 'email', 'directoryUrl', 'challenges', 'keyType'] as const),
  ...(['externalAccountBinding', 'preferredChain', 'accountKey', 'lifetimeMs', 'profile', 'waitMs'] as const),
  ...(['serverCaFile', 'agent', 'storage', 'renewal', 'onDemand', 'fallback', 'exportTo'] as const),
];

/** @throws TypeError that names the option */
export function parseAcmeOptions(options: AcmeOptions): ParsedAcmeOptions {
  if (!isRecord(options))
    throw new TypeError('acme: give an object with `domains` and `termsOfServiceAgreed`.');
  assertKnownOptions('acme', options, { known: OPTIONS });
  if ((options.termsOfServiceAgreed as unknown) !== true) {
    throw invalid(
      'termsOfServiceAgreed',
      'true: certificate authorities ask for it. Read their terms of service',
    );
  }
  const directoryUrl = parseDirectoryUrl(options.directoryUrl);
  const challenges = parseChallenges(options.challenges);
  const domains = parseDomains(options.domains ?? noDomains(options), challenges);
  const onDemand = parseOnDemand(options.onDemand);
  return {
    ...{ ...challenges, domains, onDemand },
    exportTo: parseExport(options.exportTo, { mayBeMany: domains.length !== 1 || onDemand !== undefined }),
    profile: parseProfile(options.profile),
    email: parseEmail(options.email),
    directoryUrl,
    isStaging: isTestAuthority(new URL(directoryUrl).hostname),
    keyType: parseKeyType(options.keyType),
    externalAccountBinding: parseBinding(options.externalAccountBinding),
    preferredChain: parseText(options.preferredChain, 'preferredChain', 'the common name of an issuer'),
    accountKey: parseAccountKey(options.accountKey),
    lifetimeMs: parseLifetime(options.lifetimeMs),
    waitMs: parseWait(options.waitMs),
    serverCaFile: parseText(options.serverCaFile, 'serverCaFile', 'the path of a PEM file'),
    agent: parseAgent(options.agent),
    storage: parseStorage(options.storage),
    fractionLeft: parseRenewal(options.renewal),
  };
}

/**
 * Lists of names, one for each certificate.
 * @throws TypeError that names what is no name, or a wildcard that no challenge can validate
 */
export function parseDomains(
  domains: AcmeDomains,
  challenges: ParsedChallenges,
  option = 'domains',
): readonly (readonly string[])[] {
  const list: unknown =
    typeof domains === 'string' ? domains.split(',').filter((part) => part.trim() !== '') : domains;
  if (!Array.isArray(list) || (typeof domains === 'string' && list.length === 0))
    throw invalid(option, 'a name, a comma-separated list of names, or an array of names and lists of names');
  return list.map((entry: unknown) => {
    const names: unknown[] = Array.isArray(entry) ? entry : [entry];
    if (names.length === 0) throw invalid(option, 'without an empty list: a certificate needs a name');
    return [...new Set(names.map((name) => parseName(name, challenges, option)))];
  });
}

/** Left out, there must be another way to come by names. */
function noDomains({ onDemand }: AcmeOptions): AcmeDomains {
  if (onDemand !== undefined) return [];
  throw invalid('domains', 'a name, a comma-separated list or an array of names, unless there is `onDemand`');
}

function parseName(name: unknown, { dnsSolver }: ParsedChallenges, option: string): string {
  const parsed = typeof name === 'string' ? normalizeConfiguredName(name) : undefined;
  if (parsed === undefined)
    throw new TypeError(
      `acme: \`${option}\`: ${JSON.stringify(name)} is neither a DNS name nor an IP address.`,
    );
  if (parsed.startsWith('*.') && dnsSolver === undefined) {
    throw new TypeError(
      `acme: \`${option}\`: ${parsed} is a wildcard, which takes challenges: [dns01(solver)]; or name the hosts one by one.`,
    );
  }
  return parsed;
}

function parseDirectoryUrl(given: AcmeOptions['directoryUrl'] = 'letsencrypt'): string {
  const text = String(given);
  if (Object.hasOwn(DIRECTORIES, text)) return DIRECTORIES[text as AcmeDirectory];
  if (URL.canParse(text) && new URL(text).protocol === 'https:') return new URL(text).href;
  throw invalid('directoryUrl', `an https: URL, or one of ${Object.keys(DIRECTORIES).join(', ')}`);
}

function parseKeyType(keyType: AcmeKeyType = 'ecdsa-p256'): AcmeKeyType {
  if (KEY_TYPES.includes(keyType)) return keyType;
  throw invalid('keyType', `one of ${KEY_TYPES.join(', ')}`);
}

function parseEmail(email: string | undefined): string | undefined {
  if (email === undefined || (typeof email === 'string' && EMAIL.test(email) && !email.startsWith('mailto:')))
    return email;
  throw invalid('email', 'one address, such as ops@example.com');
}

function parseBinding(
  binding: AcmeOptions['externalAccountBinding'],
): ParsedAcmeOptions['externalAccountBinding'] {
  if (binding === undefined) return undefined;
  const { kid, hmacKey } = isRecord(binding) ? binding : { kid: '', hmacKey: '' };
  if (typeof kid === 'string' && kid !== '' && typeof hmacKey === 'string' && BASE64URL.test(hmacKey))
    return { kid, hmacKey };
  throw invalid('externalAccountBinding', '{ kid, hmacKey }, with the MAC key as base64url');
}

function parseAccountKey(accountKey: string | undefined): string | undefined {
  if (accountKey === undefined) return undefined;
  const expected = 'an RSA or EC private key as PEM, not encrypted';
  try {
    const key = createPrivateKey(accountKey);
    const curve = key.asymmetricKeyDetails?.namedCurve ?? '';
    const isEc = key.asymmetricKeyType === 'ec' && ['prime256v1', 'secp384r1', 'secp521r1'].includes(curve);
    if (isEc || key.asymmetricKeyType === 'rsa')
      return key.export({ type: 'pkcs8', format: 'pem' }).toString();
  } catch {
    // What OpenSSL says of it might quote it.
  }
  throw invalid('accountKey', expected);
}

function parseLifetime(lifetimeMs: number | undefined): number | undefined {
  if (lifetimeMs === undefined) return undefined;
  if (Number.isFinite(lifetimeMs) && lifetimeMs >= SHORTEST_LIFETIME_MS) return lifetimeMs;
  throw invalid('lifetimeMs', `a number of milliseconds from ${SHORTEST_LIFETIME_MS}`);
}

function parseWait(waitMs = DEFAULT_WAIT_MS): number {
  if (Number.isFinite(waitMs) && waitMs >= 0) return waitMs;
  throw invalid('waitMs', 'a number of milliseconds from 0');
}

function parseAgent(agent: Agent | undefined): Agent | undefined {
  if (agent === undefined || typeof (agent as { addRequest?: unknown } | null)?.addRequest === 'function')
    return agent;
  throw invalid('agent', 'an https.Agent');
}

function parseStorage(storage: Storage | undefined): Storage | undefined {
  if (storage === undefined || typeof (storage as Partial<Storage> | null)?.lock === 'function')
    return storage;
  throw invalid('storage', 'a storage such as fileStorage()');
}

function parseRenewal(renewal: AcmeOptions['renewal']): number | undefined {
  if (renewal === undefined) return undefined;
  if (!isRecord(renewal)) throw invalid('renewal', 'an object');
  assertKnownOptions('acme', renewal, { known: ['fractionLeft'], prefix: 'renewal.' });
  const { fractionLeft } = renewal;
  if (fractionLeft === undefined || (fractionLeft > 0 && fractionLeft < 1)) return fractionLeft;
  throw invalid('renewal.fractionLeft', 'above 0 and below 1');
}

function parseText(text: string | undefined, option: string, expected: string): string | undefined {
  if (text === undefined || (typeof text === 'string' && text !== '')) return text;
  throw invalid(option, expected);
}

function invalid(option: string, expected: string): TypeError {
  return new TypeError(`acme: \`${option}\` must be ${expected}.`);
}

/** For what is typed as an object and may come from JavaScript as anything. */
function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
