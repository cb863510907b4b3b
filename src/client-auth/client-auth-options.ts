/** Client certificates as they are asked for: the option `clientAuth`, and what parse-client-auth.ts makes of it. */
import type { X509Certificate } from 'node:crypto';

/** PEM or DER. */
export type CertificateInput = string | Uint8Array;

/** The option `clientAuth`. */
export interface ClientAuthOptions {
  /**
   * `'require'`: a handshake without a certificate that verifies fails. `'request'`: clients may send one, and
   * `req.socket.authorized` says whether it verifies.
   */
  readonly mode: 'request' | 'require';
  /**
   * The authorities whose clients are accepted; PEM, several in one text or as an array. Nobody else is trusted.
   * `'system'`, alone or in the array, is those that the operating system trusts, public ones among them, so that `allow`
   * should say who is meant; it needs Node 22.15 or 24, and `start()` rejects with `CLIENT_CA_SYSTEM_UNAVAILABLE` elsewhere.
   */
  readonly ca?: CertificateInput | readonly CertificateInput[];
  /** The same in one file or several; read again when they change. */
  readonly caFile?: string | readonly string[];
  /** Revocation lists, PEM or DER. With one, every authority in a client's chain needs one (OpenSSL's CRL_CHECK_ALL). */
  readonly crl?: CertificateInput | readonly CertificateInput[];
  /** The same in one file or several; read again when they change. */
  readonly crlFile?: string | readonly string[];
  /**
   * Asked for each connection whose certificate verifies, resumed ones too; `false` or a throw refuses it. It gets the
   * certificate as node's own class, because `getPeerCertificate()` ends the process for some curves on Node 24 and 26.
   */
  readonly allow?: (certificate: X509Certificate) => boolean | Promise<boolean>;
}

/** The same, complete. */
export interface ClientAuthSettings {
  readonly isRequired: boolean;
  readonly ca: readonly CertificateInput[];
  readonly trustsSystem: boolean;
  readonly caFiles: readonly string[];
  readonly crl: readonly CertificateInput[];
  readonly crlFiles: readonly string[];
  readonly allow: ClientAuthOptions['allow'];
}
