/** Sources for tests of the selection, and what the resolver tells about them. */
import { createCredential, type Credential } from '../../../src/credential/credential.js';
import type { Finding } from '../../../src/credential/findings.js';
import { covers } from '../../../src/credential/server-name.js';
import { CredentialResolver, type ResolverOptions } from '../../../src/handshake/credential-resolver.js';
import type { CertificateSource } from '../../../src/sources/certificate-source.js';
import { manualClock, type ManualClock } from '../../support/manual-clock.js';
import { type LeafRequest, testCa } from '../../support/certificates.js';

/** A proven credential for these names. */
export async function credentialFor(...names: string[]): Promise<Credential> {
  return credentialLike({ names });
}

/** A proven credential of any kind. */
export async function credentialLike(request: LeafRequest): Promise<Credential> {
  const ca = await testCa();
  return createCredential(await ca.issue(request));
}

/** A source that has these credentials; the first is its default. */
export function sourceOf(...credentials: Credential[]): CertificateSource {
  return {
    name: 'test',
    find: ({ serverName }) => credentials.find(({ names }) => covers(names, serverName)),
    default: () => credentials[0],
  };
}

/** A source that answers everything in the same way. */
export function answering(find: CertificateSource['find'], name = 'answering'): CertificateSource {
  return { name, find };
}

/** A resolver over these sources, with what it has reported. */
export function resolverOver(
  sources: readonly CertificateSource[],
  options: Partial<ResolverOptions> = {},
): { resolver: CredentialResolver; findings: Finding[]; clock: ManualClock } {
  const findings: Finding[] = [];
  const clock = manualClock();
  const resolver = new CredentialResolver({
    sources,
    clock,
    defaultName: undefined,
    report: (finding) => findings.push(finding),
    ...options,
  });
  return { resolver, findings, clock };
}
