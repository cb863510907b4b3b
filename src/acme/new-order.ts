/** Placing an order (RFC 8555 §7.4), and what is left out of it when that is all that the authority objects to. */
import { isTlsmithError } from '../errors.js';
import type { AcmeClient } from './client.js';
import { identifierOf } from './identifiers.js';
import { isProfileRefused, type ProfileWish } from './profile.js';
import type { Order } from './resources.js';

/** What is ordered. */
export interface OrderWishes {
  readonly names: readonly string[];
  /** End of validity, milliseconds since the epoch, for authorities that take it. */
  readonly notAfter: number | undefined;
  readonly profile: ProfileWish | undefined;
  /** The certificate that this one replaces, as `renewalIdentifier` names it (RFC 9773 §5). */
  readonly replaces: string | undefined;
}

/** Places the order. */
export async function newOrder(
  client: AcmeClient,
  wishes: OrderWishes,
): Promise<{ readonly url: string; readonly order: Order }> {
  try {
    return await client.newOrder(fieldsOf(wishes));
  } catch (error) {
    const fewer = withoutObjection(wishes, error);
    if (fewer === undefined) throw error;
    return newOrder(client, fewer);
  }
}

function fieldsOf({ names, notAfter, profile, replaces }: OrderWishes): object {
  return {
    identifiers: names.map(identifierOf),
    ...(notAfter === undefined ? {} : { notAfter: new Date(notAfter).toISOString() }),
    ...(profile === undefined ? {} : { profile: profile.name }),
    ...(replaces === undefined ? {} : { replaces }),
  };
}

function withoutObjection(wishes: OrderWishes, error: unknown): OrderWishes | undefined {
  // `alreadyReplaced` (RFC 9773 §5), or a predecessor of another account: it must not stand in the way.
  if (wishes.replaces !== undefined && isTlsmithError(error) && error.code === 'ACME_REFUSED')
    return { ...wishes, replaces: undefined };
  const isPreference = wishes.profile?.isRequired === false;
  return isPreference && isProfileRefused(error) ? { ...wishes, profile: undefined } : undefined;
}
