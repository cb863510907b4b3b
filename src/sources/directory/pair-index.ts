/**
 * Which pair answers for a name. Names come from the certificates; a file name only breaks ties, and stands in for
 * the names of a pair that has not been read yet. What a client sends is looked up in maps and nowhere else.
 */
import { wildcardOf } from '../../credential/server-name.js';
import type { CertificateSummary, PairEntry } from './pair-entry.js';

/** A question to the index. */
export interface IndexQuery {
  readonly serverName: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Pairs that have been tried in vain. */
  readonly tried?: ReadonlySet<PairEntry>;
}

const NONE: readonly PairEntry[] = [];

/** The pairs by name. */
export class PairIndex {
  readonly #byName = new Map<string, PairEntry[]>();
  readonly #unread = new Map<string, PairEntry[]>();

  /** How many names are known. */
  get size(): number {
    return this.#byName.size;
  }

  /** Takes a pair in that is known by its file name only. */
  addUnread(entry: PairEntry): void {
    if (entry.calledAfter !== undefined) add(this.#unread, entry.calledAfter, entry);
  }

  /** What the pair's certificate says now; undefined takes the pair out. Answers the names that are concerned. */
  update(entry: PairEntry, summary: CertificateSummary | undefined): readonly string[] {
    const before = entry.summary;
    entry.summary = summary;
    if (entry.calledAfter !== undefined) remove(this.#unread, entry.calledAfter, entry);
    if (isSame(before, summary)) return NO_NAMES;
    for (const name of before?.names ?? []) remove(this.#byName, name, entry);
    for (const name of summary?.names ?? []) add(this.#byName, name, entry);
    return [...(before?.names ?? []), ...(summary?.names ?? [])];
  }

  /**
   * The best pair for a name: in date before expired or not yet valid, exact before wildcard, still there before just
   * removed, the newest, and among equals the one called after the name.
   */
  best({ serverName, now, tried }: IndexQuery): PairEntry | undefined {
    const exact = newest(this.#byName.get(serverName) ?? NONE, { serverName, now, tried });
    if (exact !== undefined && isInDate(exact, now)) return exact;
    const wildcard = wildcardOf(serverName);
    const covering =
      wildcard === undefined
        ? undefined
        : newest(this.#byName.get(wildcard) ?? NONE, { serverName: wildcard, now, tried });
    if (covering === undefined || (exact !== undefined && !isInDate(covering, now))) return exact;
    return covering;
  }

  /** Whether there is a name that no other pair has a better certificate for. */
  isBestForSome(entry: PairEntry, now: number): boolean {
    return entry.summary?.names.some((serverName) => this.best({ serverName, now }) === entry) === true;
  }

  /** A pair that has not been read and is called after the name, or after its wildcard. */
  unread({ serverName, tried }: IndexQuery): PairEntry | undefined {
    for (const name of [serverName, wildcardOf(serverName)]) {
      const entries = name === undefined ? NONE : (this.#unread.get(name) ?? NONE);
      const found = entries.find((entry) => entry.isUsable && tried?.has(entry) !== true);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

const NO_NAMES: readonly string[] = [];

interface Choice {
  readonly serverName: string;
  readonly now: number;
  readonly tried: ReadonlySet<PairEntry> | undefined;
}

function newest(entries: readonly PairEntry[], { serverName, now, tried }: Choice): PairEntry | undefined {
  let best: PairEntry | undefined;
  for (const entry of entries) {
    if (!entry.isUsable || tried?.has(entry) === true) continue;
    if (best === undefined || isBetter(entry, best, { serverName, now })) best = entry;
  }
  return best;
}

function isBetter(
  one: PairEntry,
  other: PairEntry,
  { serverName, now }: Pick<Choice, 'serverName' | 'now'>,
): boolean {
  const isOneInDate = isInDate(one, now);
  if (isOneInDate !== isInDate(other, now)) return isOneInDate;
  if ((one.missing === undefined) !== (other.missing === undefined)) return one.missing === undefined;
  const [oneBegan, otherBegan] = [one.summary?.notBefore ?? 0, other.summary?.notBefore ?? 0];
  if (oneBegan !== otherBegan) return oneBegan > otherBegan;
  const isOneCalled = one.calledAfter === serverName;
  if (isOneCalled !== (other.calledAfter === serverName)) return isOneCalled;
  return one.id < other.id;
}

/** Whether what is known of the certificate says that it is in date. */
export function isInDate({ summary }: PairEntry, now: number): boolean {
  return summary !== undefined && summary.notBefore <= now && now < summary.notAfter;
}

function isSame(one: CertificateSummary | undefined, other: CertificateSummary | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.notBefore === other.notBefore &&
    one.notAfter === other.notAfter &&
    one.names.length === other.names.length &&
    one.names.every((name, index) => name === other.names[index])
  );
}

function add(map: Map<string, PairEntry[]>, name: string, entry: PairEntry): void {
  const entries = map.get(name);
  if (entries === undefined) map.set(name, [entry]);
  else if (!entries.includes(entry)) entries.push(entry);
}

function remove(map: Map<string, PairEntry[]>, name: string, entry: PairEntry): void {
  const entries = map.get(name);
  if (entries === undefined) return;
  const left = entries.filter((other) => other !== entry);
  if (left.length > 0) map.set(name, left);
  else map.delete(name);
}
