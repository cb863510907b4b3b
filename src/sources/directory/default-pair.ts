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
    const called: PairEntry[] = [];
    let count = 0;
    for (const entry of entries) {
      if (entry.isIgnored) continue;
      count += 1;
      this.#only = count === 1 ? entry : undefined;
      if ((entry.calledAfter ?? entry.names.stem) === this.#name) called.push(entry);
    }
    if (count === 0) this.#only = undefined;
    this.#called = called;
  }

  /** Of the pairs listed those that can be the default. */
  among(listed: Iterable<ListedPair>): readonly ListedPair[] {
    const pairs = [...listed];
    const called = pairs.filter(([, { stem }]) => (nameOfStem(stem) ?? stem) === this.#name);
    if (called.length > 0) return called;
    return pairs.length === 1 ? pairs : [];
  }
}
