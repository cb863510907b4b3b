/**
 * Revoking what is stored. That it is revoked is stored first: whatever happens in between, nobody goes on serving it as if
 * nothing was, and whoever replaces it has it revoked beforehand, in case that was not done.
 */
import type { Credential } from '../credential/credential.js';
import { isTlsmithError, TlsmithError } from '../errors.js';
import type { CertificateStore } from './certificate-store.js';

/**
 * Has `credential` revoked by `ask`. What the authority refuses is in use as before; where it is not known what has become
 * of it, it counts as revoked.
 */
export async function revokeStored(
  credential: Credential,
  { store, ask }: { readonly store: CertificateStore; readonly ask: () => Promise<void> },
): Promise<void> {
  await store.noteRevoked(credential, true);
  try {
    await ask();
  } catch (error) {
    if (isRefusal(error)) await store.noteRevoked(credential, false).catch(() => undefined);
    throw error;
  }
}

function isRefusal(error: unknown): boolean {
  const status = isTlsmithError(error) ? Number(error['status'] ?? 0) : 0;
  return status >= 400 && status < 500 && status !== 429;
}

/** There is no certificate for these names. */
export function nothingToRevoke(names: readonly string[]): TlsmithError {
  const [serverName = ''] = names;
  return new TlsmithError('NAME_NOT_MANAGED', `There is no certificate for ${names.join(', ')} to revoke.`, {
    serverName,
  });
}
