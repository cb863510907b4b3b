/** The objects of RFC 8555 §7.1 as far as they are used here, read from answers that may hold anything. */
import { TlsmithError } from '../errors.js';
import { parseProblem, type Problem } from './problem.js';

/** What a certificate authority offers (§7.1.1). */
export interface Directory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  readonly revokeCert: string | undefined;
  readonly keyChange: string | undefined;
  /** RFC 9773 §4.1; undefined where there is none. */
  readonly renewalInfo: string | undefined;
  /** Names of the profiles on offer; empty where there are none. */
  readonly profiles: readonly string[];
  /** The domain by which CAA records name it (§9.7.6); undefined where it does not say. */
  readonly caaIdentity: string | undefined;
}

/** What a certificate is ordered for (§9.7.7, RFC 8738). */
export interface Identifier {
  readonly type: 'dns' | 'ip';
  readonly value: string;
}

/** An order (§7.1.3). */
export interface Order {
  readonly status: 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';
  readonly authorizations: readonly string[];
  readonly finalize: string;
  readonly certificate: string | undefined;
  readonly error: Problem | undefined;
}

/** An authorization (§7.1.4). */
export interface Authorization {
  readonly identifier: Identifier;
  readonly isWildcard: boolean;
  /** `pending`, `valid`, or one of the words for an end without success. */
  readonly status: string;
  readonly challenges: readonly Challenge[];
}

/** A challenge (§8). */
export interface Challenge {
  readonly type: string;
  readonly url: string;
  readonly token: string;
  readonly status: string;
  readonly error: Problem | undefined;
}

const ORDER_STATES = ['pending', 'ready', 'processing', 'valid', 'invalid'] as const;
const DOMAIN = /^[a-z0-9.-]{1,253}$/i;
/** §8.3: base64url, at least 128 bits. It becomes part of a path and of DNS records. */
const TOKEN = /^[A-Za-z0-9_-]{1,512}$/;

/** @throws {@link TlsmithError} `ACME_RESPONSE_INVALID` */
export function parseDirectory(value: unknown, url: string): Directory {
  const facts = recordOf(value);
  const meta = recordOf(facts?.['meta']) ?? {};
  const newNonce = httpsUrl(facts?.['newNonce']);
  const newAccount = httpsUrl(facts?.['newAccount']);
  const newOrder = httpsUrl(facts?.['newOrder']);
  if (newNonce === undefined || newAccount === undefined || newOrder === undefined) {
    throw new TlsmithError('ACME_RESPONSE_INVALID', `What ${url} answers is no ACME directory.`, {
      url,
      hint: 'Check `directoryUrl`: the documentation of the authority has it, often with /directory at its end.',
    });
  }
  return {
    newNonce,
    newAccount,
    newOrder,
    revokeCert: httpsUrl(facts?.['revokeCert']),
    keyChange: httpsUrl(facts?.['keyChange']),
    renewalInfo: httpsUrl(facts?.['renewalInfo']),
    profiles: Object.keys(recordOf(meta['profiles']) ?? {}),
    caaIdentity: domainIn(meta['caaIdentities']),
  };
}

/** It is printed for people to copy: nothing but a domain will do. */
function domainIn(identities: unknown): string | undefined {
  const first: unknown = Array.isArray(identities) ? identities[0] : undefined;
  return typeof first === 'string' && DOMAIN.test(first) ? first : undefined;
}

/** @throws {@link TlsmithError} `ACME_RESPONSE_INVALID` */
export function parseOrder(value: unknown): Order {
  const facts = recordOf(value) ?? {};
  const status = ORDER_STATES.find((state) => state === facts['status']);
  const finalize = httpsUrl(facts['finalize']);
  const authorizations = urlsIn(facts['authorizations']);
  if (status === undefined || finalize === undefined || authorizations === undefined) throw invalid('order');
  const certificate = httpsUrl(facts['certificate']);
  return { status, finalize, authorizations, certificate, error: parseProblem(facts['error']) };
}

/** @throws {@link TlsmithError} `ACME_RESPONSE_INVALID` */
export function parseAuthorization(value: unknown): Authorization {
  const facts = recordOf(value) ?? {};
  const identifier = recordOf(facts['identifier']) ?? {};
  const { type, value: name } = identifier;
  const { status, challenges } = facts;
  if ((type !== 'dns' && type !== 'ip') || typeof name !== 'string' || typeof status !== 'string')
    throw invalid('authorization');
  if (!Array.isArray(challenges)) throw invalid('authorization');
  return {
    identifier: { type, value: name },
    isWildcard: facts['wildcard'] === true,
    status,
    challenges: challenges.map(parseChallenge).filter((challenge) => challenge !== undefined),
  };
}

/** The URLs of `Link` headers with this relation (RFC 8288), as far as they are https. */
export function linksIn(header: string | undefined, relation: string): readonly string[] {
  const links = (header ?? '').matchAll(/<([^>]*)>\s*;([^<]*)/g);
  return [...links]
    .filter(([, , parameters = '']) => new RegExp(`\\brel="?${relation}"?(?:[;,\\s]|$)`).test(parameters))
    .map(([, url]) => httpsUrl(url))
    .filter((url) => url !== undefined);
}

/** Undefined for types of challenge that look otherwise, which are none of ours. */
function parseChallenge(value: unknown): Challenge | undefined {
  const facts = recordOf(value) ?? {};
  const { type, token, status } = facts;
  const url = httpsUrl(facts['url']);
  if (typeof type !== 'string' || url === undefined || typeof token !== 'string' || !TOKEN.test(token))
    return undefined;
  return {
    type,
    url,
    token,
    status: typeof status === 'string' ? status : 'pending',
    error: parseProblem(facts['error']),
  };
}

function urlsIn(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const urls = value.map(httpsUrl);
  return urls.every((url) => url !== undefined) ? urls : undefined;
}

/** RFC 8555 §6.1: ACME is spoken over HTTPS only. */
function httpsUrl(value: unknown): string | undefined {
  return typeof value === 'string' && URL.canParse(value) && new URL(value).protocol === 'https:'
    ? value
    : undefined;
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return { ...value };
}

function invalid(what: string): TlsmithError {
  return new TlsmithError(
    'ACME_RESPONSE_INVALID',
    `The certificate authority answered with something that is no ${what} (RFC 8555).`,
    {
      hint: 'The fault is on the side of the authority, or of a proxy in between. It is tried again by itself.',
    },
  );
}
