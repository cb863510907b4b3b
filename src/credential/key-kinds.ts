/**
 * Two credentials for one name, with keys of different kinds: ECDSA for clients of today, RSA for those that know
 * nothing else. They are served together, and OpenSSL takes the one that the client can check.
 */
import { type Credential, isInDate } from './credential.js';

const completed = new WeakMap<Credential, Credential>();

/** Whether its key is of the kind that every client knows. */
export function isRsa({ keyType }: Credential): boolean {
  return keyType.startsWith('rsa');
}

/** `credential` together with one of the other kind; the same object for the same two. */
export function withAlternative(credential: Credential, alternative: Credential): Credential {
  const known = completed.get(credential);
  if (known?.alternative === alternative) return known;
  // Derived, because a credential is frozen and keeps its key out of what can be listed.
  const both = Object.create(credential, {
    id: { value: `${credential.id} ${alternative.id}`, enumerable: true },
    alternative: { value: alternative },
  }) as Credential;
  completed.set(credential, both);
  return both;
}

/** The credential by itself, as its source has it. */
export function withoutAlternative(credential: Credential): Credential {
  return credential.alternative === undefined
    ? credential
    : (Object.getPrototypeOf(credential) as Credential);
}

/** Whether `other` may stand beside `credential` for these names. */
export function isAlternative(
  other: Credential,
  credential: Credential,
  { covers, now }: { readonly covers: (other: Credential) => boolean; readonly now: number },
): boolean {
  return isRsa(other) !== isRsa(credential) && isInDate(other, now) && covers(other);
}
