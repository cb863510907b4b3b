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
  /** Only those whose key is of this kind. */
  readonly isRsa?: boolean;
}

/** The pairs of a name: mostly one, and 10,000 lists of one would take as much memory as the pairs. */
type Pairs = PairEntry | readonly PairEntry[];

const NONE: readonly PairEntry[] = [];

/** The pairs by name. */
export class PairIndex {
  readonly #byName = new Map<string, Pairs>();
  readonly #unread = new Map<string, Pairs>();
  #rsaPairs = 0;
  #otherPairs = 0;

  /** How many names are known. */
  get size(): number {
    return this.#byName.size;
  }

  /** Whether there are pairs with keys of both kinds, for whatever names. */
  get hasBothKinds(): boolean {
    return this.#rsaPairs > 0 && this.#otherPairs > 0;
  }

  /** Takes a pair in that is known by its file name only. */
  addUnread(entry: PairEntry): void {
    if (entry.calledAfter !== undefined) add(this.#unread, entry.calledAfter, entry);
  }

  /** What the pair's certificate says now; undefined takes the pair out. Answers the names that are concerned. */
  update(entry: PairEntry, summary: CertificateSummary | undefined): readonly string[] {
    const before = entry.summary;
    entry.summary = summary === undefined ? undefined : sharingItsName(summary, entry);
    if (entry.calledAfter !== undefined) remove(this.#unread, entry.calledAfter, entry);
    if (isSame(before, summary)) return NO_NAMES;
    this.#count(before, -1);
    this.#count(summary, 1);
    for (const name of before?.names ?? []) remove(this.#byName, name, entry);
    for (const name of summary?.names ?? []) add(this.#byName, name, entry);
    return [...(before?.names ?? []), ...(summary?.names ?? [])];
  }

  /**
   * The best pair for a name: in date before expired or not yet valid, exact before wildcard, still there before just
   * removed, the newest, and among equals the one called after the name.
   */
  best({ serverName, now, tried, isRsa }: IndexQuery): PairEntry | undefined {
    const exact = newest(this.#byName.get(serverName) ?? NONE, { serverName, now, tried, isRsa });
    if (exact !== undefined && isInDate(exact, now)) return exact;
    const wildcard = wildcardOf(serverName);
    const covering =
      wildcard === undefined
        ? undefined
        : newest(this.#byName.get(wildcard) ?? NONE, { serverName: wildcard, now, tried, isRsa });
    if (covering === undefined || (exact !== undefined && !isInDate(covering, now))) return exact;
    return covering;
  }

  /** A pair in date for the same name whose key is of the other kind: RSA beside ECDSA. */
  alternativeTo({ summary }: PairEntry, query: IndexQuery): PairEntry | undefined {
    if (summary === undefined || !this.hasBothKinds) return undefined;
    const other = this.best({ ...query, isRsa: !summary.isRsa });
    return other !== undefined && isInDate(other, query.now) ? other : undefined;
  }

  /** Whether there is a name that no other pair with the same kind of key has a better certificate for. */
  isBestForSome(entry: PairEntry, now: number): boolean {
    const { summary } = entry;
    if (summary === undefined) return false;
    // Nearly all are alone with their names: asked of 10,000, that is to leave nothing behind in memory.
    if (entry.isUsable && isInDate(entry, now) && this.#isAlone(entry, summary.names)) return true;
    const kind = this.hasBothKinds ? { isRsa: summary.isRsa } : {};
    return summary.names.some((serverName) => this.best({ serverName, now, ...kind })?.summary === summary);
  }

  #isAlone(entry: PairEntry, names: readonly string[]): boolean {
    for (const name of names) if (this.#byName.get(name) === entry) return true;
    return false;
  }

  #count(summary: CertificateSummary | undefined, difference: 1 | -1): void {
    if (summary === undefined) return;
    if (summary.isRsa) this.#rsaPairs += difference;
    else this.#otherPairs += difference;
  }

  /** A pair that has not been read and is called after the name, or after its wildcard. */
  unread({ serverName, tried }: IndexQuery): PairEntry | undefined {
    for (const name of [serverName, wildcardOf(serverName)]) {
      const pairs = name === undefined ? NONE : (this.#unread.get(name) ?? NONE);
      const found = listOf(pairs).find((entry) => entry.isUsable && tried?.has(entry) !== true);
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
  readonly isRsa: boolean | undefined;
}

function newest(pairs: Pairs, choice: Choice): PairEntry | undefined {
  if (!isList(pairs)) return isEligible(pairs, choice) ? pairs : undefined;
  let best: PairEntry | undefined;
  for (const entry of pairs) {
    if (!isEligible(entry, choice)) continue;
    if (best === undefined || isBetter(entry, best, choice)) best = entry;
  }
  return best;
}

function isEligible(entry: PairEntry, { tried, isRsa }: Choice): boolean {
  if (!entry.isUsable || tried?.has(entry) === true) return false;
  return isRsa === undefined || entry.summary?.isRsa === isRsa;
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

/** Most certificates are for the one name that their file is called after, which is in memory already. */
function sharingItsName(summary: CertificateSummary, { calledAfter }: PairEntry): CertificateSummary {
  const { names, serialNumber, notBefore, notAfter, isRsa } = summary;
  const isShared = calledAfter !== undefined && names.length === 1 && names[0] === calledAfter;
  return isShared ? { names: [calledAfter], serialNumber, notBefore, notAfter, isRsa } : summary;
}

function isSame(one: CertificateSummary | undefined, other: CertificateSummary | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.notBefore === other.notBefore &&
    one.notAfter === other.notAfter &&
    one.isRsa === other.isRsa &&
    one.names.length === other.names.length &&
    one.names.every((name, index) => name === other.names[index])
  );
}

function add(map: Map<string, Pairs>, name: string, entry: PairEntry): void {
  const pairs = map.get(name);
  if (pairs === undefined) map.set(name, entry);
  else if (!listOf(pairs).includes(entry)) map.set(name, [...listOf(pairs), entry]);
}

function remove(map: Map<string, Pairs>, name: string, entry: PairEntry): void {
  const pairs = map.get(name);
  if (pairs === undefined) return;
  const left = listOf(pairs).filter((other) => other !== entry);
  const [first] = left;
  if (first === undefined) map.delete(name);
  else map.set(name, left.length === 1 ? first : left);
}

function isList(pairs: Pairs): pairs is readonly PairEntry[] {
  return Array.isArray(pairs);
}

function listOf(pairs: Pairs): readonly PairEntry[] {
  return isList(pairs) ? pairs : [pairs];
}
