/** Placing an order (RFC 8555 §7.4), and what is left out of it when that is all that the authority objects to. */
import { isTlsmithError, type TlsmithError } from '../errors.js';
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

/**
 * Places the order.
 * @param lacking - told of a preferred profile that is left out
 */
export async function newOrder(
  client: AcmeClient,
  wishes: OrderWishes,
  lacking: (profile: string) => void,
): Promise<{ readonly url: string; readonly order: Order }> {
  try {
    return await client.newOrder(fieldsOf(wishes));
  } catch (error) {
    const fewer = withoutObjection(wishes, error);
    if (fewer === undefined) throw error;
    if (wishes.profile !== undefined && fewer.profile === undefined) lacking(wishes.profile.name);
    return newOrder(client, fewer, lacking);
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
  if (!isTlsmithError(error)) return undefined;
  const withoutPredecessor = wishes.replaces === undefined ? undefined : { ...wishes, replaces: undefined };
  if (isAboutPredecessor(error)) return withoutPredecessor;
  if (wishes.profile?.isRequired === false && isProfileRefused(error))
    return { ...wishes, profile: undefined };
  return MAY_BE_ABOUT_IT.has(String(error['problemType'])) ? withoutPredecessor : undefined;
}

/** How authorities object to a predecessor without saying so; a nonce or a limit is no such objection. */
const MAY_BE_ABOUT_IT = new Set(['malformed', 'unauthorized']);

/** `alreadyReplaced` (RFC 9773 §5), or a predecessor that is unknown or of another account: it must not stand in the way. */
function isAboutPredecessor({ code, message, ...facts }: TlsmithError): boolean {
  const status = facts['status'];
  return code === 'ACME_REFUSED' && (status === 404 || status === 409 || /replac/i.test(message));
}
