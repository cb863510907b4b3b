/** Problem documents (RFC 8555 §6.7, RFC 7807) as coded errors: the authority's own words, whole, and when to ask again. */
import { TlsmithError, type TlsmithErrorCode } from '../errors.js';
import { retryInstant } from './retry-after.js';
import type { WireResponse } from './transport.js';

const NAMESPACE = 'urn:ietf:params:acme:error:';
const LONGEST_DETAIL = 1_500;
const MOST_SUBPROBLEMS = 20;
const UNPAUSE = /https:\/\/\S*unpause\S*/i;
/** Limits on single names, in Let's Encrypt's words; those on an account or an address leave the names out. */
const OF_NAMES = /identifier|already issued|authorizations|domain|hostname/i;
/** `token.thumbprint`, as some authorities quote it. */
const KEY_AUTHORIZATION = /[\w-]{20,}\.[\w-]{43}/g;

/** A problem as the certificate authority told it. */
export interface Problem {
  /** The part after `urn:ietf:params:acme:error:`, such as `rateLimited`; else the whole type. */
  readonly type: string;
  /** For people. */
  readonly detail: string;
  /** What it says of single identifiers. */
  readonly subproblems: readonly {
    readonly identifier: string;
    readonly type: string;
    readonly detail: string;
  }[];
}

/** What is told besides the problem. */
export interface ProblemContext {
  /** What was attempted, such as `ordering a certificate for a.test`. */
  readonly doing: string;
  /** The code for what has no better one; `ACME_REFUSED` if omitted. */
  readonly otherwise?: TlsmithErrorCode;
  /** The names it was about. */
  readonly names?: readonly string[];
}

interface Kind {
  readonly code: TlsmithErrorCode;
  readonly hint: string;
  /** No retry can mend it. */
  readonly isPermanent?: boolean;
}

const REFUSED_NAME: Kind = {
  code: 'ACME_IDENTIFIER_REJECTED',
  hint: 'Public authorities issue for names and addresses of the public internet only, and not for all of them. Take the name out of `domains`, or get its certificate elsewhere.',
  isPermanent: true,
};
const REFUSED_ACCOUNT: Kind = {
  code: 'ACME_ACCOUNT_REFUSED',
  hint: 'The message has the authority’s reason. Check `email`, `externalAccountBinding` and the terms of service.',
  isPermanent: true,
};
const RATE_LIMITED: Kind = {
  code: 'ACME_RATE_LIMITED',
  hint: "No certificate for these names is asked for before that. Use directoryUrl: 'letsencrypt-staging' while trying things out, and keep the storage folder across restarts.",
};
const SERVER_ERROR: Kind = {
  code: 'ACME_SERVER_ERROR',
  hint: 'The fault is on the side of the certificate authority. It is tried again by itself.',
};
const OTHER: Kind = { code: 'ACME_REFUSED', hint: 'The message has the authority’s reason.' };

const KINDS: Readonly<Record<string, Kind>> = {
  accountDoesNotExist: {
    code: 'ACME_ACCOUNT_MISSING',
    hint: 'A stored account is never replaced by itself, because CAA records may name it. docs/acme.md says how to begin a new one.',
  },
  badCSR: { code: 'ACME_REFUSED', hint: 'Another `keyType` may be accepted.', isPermanent: true },
  caa: {
    code: 'ACME_CAA',
    hint: 'A CAA record of the domain, or of one above it, allows other authorities only, or its name servers do not answer. Add this authority to it.',
  },
  connection: {
    code: 'ACME_CONNECTION',
    hint: 'Open or forward the port in firewall and router, for IPv4 and IPv6: authorities prefer an AAAA record where there is one.',
  },
  dns: {
    code: 'ACME_DNS',
    hint: 'The name must resolve to this machine on the public internet, also by AAAA where there is one. New records take a while to be seen.',
  },
  externalAccountRequired: {
    ...REFUSED_ACCOUNT,
    hint: 'This authority wants `externalAccountBinding: { kid, hmacKey }`; get both from your account there.',
  },
  invalidContact: REFUSED_ACCOUNT,
  invalidProfile: {
    code: 'ACME_PROFILE_UNAVAILABLE',
    hint: 'Take a profile that the authority offers for these names, or write `profile: { prefer }` to do without where it is missing.',
    isPermanent: true,
  },
  unsupportedContact: REFUSED_ACCOUNT,
  userActionRequired: REFUSED_ACCOUNT,
  rateLimited: RATE_LIMITED,
  rejectedIdentifier: REFUSED_NAME,
  unsupportedIdentifier: REFUSED_NAME,
  serverInternal: SERVER_ERROR,
};

/** The problem in a response body or an `error` field; undefined when it is none. */
export function parseProblem(value: unknown): Problem | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, detail, subproblems } = value as Record<string, unknown>;
  if (typeof type !== 'string') return undefined;
  const list: unknown[] = Array.isArray(subproblems) ? subproblems.slice(0, MOST_SUBPROBLEMS) : [];
  return {
    type: shortType(type),
    detail: printable(detail),
    subproblems: list.map((each) => {
      const facts = (typeof each === 'object' && each !== null ? each : {}) as Record<string, unknown>;
      const identifier = facts['identifier'] as { value?: unknown } | null | undefined;
      return {
        identifier: printable(identifier?.value),
        type: shortType(printable(facts['type'])),
        detail: printable(facts['detail']),
      };
    }),
  };
}

/**
 * The error for a response that is not what was asked for.
 * @param context - with the time, in milliseconds since the epoch
 */
export function responseError(
  response: WireResponse,
  context: ProblemContext & { readonly now: number },
): TlsmithError {
  const { status, headers, data } = response;
  const problem = parseProblem(data) ?? unexplained(status);
  const retryAfter = retryInstant(headers['retry-after'], problem.detail, context.now);
  return problemError(problem, { ...context, status, ...(retryAfter === undefined ? {} : { retryAfter }) });
}

/** The error for a problem, wherever it was told. */
export function problemError(
  problem: Problem,
  context: ProblemContext & { readonly status?: number; readonly retryAfter?: number },
): TlsmithError {
  const { doing, names, status = 0, retryAfter } = context;
  const found = kindOf(problem, status);
  const kind = found === OTHER ? { ...OTHER, code: context.otherwise ?? OTHER.code } : found;
  const until =
    retryAfter === undefined ? '' : ` It allows the next try at ${new Date(retryAfter).toISOString()}.`;
  return new TlsmithError(kind.code, `${sentence(doing, problem)}${until}`, {
    hint: kind.hint,
    problemType: problem.type,
    ...(problem.subproblems.length === 0 ? {} : { subproblems: problem.subproblems }),
    ...(names === undefined ? {} : { names }),
    ...(status === 0 ? {} : { status }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(kind.isPermanent === true ? { isPermanent: true } : {}),
    ...(kind.code === 'ACME_PAUSED' ? { isHeld: true } : {}),
    ...(isOfAccount(kind, problem, names) ? { concernsAccount: true } : {}),
  });
}

/** Whether all orders are refused with this for a while: a limit that is not on names, or an overload. */
function isOfAccount(
  { code }: Kind,
  { detail, subproblems }: Problem,
  names: readonly string[] = [],
): boolean {
  if (code === 'ACME_SERVER_ERROR') return true;
  if (code !== 'ACME_RATE_LIMITED' || subproblems.length > 0) return false;
  return !OF_NAMES.test(detail) && !names.some((name) => detail.includes(name));
}

/** What to do about a code that problems are told with. */
export function problemHint(code: TlsmithErrorCode): string | undefined {
  return Object.values(KINDS).find((kind) => kind.code === code)?.hint;
}

function kindOf({ type, detail }: Problem, status: number): Kind {
  if (type === 'rateLimited' && UNPAUSE.test(detail)) {
    return {
      code: 'ACME_PAUSED',
      hint: 'Mend what made earlier attempts fail, open the link in the message, and then call renew(name) or restart: it is not tried again by itself.',
    };
  }
  const known = Object.hasOwn(KINDS, type) ? KINDS[type] : undefined;
  if (known !== undefined) return known;
  if (status === 429) return RATE_LIMITED;
  return status >= 500 ? SERVER_ERROR : OTHER;
}

function sentence(doing: string, { type, detail, subproblems }: Problem): string {
  const parts = subproblems.map((each) => `${each.identifier}: ${each.detail}`);
  const words = [detail, ...parts].filter((part) => part !== '').join(' — ');
  const reason = words === '' ? type : `${words.replace(/\.$/, '')} (${type})`;
  return `The certificate authority refused ${doing}: ${reason}.`;
}

function unexplained(status: number): Problem {
  return {
    type: 'unexplained',
    detail: `it answered with HTTP status ${status} and no reason`,
    subproblems: [],
  };
}

function shortType(type: string): string {
  return type.startsWith(NAMESPACE) ? type.slice(NAMESPACE.length) : type;
}

/** A stranger's words, made safe for a log line. */
export function printable(value: unknown): string {
  if (typeof value !== 'string') return '';
  const clean = value.replace(/[^\x20-\x7e\u00a0-\uffff]+/g, ' ').replace(KEY_AUTHORIZATION, '…');
  return clean.length > LONGEST_DETAIL ? `${clean.slice(0, LONGEST_DETAIL)}…` : clean;
}
