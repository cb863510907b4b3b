/** Every kind of failed handshake and what to say about it: what happened and why, and what to do. */
import type { TlsmithErrorCode } from '../errors.js';

/** Kinds of failed handshakes; stable, in the words of RFC 8446 where it has one. */
export type FailureKind =
  | 'unknown_ca'
  | 'bad_certificate'
  | 'certificate_unknown'
  | 'certificate_expired'
  | 'certificate_revoked'
  | 'unsupported_certificate'
  | 'illegal_parameter'
  | 'client_internal_error'
  | 'handshake_failure'
  | 'protocol_version'
  | 'no_shared_cipher'
  | 'no_signature_algorithm'
  | 'no_application_protocol'
  | 'decrypt_error'
  | 'certificate_required'
  | 'client_certificate_refused'
  | 'client_certificate_expired'
  | 'client_certificate_revoked'
  | 'client_certificate_usage'
  | 'client_key_unsupported'
  | 'client_name_not_allowed'
  | 'client_revocation_unknown'
  | 'server_name_changed'
  | 'plain_http'
  | 'malformed'
  | 'disconnected'
  | 'timeout'
  | 'other_alert'
  | 'other';

/** What to say about a kind. */
export interface Explanation {
  /** Defaults to `HANDSHAKE_FAILED`. */
  readonly code?: TlsmithErrorCode;
  /** Defaults to `info`. */
  readonly level?: 'info' | 'warn';
  /** Continues "client 192.0.2.1 …". */
  readonly what: string;
  readonly hint: string;
}

/** Alerts that clients send, by OpenSSL's name without prefix. */
export const ALERT_KINDS: ReadonlyMap<string, FailureKind> = new Map<string, FailureKind>([
  ['UNKNOWN_CA', 'unknown_ca'],
  ['BAD_CERTIFICATE', 'bad_certificate'],
  ['CERTIFICATE_UNKNOWN', 'certificate_unknown'],
  ['CERTIFICATE_EXPIRED', 'certificate_expired'],
  ['CERTIFICATE_REVOKED', 'certificate_revoked'],
  ['UNSUPPORTED_CERTIFICATE', 'unsupported_certificate'],
  ['ILLEGAL_PARAMETER', 'illegal_parameter'],
  ['INTERNAL_ERROR', 'client_internal_error'],
  ['HANDSHAKE_FAILURE', 'handshake_failure'],
  ['PROTOCOL_VERSION', 'protocol_version'],
  ['INAPPROPRIATE_FALLBACK', 'protocol_version'],
  ['INSUFFICIENT_SECURITY', 'no_shared_cipher'],
  ['NO_APPLICATION_PROTOCOL', 'no_application_protocol'],
  ['DECRYPT_ERROR', 'decrypt_error'],
  ['BAD_RECORD_MAC', 'decrypt_error'],
  ['CERTIFICATE_REQUIRED', 'certificate_required'],
  ['DECODE_ERROR', 'malformed'],
  ['UNEXPECTED_MESSAGE', 'malformed'],
]);

/** Why a client's certificate does not lead to an authority that is trusted, in node's words. */
const UNTRUSTED = [
  ...['UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'CERT_SIGNATURE_FAILURE'],
  ...['CERT_CHAIN_TOO_LONG', 'INVALID_CA', 'PATH_LENGTH_EXCEEDED', 'CERT_UNTRUSTED', 'CERT_REJECTED'],
  ...['UNABLE_TO_DECRYPT_CERT_SIGNATURE', 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY', 'UNSPECIFIED'],
];

/** What OpenSSL and node find on this side. */
export const REASON_KINDS: ReadonlyMap<string, FailureKind> = new Map<string, FailureKind>([
  ['UNSUPPORTED_PROTOCOL', 'protocol_version'],
  ['VERSION_TOO_LOW', 'protocol_version'],
  ['UNKNOWN_PROTOCOL', 'protocol_version'],
  ['INAPPROPRIATE_FALLBACK', 'protocol_version'],
  ['NO_PROTOCOLS_AVAILABLE', 'protocol_version'],
  ['NO_SHARED_CIPHER', 'no_shared_cipher'],
  ['NO_SUITABLE_KEY_SHARE', 'no_shared_cipher'],
  ['NO_SUITABLE_GROUPS', 'no_shared_cipher'],
  ['NO_SHARED_GROUP', 'no_shared_cipher'],
  ['NO_SUITABLE_SIGNATURE_ALGORITHM', 'no_signature_algorithm'],
  ['NO_SHARED_SIGNATURE_ALGORITHMS', 'no_signature_algorithm'],
  ['NO_APPLICATION_PROTOCOL', 'no_application_protocol'],
  ['DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'decrypt_error'],
  ['DIGEST_CHECK_FAILED', 'decrypt_error'],
  ['BAD_SIGNATURE', 'decrypt_error'],
  ['PEER_DID_NOT_RETURN_A_CERTIFICATE', 'certificate_required'],
  ['CERTIFICATE_VERIFY_FAILED', 'client_certificate_refused'],
  // What node says of a client's certificate, and what clientAuth adds.
  ['CLIENT_CERT_MISSING', 'certificate_required'],
  ['CLIENT_CERT_NAME_NOT_ALLOWED', 'client_name_not_allowed'],
  ['CERT_NOT_YET_VALID', 'client_certificate_expired'],
  ['CERT_HAS_EXPIRED', 'client_certificate_expired'],
  ['CERT_REVOKED', 'client_certificate_revoked'],
  ['INVALID_PURPOSE', 'client_certificate_usage'],
  // Over TLS 1.2 OpenSSL holds the curve of a client's key against the groups of the key agreement.
  ['WRONG_CURVE', 'client_key_unsupported'],
  ['WRONG_SIGNATURE_TYPE', 'client_key_unsupported'],
  ['UNABLE_TO_GET_CRL', 'client_revocation_unknown'],
  ['CRL_HAS_EXPIRED', 'client_revocation_unknown'],
  ['CRL_NOT_YET_VALID', 'client_revocation_unknown'],
  ['CRL_SIGNATURE_FAILURE', 'client_revocation_unknown'],
  ...UNTRUSTED.map((reason) => [reason, 'client_certificate_refused'] as const),
  // What node's own callback for names refuses, since the releases of November 2026.
  ['CALLBACK_FAILED', 'server_name_changed'],
  ['HTTP_REQUEST', 'plain_http'],
  ['HTTPS_PROXY_REQUEST', 'plain_http'],
  ['WRONG_VERSION_NUMBER', 'malformed'],
  ['UNEXPECTED_MESSAGE', 'malformed'],
  ['UNEXPECTED_RECORD', 'malformed'],
  ['BAD_RECORD_TYPE', 'malformed'],
  ['PACKET_LENGTH_TOO_LONG', 'malformed'],
  ['EXCESSIVE_MESSAGE_SIZE', 'malformed'],
  ['LENGTH_MISMATCH', 'malformed'],
  ['BAD_EXTENSION', 'malformed'],
  ['BAD_KEY_SHARE', 'malformed'],
  ['BAD_ECPOINT', 'malformed'],
  ['MISSING_SUPPORTED_GROUPS_EXTENSION', 'malformed'],
  ['MISSING_SIGALGS_EXTENSION', 'malformed'],
  ['UNEXPECTED_EOF_WHILE_READING', 'disconnected'],
  ['ECONNRESET', 'disconnected'],
  ['EPIPE', 'disconnected'],
  ['ECONNABORTED', 'disconnected'],
  ['ETIMEDOUT', 'disconnected'],
  ['ERR_STREAM_PREMATURE_CLOSE', 'disconnected'],
  ['ERR_TLS_HANDSHAKE_TIMEOUT', 'timeout'],
]);

const INSPECT = 'Compare with `openssl s_client -connect HOST:PORT -servername NAME </dev/null`.';

/** The explanation of each kind. */
export const EXPLANATIONS: Readonly<Record<FailureKind, Explanation>> = {
  unknown_ca: {
    code: 'TLS_CLIENT_REJECTED_CA',
    level: 'warn',
    what: 'does not trust the authority that issued the certificate (alert unknown_ca): it does not know the root, or the file lacks the intermediate',
    hint: 'Serve the full chain (fullchain.pem, not cert.pem). For a private authority or a self-signed certificate give clients its file: curl --cacert CA.pem; NODE_EXTRA_CA_CERTS=CA.pem; Python REQUESTS_CA_BUNDLE=CA.pem; Java keytool -importcert -file CA.pem. Turning verification off takes the protection away.',
  },
  bad_certificate: {
    level: 'warn',
    what: 'refuses the certificate (alert bad_certificate): mostly the name it asked for is not in the certificate, or the certificate is not yet valid; GnuTLS says so of every fault, an unknown authority included',
    hint: `Look whether the names and dates in status() fit what this client asks for. ${INSPECT}`,
  },
  certificate_unknown: {
    level: 'warn',
    what: 'refuses the certificate (alert certificate_unknown): browsers and Java say so when they do not trust the authority or the name does not match',
    hint: 'Import the authority into the trust store of the client (of the browser, or Java: keytool -importcert -file CA.pem), and check that the name it uses is in the certificate.',
  },
  certificate_expired: {
    level: 'warn',
    what: 'says that the certificate, or one of its chain, has expired or is not yet valid (alert certificate_expired), or its own clock is wrong',
    hint: 'See notAfter in status() and renew what has run out; if nothing has, the clock of the client is wrong.',
  },
  certificate_revoked: {
    level: 'warn',
    what: 'says that the certificate has been revoked (alert certificate_revoked)',
    hint: 'Get a new certificate with a new key; ask the authority why it was revoked.',
  },
  unsupported_certificate: {
    level: 'warn',
    what: 'does not accept this kind of certificate (alert unsupported_certificate): it is not meant for servers, or its key is of a kind that the client lacks',
    hint: 'Use a certificate with the extended key usage serverAuth and an ECDSA P-256 or RSA key.',
  },
  illegal_parameter: {
    level: 'warn',
    what: 'objects to a parameter (alert illegal_parameter): Chromium says so of a certificate whose key usage lacks digitalSignature (ERR_SSL_KEY_USAGE_INCOMPATIBLE)',
    hint: 'See the findings in status() for TLS_KEY_USAGE; re-issue the certificate with keyUsage=digitalSignature.',
  },
  client_internal_error: {
    what: 'gave up with an error of its own (alert internal_error): GnuTLS says so of a certificate whose key usage does not allow signatures, others when they run out of memory',
    hint: 'See the findings in status() for TLS_KEY_USAGE, and the log of the client.',
  },
  handshake_failure: {
    what: 'found no way to agree with what the server chose (alert handshake_failure)',
    hint: `Its log says what it lacks, mostly a cipher or a signature algorithm. ${INSPECT}`,
  },
  protocol_version: {
    what: 'offers no protocol version that is served: it is too old for the baseline, or a scanner that tries old ones',
    hint: "Update the client; it needs TLS 1.2, or TLS 1.3 with tlsBaseline: 'modern'. Lowering minVersion below TLSv1.2 is not safe.",
  },
  no_shared_cipher: {
    what: 'offers no cipher, or no key exchange group, that fits the certificate and the settings: it is old or a scanner, or only speaks RSA to a server whose key is ECDSA',
    hint: 'Update the client, or serve it an RSA certificate, or add what it needs to ciphers or groups, if you must.',
  },
  no_signature_algorithm: {
    what: 'cannot check signatures of the kind of key that the certificate has',
    hint: 'Serve a certificate with an ECDSA P-256 or RSA key, which every client can check.',
  },
  no_application_protocol: {
    what: 'asks for application protocols (ALPN) that this server does not speak',
    hint: 'For HTTP/2 and gRPC give an http2 server or set http2: true; otherwise let the client offer http/1.1.',
  },
  decrypt_error: {
    what: 'and server could not decrypt or verify what the other had sent: something between them changes the data, or the client is broken',
    hint: 'If it is a client of yours, look for a proxy, firewall or virus scanner between that looks into TLS.',
  },
  certificate_required: {
    code: 'CLIENT_CERT_MISSING',
    what: 'was asked for a certificate of its own and sent none',
    hint: 'Give the client its certificate and key (curl --cert CLIENT.pem --key CLIENT-KEY.pem).',
  },
  client_certificate_refused: {
    code: 'CLIENT_CERT_UNTRUSTED',
    what: 'sent a certificate of its own that no authority of clientAuth has issued, or without the intermediates that lead there',
    hint: 'Issue it by one of the authorities in clientAuth.ca or caFile, and let the client send its whole chain.',
  },
  client_certificate_expired: {
    code: 'CLIENT_CERT_EXPIRED',
    what: 'sent a certificate of its own that has expired or is not yet valid, or one of whose authorities has',
    hint: 'Renew it; if it is in date, the clock of this machine is wrong.',
  },
  client_certificate_revoked: {
    code: 'CLIENT_CERT_REVOKED',
    what: 'sent a certificate of its own that has been revoked',
    hint: 'Nothing, unless it was revoked by mistake; then issue a new one.',
  },
  client_certificate_usage: {
    code: 'CLIENT_CERT_WRONG_USAGE',
    what: 'sent a certificate of its own that is not meant for clients',
    hint: 'Issue it with the extended key usage clientAuth. Public authorities stopped doing so in 2026: use an authority of your own.',
  },
  client_key_unsupported: {
    code: 'CLIENT_CERT_KEY_UNSUPPORTED',
    what: 'sent a certificate of its own whose key is of a kind that is not served: over TLS 1.2 one on a curve that is not among the groups, such as P-521 or secp256k1',
    hint: 'Give the client a key on P-256 or P-384, an RSA or an Ed25519 key, or let it speak TLS 1.3; or add its curve to groups.',
  },
  client_name_not_allowed: {
    code: 'CLIENT_CERT_NAME_NOT_ALLOWED',
    what: 'sent a certificate that verifies, and that clientAuth.allow has refused',
    hint: 'If it is to come in, let allow say so; what allow throws counts as a refusal and is logged.',
  },
  client_revocation_unknown: {
    code: 'CLIENT_CRL_UNUSABLE',
    level: 'warn',
    what: 'sent a certificate whose revocation cannot be looked up: a revocation list of its authorities is missing, out of date or not signed by them',
    hint: 'With crl or crlFile every authority of the chain, the root too, needs a list that is in date; see `openssl crl -in FILE -noout -nextupdate`.',
  },
  server_name_changed: {
    code: 'SERVER_NAME_CHANGED',
    level: 'warn',
    what: 'asked for another name in its second hello, after HelloRetryRequest, which RFC 8446 forbids and no real client does',
    hint: 'Nothing; if one address keeps doing it, the firewall is the place to stop it.',
  },
  plain_http: {
    code: 'TLS_PLAIN_HTTP_ON_TLS_PORT',
    level: 'warn',
    what: 'sent plain HTTP to the TLS port',
    hint: 'Use https://; a proxy or health check needs its scheme set to HTTPS.',
  },
  malformed: {
    what: 'sent something that is no proper TLS handshake: a port scan, another protocol, or a broken client',
    hint: 'Nothing, unless it is a client of yours.',
  },
  disconnected: {
    what: 'left in the middle of the handshake: a port scan or health check that only opens the port, a lost network, or a client that does not accept the certificate and leaves without a word, as Node does under TLS 1.3',
    hint: 'Nothing, unless it is a client of yours: its own log says why. Let health checks speak TLS.',
  },
  timeout: {
    code: 'HANDSHAKE_TIMEOUT',
    what: 'did not complete the handshake in time: it has stopped half-way, or this machine is too busy',
    hint: 'Look at the load of the machine if clients of yours see it; handshakeTimeoutMs sets the limit.',
  },
  other_alert: {
    what: 'ended it with an alert',
    hint: `Its log says more. ${INSPECT}`,
  },
  other: {
    what: 'and server did not come to terms',
    hint: INSPECT,
  },
};
