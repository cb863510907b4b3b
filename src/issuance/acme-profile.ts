/** `profile` of `acme()`: the kind of certificate that is wanted, by the name that the authority gives it. */
import type { ProfileWish } from '../acme/profile.js';

/**
 * A profile by its name, such as `'shortlived'`: used where the authority offers it, as `{ prefer }` says as well. With
 * `{ require }` no certificate is better than one of another profile.
 */
export type AcmeProfile =
  | 'classic'
  | 'tlsserver'
  | 'shortlived'
  | (string & {})
  | { readonly prefer: string }
  | { readonly require: string };

/** @throws TypeError that names the option */
export function parseProfile(profile: AcmeProfile | undefined): ProfileWish | undefined {
  if (profile === undefined) return undefined;
  const given: unknown = typeof profile === 'string' ? { prefer: profile } : profile;
  const [[kind, name] = [], ...others] =
    typeof given === 'object' && given !== null ? Object.entries(given) : [];
  const isKnown = (kind === 'prefer' || kind === 'require') && typeof name === 'string' && name !== '';
  if (isKnown && others.length === 0) return { name, isRequired: kind === 'require' };
  throw new TypeError(
    "acme: `profile` must be the name of a profile, such as 'shortlived', or { prefer } or { require } with one.",
  );
}
