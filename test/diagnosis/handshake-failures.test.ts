import { describe, expect, it } from '@jest/globals';
import { EXPLANATIONS, type FailureKind } from '../../src/diagnosis/handshake-explanations.js';
import { explain, kindOf, type ShownCertificate } from '../../src/diagnosis/handshake-failures.js';
import { ERROR_CODES } from '../../src/errors.js';

/** Codes as node 20 (OpenSSL 3.0) and node 24 (OpenSSL 3.5) were seen to give them, and their kinds. */
const SEEN: readonly (readonly [string, FailureKind])[] = [
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'unknown_ca'],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'certificate_expired'],
  ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED', 'certificate_expired'],
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'bad_certificate'],
  ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'bad_certificate'],
  ['ERR_SSL_SSL/TLS_ALERT_UNSUPPORTED_CERTIFICATE', 'unsupported_certificate'],
  ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN', 'certificate_unknown'],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED', 'certificate_revoked'],
  ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', 'handshake_failure'],
  ['ERR_SSL_SSLV3_ALERT_ILLEGAL_PARAMETER', 'illegal_parameter'],
  ['ERR_SSL_SSL/TLS_ALERT_ILLEGAL_PARAMETER', 'illegal_parameter'],
  ['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'client_internal_error'],
  ['ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR', 'decrypt_error'],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'protocol_version'],
  ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 'no_application_protocol'],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'certificate_required'],
  ['ERR_SSL_TLSV1_UNRECOGNIZED_NAME', 'other_alert'],
  ['ERR_SSL_TLSV1_ALERT_ACCESS_DENIED', 'other_alert'],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'protocol_version'],
  ['ERR_SSL_NO_SHARED_CIPHER', 'no_shared_cipher'],
  ['ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM', 'no_signature_algorithm'],
  ['ERR_SSL_NO_APPLICATION_PROTOCOL', 'no_application_protocol'],
  ['ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'decrypt_error'],
  ['ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE', 'certificate_required'],
  ['ERR_SSL_CERTIFICATE_VERIFY_FAILED', 'client_certificate_refused'],
  ['ERR_SSL_HTTP_REQUEST', 'plain_http'],
  ['ERR_SSL_UNEXPECTED_MESSAGE', 'malformed'],
  ['ECONNRESET', 'disconnected'],
  ['EPIPE', 'disconnected'],
  ['ERR_TLS_HANDSHAKE_TIMEOUT', 'timeout'],
  ['ERR_SSL_SOMETHING_NEW', 'other'],
];

const BLOCK = '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n';

function failure(code: string | undefined): Error {
  return Object.assign(new Error('809CE5F0A97F0000:error:0A000418:SSL routines'), { code });
}

describe('the kind of a failed handshake', () => {
  it.each(SEEN)('with %s is %s', (code, kind) => {
    expect(kindOf(failure(code))).toBe(kind);
  });

  it.each<[string, unknown]>([
    ['no code', failure(undefined)],
    ['nothing', undefined],
    ['text', 'reset'],
  ])('is other where there is %s', (_what, error) => {
    expect(kindOf(error)).toBe('other');
  });
});

describe('the explanation', () => {
  it('of every kind says what, why and what to do, with a code that is documented', () => {
    for (const { code = 'HANDSHAKE_FAILED', what, hint } of Object.values(EXPLANATIONS)) {
      expect(ERROR_CODES).toContain(code);
      expect(what).toMatch(/^[a-z].{15,}[^.]$/);
      expect(hint).toMatch(/^[A-Z].{15,}\.$/);
    }
  });

  it('names the client, and nothing that OpenSSL says about itself', () => {
    const { message, code, level } = explain({
      error: failure('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'),
      remoteAddress: '192.0.2.7',
      serverName: 'a.test',
    });
    expect(message).toMatch(
      /^A TLS handshake failed: client 192\.0\.2\.7 \(it asked for a\.test\) does not trust/,
    );
    expect(message).not.toContain('809CE5F0A97F0000');
    expect({ code, level }).toEqual({ code: 'TLS_CLIENT_REJECTED_CA', level: 'warn' });
  });

  it.each<[string, Partial<ShownCertificate>, string]>([
    ['the whole chain', {}, 'issued by Test Intermediate and 1 intermediate(s).'],
    ['a leaf alone', { cert: BLOCK }, 'and no intermediate: unless that is a root'],
    ['a self-signed one', { cert: BLOCK, isSelfSigned: true }, 'a self-signed certificate.'],
  ])('says what a client was shown that does not know the issuer: %s', (_what, shown, said) => {
    const whole = { cert: BLOCK + BLOCK, issuer: 'Test Intermediate', isSelfSigned: false, ...shown };
    const messageOf = (code: string) =>
      explain({ error: failure(code), remoteAddress: '192.0.2.7', shown: whole }).message;
    expect(messageOf('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA')).toContain('It was shown a');
    expect(messageOf('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA')).toContain(said);
    expect(messageOf('ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED')).not.toContain('was shown');
  });

  it('does not repeat a server name that is none', () => {
    for (const serverName of ['a\nb', '<b>', 'x'.repeat(100), undefined]) {
      const { message } = explain({ error: failure('ECONNRESET'), remoteAddress: undefined, serverName });
      expect(message).not.toContain('asked for');
    }
  });

  it('gives the reason where it knows no better', () => {
    const error = failure('ERR_SSL_SOMETHING_NEW');
    expect(explain({ error, remoteAddress: '::1' }).message).toContain('ERR_SSL_SOMETHING_NEW');
  });
});
