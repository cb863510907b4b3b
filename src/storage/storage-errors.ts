/** Errors that every storage of ours words alike. */
import { TlsmithError } from '../errors.js';
import type { LeaseIdentity } from './generation.js';

/** A write found another version than the one it was to replace. */
export function versionConflict(key: string, ifVersion: string | null): TlsmithError {
  const why = ifVersion === null ? 'it exists already' : 'it has changed since it was read';
  return new TlsmithError('STORAGE_VERSION_CONFLICT', `"${key}" was not written: ${why}.`, {
    key,
    hint: 'Read it again and decide anew.',
  });
}

/** A lease that is still relied on is over. */
export function leaseLost({ key, token }: LeaseIdentity): TlsmithError {
  return new TlsmithError(
    'STORAGE_LEASE_LOST',
    `Lease ${token} of "${key}" is over; nothing was written under it.`,
    {
      key,
      token,
      hint: 'It was released, or its holder gave no sign of life for too long (a stopped process, a suspended machine) and another process took over.',
    },
  );
}

/** Nothing intact remains of a key. */
export function corrupt(key: string): TlsmithError {
  return new TlsmithError('STORAGE_CORRUPT', `Every stored generation of "${key}" is damaged.`, {
    key,
    hint: 'Restore the folder from a backup, or delete the key so that it is made anew. Until then the damaged files stay beside it, named *~damaged.',
  });
}
