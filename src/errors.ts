/**
 * The one error class of tlsmith and the list of its codes. `code` is the contract, the message is for a
 * person: what was attempted, on what, and what to check. Key material never appears in a message or a fact.
 */

/** Every code a {@link TlsmithError} can carry; each is explained in docs/errors.md. */
export type TlsmithErrorCode = (typeof ERROR_CODES)[number];

/** All error codes, in the order of docs/errors.md. */
export const ERROR_CODES = [
  'ACME_ACCOUNT_MISSING',
  'ACME_ACCOUNT_REFUSED',
  'ACME_ALPN_INTERCEPTED',
  'ACME_CAA',
  'ACME_CHALLENGE_FAILED',
  'ACME_CHALLENGE_UNAVAILABLE',
  'ACME_CONNECTION',
  'ACME_DNS',
  'ACME_IDENTIFIER_REJECTED',
  'ACME_NAME_DOUBTFUL',
  'ACME_PAUSED',
  'ACME_PORT_DOUBTFUL',
  'ACME_PROFILE_UNAVAILABLE',
  'ACME_RATE_LIMITED',
  'ACME_REFUSED',
  'ACME_RESPONSE_INVALID',
  'ACME_SERVER_ERROR',
  'ACME_SOLVER_FAILED',
  'ACME_STAGING_ACTIVE',
  'ACME_UNREACHABLE',
  'ADDRESS_NOT_LOCAL',
  'CLIENT_CA_EXPIRED',
  'CLIENT_CA_EXPIRING',
  'CLIENT_CA_SYSTEM_UNAVAILABLE',
  'CLIENT_CERT_EXPIRED',
  'CLIENT_CERT_KEY_UNSUPPORTED',
  'CLIENT_CERT_MISSING',
  'CLIENT_CERT_NAME_NOT_ALLOWED',
  'CLIENT_CERT_REVOKED',
  'CLIENT_CERT_UNTRUSTED',
  'CLIENT_CERT_WRONG_USAGE',
  'CLIENT_CRL_EXPIRING',
  'CLIENT_CRL_UNUSABLE',
  'CLIENT_HELLO_INVALID',
  'CLIENT_HELLO_TIMEOUT',
  'CLIENT_HELLO_TOO_LARGE',
  'CLOSED',
  'DEFAULT_NAME_NOT_COVERED',
  'DIRECTORY_EMPTY',
  'DIRECTORY_FINDINGS_OMITTED',
  'DIRECTORY_IS_FILE',
  'DIRECTORY_NOT_WRITABLE',
  'DIRECTORY_UNLISTED',
  'EXPORT_FAILED',
  'EXPORT_HOOK_FAILED',
  'HANDSHAKE_FAILED',
  'HANDSHAKE_TIMEOUT',
  'ISSUANCE_FAILED',
  'ISSUED_CREDENTIAL_INVALID',
  'LISTEN_FAILED',
  'NAME_NOT_ALLOWED',
  'NAME_NOT_MANAGED',
  'NOT_STARTED',
  'ON_DEMAND_BUDGET_SPENT',
  'PEER_NOT_ALLOWED',
  'PORT_IN_USE',
  'PORT_PRIVILEGED',
  'PROXY_HEADER_INVALID',
  'PROXY_HEADER_MISSING',
  'PROXY_HEADER_TIMEOUT',
  'PROXY_HEADER_UNEXPECTED',
  'RELOAD_REJECTED',
  'REQUEST_MISDIRECTED',
  'SERVED_CERTIFICATE_DIFFERS',
  'SERVER_NAME_CHANGED',
  'SERVER_NAME_INVALID',
  'SERVER_NAME_UNKNOWN',
  'SOCKET_PATH_IN_USE',
  'SOCKET_PATH_TOO_LONG',
  'SOURCE_ANSWER_INVALID',
  'SOURCE_FAILED',
  'SOURCE_TIMEOUT',
  'STORAGE_CORRUPT',
  'STORAGE_KEY_INVALID',
  'STORAGE_LEASE_LOST',
  'STORAGE_NOT_PERSISTENT',
  'STORAGE_NOT_WRITABLE',
  'STORAGE_UNREADABLE',
  'STORAGE_VERSION_CONFLICT',
  'TLS_CERT_EXPIRED',
  'TLS_CERT_EXPIRING',
  'TLS_CERT_IS_CA',
  'TLS_CERT_LONG_LIVED',
  'TLS_CERT_NOT_YET_VALID',
  'TLS_CERT_NO_NAMES',
  'TLS_CERT_NO_SAN',
  'TLS_CERT_SHORT',
  'TLS_CERT_STALE_COPY',
  'TLS_CERT_V1',
  'TLS_CHAIN_EXPIRING',
  'TLS_CHAIN_EXTRA_ROOT',
  'TLS_CHAIN_INCOMPLETE',
  'TLS_CHAIN_OUT_OF_DATE',
  'TLS_CHAIN_OUT_OF_ORDER',
  'TLS_CHAIN_UNRELATED',
  'TLS_CLIENT_REJECTED_CA',
  'TLS_EXTENDED_KEY_USAGE',
  'TLS_FILE_EMPTY',
  'TLS_FILE_IS_DIRECTORY',
  'TLS_FILE_NOT_FOUND',
  'TLS_FILE_UNREADABLE',
  'TLS_FILE_WRITABLE_BY_OTHERS',
  'TLS_IP_AS_DNS_NAME',
  'TLS_IP_ONLY_IN_CN',
  'TLS_KEY_MISMATCH',
  'TLS_KEY_PASSPHRASE_REQUIRED',
  'TLS_KEY_PASSPHRASE_WRONG',
  'TLS_KEY_UNSUPPORTED',
  'TLS_KEY_USAGE',
  'TLS_KEY_WEAK',
  'TLS_KEY_WORLD_READABLE',
  'TLS_NAME_MISMATCH',
  'TLS_NAME_ONLY_IN_CN',
  'TLS_PEM_INVALID',
  'TLS_PEM_WRONG_KIND',
  'TLS_PKCS12_INVALID',
  'TLS_PLAIN_HTTP_ON_TLS_PORT',
  'TLS_SIGNATURE_WEAK',
  'TOO_MANY_HANDSHAKES',
  'WATCH_UNSUPPORTED',
] as const;

/** What a {@link TlsmithError} is made of besides code and message. */
export interface TlsmithErrorDetails {
  /** What to do about it, in one or two sentences. */
  readonly hint?: string;
  /** The error this one was made from. */
  readonly cause?: unknown;
  /** Further facts, which become fields of the error: `path`, `port`, `serverName`, … Never a secret. */
  readonly [fact: string]: unknown;
}

const BRAND = Symbol.for('tlsmith.error');

/**
 * A fault of the world (a file, a peer, a certificate authority, a port), with a stable `code`.
 * Misuse of the API throws a `TypeError` instead.
 */
export class TlsmithError extends Error {
  /** The stable code; see docs/errors.md. */
  readonly code: TlsmithErrorCode;
  /** What to do about it. */
  declare readonly hint?: string;
  /** Facts such as `path`, `port` or `serverName`. */
  readonly [fact: string]: unknown;

  /**
   * @param code - the stable code
   * @param message - what was attempted, on what, and why it failed
   * @param details - hint, cause and further facts
   */
  constructor(code: TlsmithErrorCode, message: string, details: TlsmithErrorDetails = {}) {
    const { cause, ...facts } = details;
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'TlsmithError';
    this.code = code;
    Object.assign(this, facts);
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/**
 * Whether `error` is a {@link TlsmithError}, also one from another copy of the package (ESM beside CJS).
 *
 * @example
 * ```ts
 * try { await secure.listen(443); } catch (error) {
 *   if (isTlsmithError(error) && error.code === 'PORT_IN_USE') console.error(error.hint);
 * }
 * ```
 */
export function isTlsmithError(error: unknown): error is TlsmithError {
  try {
    return typeof error === 'object' && error !== null && BRAND in error;
  } catch {
    return false; // A proxy that objects.
  }
}

/** The `code` of anything thrown (`ENOENT`, `ERR_TLS_…`, a tlsmith code), or undefined; never throws itself. */
export function codeOf(error: unknown): string | undefined {
  try {
    if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
    const { code } = error; // Read once: a getter may change its mind.
    return typeof code === 'string' ? code : undefined;
  } catch {
    return undefined;
  }
}

/** The message of anything thrown; never throws itself. */
export function messageOf(error: unknown): string {
  try {
    if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message);
    return String(error);
  } catch {
    // An object without prototype, a getter or a toString that throws.
    return 'an error that cannot be printed';
  }
}
