/** The check after each issuance that the new leaf is what a client gets to see. */
import { delay } from '../clock.js';
import type { Credential } from '../credential/credential.js';
import { codeOf, messageOf } from '../errors.js';
import type { SourceHost } from '../sources/certificate-source.js';
import { settledOrAborted } from './abortable.js';

/** How long other processes on the same port may take to pick up what this one has stored, and how often is looked. */
const LOOK_AGAIN_MS = [500, 1_500, 3_000] as const;

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
    const verify = (): Promise<void> => host.verifyServed(name.replace('*', 'tlsmith-check'), fingerprint256);
    await settledOrAborted(inTheEnd(verify, { host, signal }), signal, { clock: host.clock, graceMs: 0 });
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

/** In a cluster another worker may have been asked, which serves the new certificate a moment later. */
async function inTheEnd(
  verify: () => Promise<void>,
  { host, signal }: Pick<ServedCheckTools, 'host' | 'signal'>,
): Promise<void> {
  for (const waitMs of LOOK_AGAIN_MS) {
    try {
      await verify();
      return;
    } catch (error) {
      if (codeOf(error) !== 'SERVED_CERTIFICATE_DIFFERS') throw error;
      await delay(host.clock, waitMs, signal);
    }
  }
  await verify();
}
