/** The check after each issuance that the new leaf is what a client gets to see. */
import type { Credential } from '../credential/credential.js';
import { messageOf } from '../errors.js';
import type { SourceHost } from '../sources/certificate-source.js';
import { settledOrAborted } from './abortable.js';

/** What the check works with. */
export interface ServedCheckTools {
  /** Makes the handshake, and is told of what was wrong. */
  readonly host: SourceHost;
  /** The name of the source, for the finding. */
  readonly sourceName: string;
  /** Aborted when the source closes. */
  readonly signal: AbortSignal;
}

/** Asks the server's own router for the leaf. A difference is a finding: the credential stays in use. */
export async function checkServed(
  { fingerprint256 }: Credential,
  names: readonly string[],
  { host, sourceName, signal }: ServedCheckTools,
): Promise<void> {
  const name = names.find((candidate) => !candidate.startsWith('*.')) ?? names[0] ?? '';
  try {
    const question = host.verifyServed(name.replace('*', 'tlsmith-check'), fingerprint256);
    await settledOrAborted(question, signal, { clock: host.clock, graceMs: 0 });
    host.resolved('SERVED_CERTIFICATE_DIFFERS', names);
  } catch (error) {
    if (signal.aborted) return;
    host.report({
      code: 'SERVED_CERTIFICATE_DIFFERS',
      severity: 'warning',
      message: `The new certificate for ${names.join(', ')} is in use, but a check of what is served failed: ${messageOf(error)}`,
      source: sourceName,
      names,
    });
  }
}
