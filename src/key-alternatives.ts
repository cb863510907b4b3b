/**
 * For a credential from one source, one from another source of the same name (`filePair` twice, `acme` twice) whose key is
 * of the other kind: RSA beside ECDSA. Of the same name, because the order of the others says whose certificate is wanted:
 * `selfSigned()` behind files must not show its own to whoever prefers its kind of key. Only what sources list as at hand
 * is looked at, and only once both kinds have been seen at all.
 */
import { BoundedMap } from './bounded-map.js';
import type { Clock } from './clock.js';
import { coversName, type Credential, isInDate } from './credential/credential.js';
import { isAlternative, isRsa, withAlternative } from './credential/key-kinds.js';

const REMEMBERED_NAMES = 2_000;
/** What is remembered for a credential that stands for all its names; no server name is empty. */
const ALL_NAMES = '';

/** A credential and the name of its source. */
export type AtHand = readonly [sourceName: string, credential: Credential];

interface Completed {
  readonly credential: Credential;
  readonly both: Credential;
}

/** Completes credentials. */
export class KeyAlternatives {
  readonly #clock: Clock;
  readonly #atHand: () => Iterable<AtHand>;
  readonly #known = new BoundedMap<string, Completed>(REMEMBERED_NAMES);
  #hasRsa = false;
  #hasOther = false;

  /** @param atHand - every credential that there is, in the order of the sources */
  constructor(clock: Clock, atHand: () => Iterable<AtHand>) {
    this.#clock = clock;
    this.#atHand = atHand;
  }

  /** Looks through all that is at hand, once; later ones are told of by {@link KeyAlternatives.seen}. */
  start(): void {
    for (const [, credential] of this.#atHand()) this.seen(credential);
  }

  /** Tells of a credential. */
  seen(credential: Credential): void {
    if (isRsa(credential)) this.#hasRsa = true;
    else this.#hasOther = true;
  }

  /** To be called when a source has other certificates than before. */
  changed(): void {
    this.#known.clear();
  }

  /** The credential with one of the other kind for the same name, or for all its names where none was asked for. */
  complete(credential: Credential, serverName = ALL_NAMES): Credential {
    if (!this.#hasRsa || !this.#hasOther) {
      this.seen(credential);
      return credential;
    }
    const known = this.#known.get(serverName);
    if (known?.credential === credential && this.#isInDate(known.both)) return known.both;
    const both = credential.alternative === undefined ? this.#search(credential, serverName) : credential;
    this.#known.set(serverName, { credential, both });
    return both;
  }

  #isInDate({ alternative }: Credential): boolean {
    return alternative === undefined || isInDate(alternative, this.#clock.now());
  }

  #search(credential: Credential, serverName: string): Credential {
    const names = serverName === ALL_NAMES ? credential.names : [serverName];
    const covers = (other: Credential): boolean => names.every((name) => coversName(other, name));
    const now = this.#clock.now();
    const atHand = [...this.#atHand()];
    const own = atHand.find(([, { id }]) => id === credential.id)?.[0];
    const found = atHand.find(
      ([sourceName, other]) => sourceName === own && isAlternative(other, credential, { covers, now }),
    );
    return found === undefined ? credential : withAlternative(credential, found[1]);
  }
}
