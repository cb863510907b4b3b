/** What may be served without another look: a credential of ours that also has the shape of one. */
import { type Credential, isCredential } from '../credential/credential.js';

/**
 * Whether `value` is a proven credential with all that the selection reads. The brand alone can be forged by any
 * untyped source, and a credential without names or dates would throw in the middle of a handshake.
 */
export function isProvenCredential(value: unknown): value is Credential {
  if (!isCredential(value)) return false;
  const { cert, key, names, notBefore, notAfter } = value as Partial<Record<keyof Credential, unknown>>;
  return (
    typeof cert === 'string' &&
    typeof key === 'string' &&
    Array.isArray(names) &&
    Number.isFinite(notBefore) &&
    Number.isFinite(notAfter)
  );
}
