/**
 * What a failed handshake means: the error of node's `tlsClientError` as one of a few stable kinds, with one line in
 * three parts. Alerts are what clients say (RFC 8446 §6.2); other reasons are what OpenSSL found here.
 */
import type { Credential } from '../credential/credential.js';
import { codeOf, type TlsmithErrorCode } from '../errors.js';
import { ALERT_KINDS, EXPLANATIONS, type FailureKind, REASON_KINDS } from './handshake-explanations.js';

/** What is said of a certificate to whose issuer a client objects. */
export type ShownCertificate = Pick<Credential, 'cert' | 'issuer' | 'isSelfSigned'>;

/** A handshake that failed. */
export interface HandshakeFailure {
  /** What node says about it. */
  readonly error: unknown;
  readonly remoteAddress: string | undefined;
  /** What the client asked for, as it was sent; printed only when it is a name by its letters. */
  readonly serverName?: string | undefined;
  /** The certificate that the client was shown. */
  readonly shown?: ShownCertificate | undefined;
  /** `'admitted'`: `clientAuth` only requests certificates, so the client came in as unauthorized. Default: `'failed'`. */
  readonly outcome?: 'failed' | 'admitted';
}

/** What the error of a refused client certificate may say besides, on one line each. */
interface CertificateFacts {
  readonly subject?: string;
  readonly issuer?: string;
  readonly expected?: readonly string[];
}

/** A failed handshake, explained. */
export interface ExplainedFailure {
  readonly code: TlsmithErrorCode;
  /** Stable, and few. */
  readonly kind: FailureKind;
  /** `warn` where clients object to the certificate, which somebody can mend; `info` for the weather. */
  readonly level: 'info' | 'warn';
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
  /** Of the client's certificate, where that is the reason. */
  readonly subject?: string;
  readonly issuer?: string;
}

// OpenSSL 3.0 says SSLV3_ALERT_X where 3.5 says SSL/TLS_ALERT_X; newer alerts are TLSV1_ or TLSV13_, without ALERT_ at times.
const REASON = /^ERR_SSL_((?:SSLV3|TLSV1|TLSV13|SSL\/TLS)_(?:ALERT_)?)?(.+)$/;
/** Where it is the issuer that a client minds, or may be. */
const DISTRUST: readonly FailureKind[] = ['unknown_ca', 'certificate_unknown'];
const NAME = /^[\w.-]{1,80}$/;

/** The kind of a failure. */
export function kindOf(error: unknown): FailureKind {
  const code = codeOf(error) ?? '';
  const [, alert, reason = code] = REASON.exec(code) ?? [];
  const kinds = alert === undefined ? REASON_KINDS : ALERT_KINDS;
  return kinds.get(reason) ?? (alert === undefined ? 'other' : 'other_alert');
}

/** One line for a person about a failure. */
export function explain(failure: HandshakeFailure): ExplainedFailure {
  const { error, remoteAddress, serverName, outcome } = failure;
  const kind = kindOf(error);
  const { code = 'HANDSHAKE_FAILED', level = 'info', what, hint } = EXPLANATIONS[kind];
  const asked = serverName !== undefined && NAME.test(serverName) ? ` (it asked for ${serverName})` : '';
  const reason = kind.startsWith('other') ? ` The reason is ${reasonOf(error)}.` : '';
  const { subject, issuer, expected = [] } = error instanceof Error ? (error as CertificateFacts) : {};
  const whose = subject === undefined ? '' : ` It is of ${subject}, issued by ${issuer ?? ''}.`;
  const trusted =
    kind === 'client_certificate_refused' && expected.length > 0
      ? ` Trusted is what is issued by: ${expected.join('; ')}.`
      : '';
  const happened = outcome === 'admitted' ? 'A client came in unauthorized' : 'A TLS handshake failed';
  return {
    code,
    kind,
    level,
    message: `${happened}: client ${remoteAddress ?? 'of an unknown address'}${asked} ${what}.${shownTo(kind, failure)}${whose}${trusted}${reason}`,
    hint,
    ...(subject === undefined || issuer === undefined ? {} : { subject, issuer }),
  };
}

/** Where a client objects to the issuer: whom it would have to know, and whether an intermediate came along. */
function shownTo(kind: FailureKind, { shown }: HandshakeFailure): string {
  if (shown === undefined || !DISTRUST.includes(kind)) return '';
  if (shown.isSelfSigned) return ' It was shown a self-signed certificate.';
  const intermediates = shown.cert.split('-----BEGIN CERTIFICATE-----').length - 2;
  const chain =
    intermediates > 0
      ? `and ${intermediates} intermediate(s)`
      : 'and no intermediate: unless that is a root, the chain is incomplete (TLS_CHAIN_INCOMPLETE)';
  return ` It was shown a certificate issued by ${shown.issuer} ${chain}.`;
}

function reasonOf(error: unknown): string {
  return codeOf(error) ?? 'unknown';
}
