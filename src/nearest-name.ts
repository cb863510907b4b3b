/** Which known name a misspelt one was probably meant to be: for messages, never for decisions. */

/** Longer than any name of ours, and the work of a comparison grows with the square. */
const LONGEST_NAME = 64;

/** The known name that is the fewest slips away; undefined when even that is more than one in three letters. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name.length > LONGEST_NAME) return undefined;
  const mostSlips = Math.max(1, Math.floor(name.length / 3));
  const candidates = known
    .map((candidate) => ({ candidate, slips: slipsBetween(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, slips }) => slips <= mostSlips && slips < candidate.length)
    .sort((one, other) => one.slips - other.slips);
  return candidates[0]?.candidate;
}

/** Letters left out, added, exchanged or swapped with their neighbour (optimal string alignment distance). */
function slipsBetween(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const swap = isSwapped ? (beforeLast[column - 2] ?? Infinity) + 1 : Infinity;
      const exchange = (last[column - 1] ?? Infinity) + (isSame ? 0 : 1);
      const edit = Math.min((last[column] ?? Infinity) + 1, (current[column - 1] ?? Infinity) + 1);
      current.push(Math.min(swap, exchange, edit));
    }
    [beforeLast, last] = [last, current];
  }
  return last[to.length] ?? 0;
}
