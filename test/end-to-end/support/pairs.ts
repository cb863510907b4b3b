// Sources for tests: fixed pairs, and ones whose pair can be replaced while the server runs.
import {
  type CertificateSource,
  createCredential,
  type Credential,
  type CredentialInput,
  type SourceHost,
} from '../../../src/index.js';
import { covers } from '../../../src/credential/server-name.js';

/** A source that answers with the first of these pairs that covers the name; it has no default. */
export function pairsSource(
  pairs: readonly CredentialInput[],
  { name = 'pairs', isDefault = false }: { name?: string; isDefault?: boolean } = {},
): CertificateSource {
  const credentials = pairs.map((pair) => createCredential(pair));
  return {
    name,
    find: ({ serverName }) => credentials.find(({ names }) => covers(names, serverName)),
    ...(isDefault ? { default: () => credentials[0] } : {}),
    list: () => credentials,
  };
}

/** A source with one pair that can be swapped. */
export interface SwappableSource extends CertificateSource {
  /** Serves this pair from now on. */
  swap(pair: CredentialInput): Credential;
  /** What the server gave it at start. */
  readonly host: SourceHost;
}

/** A source that answers with its present pair, also as default. */
export function swappableSource(pair: CredentialInput, name = 'swappable'): SwappableSource {
  let credential = createCredential(pair);
  let host: SourceHost | undefined;
  return {
    name,
    start(startedBy) {
      host = startedBy;
    },
    find: ({ serverName }) => (covers(credential.names, serverName) ? credential : undefined),
    default: () => credential,
    list: () => [credential],
    swap(next) {
      const previous = credential;
      credential = createCredential(next);
      host?.notify({ type: 'certificate', action: 'reloaded', credential, previous });
      return credential;
    },
    get host() {
      if (host === undefined) throw new Error('The source has not been started.');
      return host;
    },
  };
}
