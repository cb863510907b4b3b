/** The keepers of one source: by certificate, in the order they were configured, and by name. */
import { setMaxListeners } from 'node:events';
import { wildcardOf } from '../credential/server-name.js';
import type { CertificateKeeper } from './certificate-keeper.js';
import { createSlots } from './slots.js';

/** How many stored certificates are read at the same time. */
const LOADING_SLOTS = 64;

/** The keepers of one source. */
export class KeeperSet {
  readonly #keepers = new Map<string, CertificateKeeper>();
  /** By name, wildcards as they are written. */
  #byName = new Map<string, CertificateKeeper>();

  /** The one that was configured first. */
  get first(): CertificateKeeper | undefined {
    return this.#keepers.values().next().value;
  }

  [Symbol.iterator](): IterableIterator<CertificateKeeper> {
    return this.#keepers.values();
  }

  /** Whether there is one for the certificate of this segment. */
  has(segment: string): boolean {
    return this.#keepers.has(segment);
  }

  /** Whether this one is among them. */
  includes(keeper: CertificateKeeper): boolean {
    return [...this.#keepers.values()].includes(keeper);
  }

  /** The one whose certificate has exactly this name in it. */
  named(serverName: string): CertificateKeeper | undefined {
    return this.#byName.get(serverName);
  }

  /** The one whose certificate covers the name. */
  covering(serverName: string): CertificateKeeper | undefined {
    return this.#byName.get(serverName) ?? this.#byName.get(wildcardOf(serverName) ?? '');
  }

  /** Adds one; it is found by its names once it is loaded. */
  add(segment: string, keeper: CertificateKeeper): void {
    this.#keepers.set(segment, keeper);
  }

  /** Takes one out. */
  remove(segment: string): CertificateKeeper | undefined {
    const keeper = this.#keepers.get(segment);
    this.#keepers.delete(segment);
    this.#index();
    return keeper;
  }

  /** Takes all of them out. */
  clear(): void {
    this.#keepers.clear();
  }

  /** Reads what is stored for these. */
  async load(keepers: readonly CertificateKeeper[]): Promise<void> {
    const slots = createSlots(LOADING_SLOTS);
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    await Promise.all(keepers.map((keeper) => slots.run(signal, () => keeper.load())));
    this.#index();
  }

  /** Reads what another process has stored under this path of the issuer's; under any, if it is not known. */
  pickUp(path?: string): void {
    if (path === undefined) {
      for (const keeper of this.#keepers.values()) void keeper.pickUp();
      return;
    }
    const [segment = '', record] = path.split('/');
    // Names that other processes manage are none of ours.
    if (record === 'current') void this.#keepers.get(segment)?.pickUp();
  }

  /** Does it with each, all at the same time. */
  async each(work: (keeper: CertificateKeeper) => Promise<void>): Promise<void> {
    await Promise.all(Array.from(this.#keepers.values(), work));
  }

  #index(): void {
    const keepers = [...this.#keepers.values()];
    // Reversed, so that of two certificates with the same name the one configured first has it.
    this.#byName = new Map(keepers.reverse().flatMap((keeper) => keeper.names.map((name) => [name, keeper])));
  }
}
