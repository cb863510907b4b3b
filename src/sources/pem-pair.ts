/** A certificate and key given inline, as PEM or as base64 of PEM (from an environment variable, a secret store). */
import { coversName, createCredential, type Credential } from '../credential/credential.js';
import type { CertificateSource } from './certificate-source.js';

/** Options of {@link pemPair}. */
export interface PemPairOptions {
  /** The certificate, with its chain in any order: PEM, or base64 of PEM. */
  readonly cert: string | Uint8Array;
  /** The private key: PEM, or base64 of PEM. */
  readonly key: string | Uint8Array;
  /** The passphrase of an encrypted key. */
  readonly passphrase?: string;
}

/**
 * A source with one certificate given inline. It answers for the names in the certificate, and as default.
 *
 * `start()` rejects with a coded error when the pair cannot work: `TLS_PEM_INVALID`, `TLS_PEM_WRONG_KIND`,
 * `TLS_KEY_MISMATCH`, `TLS_KEY_PASSPHRASE_REQUIRED`, `TLS_KEY_PASSPHRASE_WRONG`, `TLS_KEY_UNSUPPORTED`.
 * @throws `TypeError` when `cert` or `key` is missing
 */
export function pemPair(options: PemPairOptions): CertificateSource {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw new TypeError('pemPair: give an object with `cert` and `key`; for files there is filePair().');
  assertPem(options.cert, 'cert');
  assertPem(options.key, 'key');
  const { passphrase } = options;
  let credential: Credential | undefined;
  return {
    name: 'pem-pair',
    start(host) {
      const cert = decodeBase64(options.cert);
      const key = decodeBase64(options.key);
      const input = { cert, key, ...(passphrase === undefined ? {} : { passphrase }) };
      const loaded = createCredential(input, {
        cert: 'The certificate given to pemPair',
        key: 'The private key given to pemPair',
      });
      for (const finding of loaded.findings) host.report(finding);
      credential = loaded;
      host.notify({ type: 'certificate', action: 'loaded', credential });
    },
    find: ({ serverName }) =>
      credential !== undefined && coversName(credential, serverName) ? credential : undefined,
    default: () => credential,
    list: () => (credential === undefined ? [] : [credential]),
  };
}

function assertPem(value: unknown, option: string): void {
  if (typeof value === 'string' || ArrayBuffer.isView(value)) return;
  throw new TypeError(`pemPair: \`${option}\` must be PEM text, base64 of it, or a Buffer.`);
}

/** Text without a BEGIN line that is base64 throughout is decoded; everything else is left for the PEM reader. */
function decodeBase64(input: string | Uint8Array): string | Uint8Array {
  if (typeof input !== 'string' || input.includes('-----BEGIN')) return input;
  const unescaped = input.replaceAll(/\s/g, '');
  return /^[A-Za-z0-9+/]+={0,2}$/.test(unescaped) ? Buffer.from(unescaped, 'base64') : input;
}
