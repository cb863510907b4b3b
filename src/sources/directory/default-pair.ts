/** The pair for clients that name nobody: the one called so, or the only one there is. */
import { nameOfStem } from './file-roles.js';
import type { ListedPair } from './folder-scan.js';
import type { PairEntry } from './pair-entry.js';

/** Found out once for each state of the folder. */
export class DefaultPair {
  readonly #name: string;
  #called: readonly PairEntry[] = [];
  #only: PairEntry | undefined;

  constructor(defaultName: string) {
    this.#name = nameOfStem(defaultName) ?? defaultName;
  }

  /** The pair; undefined when the folder has none. */
  get entry(): PairEntry | undefined {
    return this.#called.find(({ isUsable }) => isUsable) ?? this.#called[0] ?? this.#only;
  }

  /** These are the pairs now. */
  update(entries: Iterable<PairEntry>): void {
    const pairs = [...entries].filter(({ isIgnored }) => !isIgnored);
    this.#called = pairs.filter(({ calledAfter, names }) => (calledAfter ?? names.stem) === this.#name);
    this.#only = pairs.length === 1 ? pairs[0] : undefined;
  }

  /** Of the pairs listed those that can be the default. */
  among(pairs: readonly ListedPair[]): readonly ListedPair[] {
    const called = pairs.filter(([, { stem }]) => (nameOfStem(stem) ?? stem) === this.#name);
    if (called.length > 0) return called;
    return pairs.length === 1 ? pairs : [];
  }
}
