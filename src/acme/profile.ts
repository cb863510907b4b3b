/** Certificate profiles (draft-ietf-acme-profiles): a kind of certificate that an authority offers by name. */
import { isIP } from 'node:net';
import { isTlsmithError, TlsmithError } from '../errors.js';

/** The one that Let's Encrypt issues for addresses by, and nothing else. */
const FOR_ADDRESSES = 'shortlived';

/** A profile that is wanted. */
export interface ProfileWish {
  readonly name: string;
  /** Whether no certificate is better than one of another profile. */
  readonly isRequired: boolean;
}

/** What is left of a wish where the authority has this on offer. */
export type ProfileChoice =
  { readonly ordered: ProfileWish | undefined } | { readonly ordered: undefined; readonly lacking: string };

/**
 * The profile to order with: an authority is never asked for one that it does not advertise.
 * @param offered - the names in its directory
 * @throws {@link TlsmithError} `ACME_PROFILE_UNAVAILABLE` when a required one is not on offer
 */
export function chooseProfile(
  names: readonly string[],
  wish: ProfileWish | undefined,
  offered: readonly string[],
): ProfileChoice {
  if (wish === undefined) {
    const hasAddress = names.some((name) => isIP(name) !== 0);
    if (!hasAddress || !offered.includes(FOR_ADDRESSES)) return { ordered: undefined };
    return { ordered: { name: FOR_ADDRESSES, isRequired: false } };
  }
  if (offered.includes(wish.name)) return { ordered: wish };
  if (!wish.isRequired) return { ordered: undefined, lacking: wish.name };
  throw new TlsmithError(
    'ACME_PROFILE_UNAVAILABLE',
    `The certificate authority does not offer the profile ${wish.name} that is required for ${names.join(', ')}; it offers ${offered.join(', ') || 'none'}.`,
    {
      names,
      profile: wish.name,
      offered,
      isPermanent: true,
      hint: 'Take one that it offers, or write `profile: { prefer }` to do without where it is missing.',
    },
  );
}

/** What authorities say at the order, besides `invalidProfile`. */
const ALSO_REFUSED_AS = new Set(['malformed', 'unauthorized']);

/** Whether an order may have been refused because of its profile. */
export function isProfileRefused(error: unknown): boolean {
  if (!isTlsmithError(error)) return false;
  return error.code === 'ACME_PROFILE_UNAVAILABLE' || ALSO_REFUSED_AS.has(String(error['problemType']));
}
