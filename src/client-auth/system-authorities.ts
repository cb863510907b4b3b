/** The authorities that the operating system trusts, for `clientAuth.ca: 'system'`. */
import * as tls from 'node:tls';
import { TlsmithError } from '../errors.js';

type Reader = (kind: 'system') => string[];

/**
 * The certificates in the trust store of the system, as PEM, each once. Node reads the store when it is first asked, in
 * some 50 ms, and never again in this process.
 * @throws {@link TlsmithError} `CLIENT_CA_SYSTEM_UNAVAILABLE` where node cannot read the store, or it is empty
 */
export function systemAuthorities(read: Reader | undefined = readerOf(tls)): string[] {
  if (read === undefined) {
    throw new TlsmithError(
      'CLIENT_CA_SYSTEM_UNAVAILABLE',
      `\`clientAuth.ca\` is 'system', and Node ${process.version} cannot read the trust store of the system.`,
      {
        hint: 'Node can since 22.15 and 24.0. With an earlier one name the file, such as `caFile: "/etc/ssl/certs/ca-certificates.crt"`.',
      },
    );
  }
  const authorities = [...new Set(read('system'))];
  if (authorities.length > 0) return authorities;
  throw new TlsmithError(
    'CLIENT_CA_SYSTEM_UNAVAILABLE',
    "`clientAuth.ca` is 'system', and the trust store of the system is empty: no client could be verified.",
    {
      hint: 'Install it (Debian: `apt-get install ca-certificates`), or name a file with `caFile`; SSL_CERT_FILE and SSL_CERT_DIR may lead elsewhere.',
    },
  );
}

/** Absent before Node 22.15, and from the types of Node 20. To be replaced by a plain call with Node 20 gone. */
function readerOf(module: object): Reader | undefined {
  const reader: unknown = Reflect.get(module, 'getCACertificates');
  return typeof reader === 'function' ? (reader as Reader) : undefined;
}
