/** Misspelt options are told of, with the one that was probably meant, instead of being passed over. */
import { nearestName } from './nearest-name.js';

/**
 * @param caller - the function that was given the options, for the message
 * @param prefix - where they stand in others, such as `http.`
 * @throws `TypeError` for a name that is not known
 */
export function assertKnownOptions(
  caller: string,
  given: object,
  { known, prefix = '' }: { readonly known: readonly string[]; readonly prefix?: string },
): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const nearest = nearestName(unknown, known);
  const suggestion = nearest === undefined ? '' : ` Did you mean \`${prefix}${nearest}\`?`;
  throw new TypeError(`${caller}: there is no option \`${prefix}${unknown}\`.${suggestion}`);
}
