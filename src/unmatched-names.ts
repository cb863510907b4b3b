/** Names that clients ask for and no certificate covers: counted within bounds, told by the one most asked for. */
import { BoundedMap } from './bounded-map.js';
import type { Clock } from './clock.js';

/** Strangers choose the names. */
const COUNTED_NAMES = 200;
const SHOWN_NAMES = 8;
const FRESH_MS = 5_000;
const QUIET_MS = 300_000;

/** What is known of the certificates of a server. */
export interface KnownCertificates {
  /** The names of all there are. */
  readonly namesAtHand: () => Iterable<string>;
  /** Where a name was looked for in vain, to be put behind a sentence; empty where nobody can say. */
  readonly lookedFor: (serverName: string) => string;
}

/** Counts the names of the last minutes. */
export class UnmatchedNames {
  readonly #clock: Clock;
  readonly #certificates: KnownCertificates;
  readonly #counts = new BoundedMap<string, number>(COUNTED_NAMES);
  #total = 0;
  #mostAsked = '';
  #since = -Infinity;
  #shown: { readonly text: string; readonly until: number } = { text: '', until: -Infinity };

  constructor(clock: Clock, certificates: KnownCertificates) {
    this.#clock = clock;
    this.#certificates = certificates;
  }

  /** Counts a name, already safe to print, and says what has been asked for lately and what there is. */
  add(name: string): string {
    const now = this.#clock.now();
    if (now >= this.#since + QUIET_MS) this.#begin(now);
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    this.#total += 1;
    if (count >= (this.#counts.get(this.#mostAsked) ?? 0)) this.#mostAsked = name;
    return this.#summary(now);
  }

  #begin(now: number): void {
    this.#since = now;
    this.#total = 0;
    this.#counts.clear();
  }

  #summary(now: number): string {
    const most = this.#counts.get(this.#mostAsked) ?? 0;
    const others = this.#total - most;
    const clients = most === 1 ? '1 client' : `${most} clients`;
    const rest = others === 0 ? '' : ` (and ${others} for other names)`;
    return `${clients} asked for ${this.#mostAsked}${rest}, and no certificate covers it; ${this.#available(now)}${this.#certificates.lookedFor(this.#mostAsked)}`;
  }

  /** Looked up at most every few seconds: there may be thousands of certificates, and a flood of questions. */
  #available(now: number): string {
    if (now < this.#shown.until) return this.#shown.text;
    const names = new Set<string>();
    let more = 0;
    for (const name of this.#certificates.namesAtHand()) {
      if (names.has(name)) continue;
      if (names.size < SHOWN_NAMES) names.add(name);
      else more += 1;
    }
    const rest = more === 0 ? '' : ` and ${more} more`;
    const text = names.size === 0 ? 'there is none at all' : `there are: ${[...names].join(', ')}${rest}`;
    this.#shown = { text, until: now + FRESH_MS };
    return text;
  }
}
