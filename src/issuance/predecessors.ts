/**
 * What another issuer has issued for the same names, and is still stored: it serves while the new issuer's first
 * certificate is on its way. Never what issuers for tests have issued.
 */
import { type Credential, isInDate } from '../credential/credential.js';
import type { Clock } from '../clock.js';
import type { Storage } from '../storage/storage.js';
import { CertificateStore } from './certificate-store.js';
import type { StoredGeneration } from './stored-generation.js';

const PREFIX = 'managed/';

/** Where predecessors are looked for. */
export interface PredecessorOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  /** The issuer whose first certificate is on its way. */
  readonly issuerId: string;
  /** Whether the certificates of another issuer may serve meanwhile. */
  readonly mayPrecede: (issuerId: string) => boolean;
  /** Told of what is in date and may not. */
  readonly leftAside: ((names: readonly string[], issuerId: string) => void) | undefined;
}

/** Looks for predecessors; what issuers there are is read once. */
export class Predecessors {
  readonly #options: PredecessorOptions;
  #issuers: Promise<readonly string[]> | undefined;

  constructor(options: PredecessorOptions) {
    this.#options = options;
  }

  /** The one that is good for longest; undefined when there is none in date. */
  async find(names: readonly string[]): Promise<StoredGeneration | undefined> {
    const { storage, clock, mayPrecede, leftAside } = this.#options;
    this.#issuers ??= this.#otherIssuers();
    const issuers = await this.#issuers;
    const stored = await Promise.all(
      issuers.map(async (issuerId) => {
        const { generation } = await new CertificateStore(storage, issuerId, names).read();
        return generation === undefined || generation.isRevoked ? undefined : { ...generation, issuerId };
      }),
    );
    const inDate = stored
      .filter((generation) => generation !== undefined)
      .filter(({ credential }) => isInDate(credential, clock.now()));
    for (const { issuerId } of inDate) if (!mayPrecede(issuerId)) leftAside?.(names, issuerId);
    return inDate
      .filter(({ issuerId }) => mayPrecede(issuerId))
      .sort((one, other) => endOf(other.credential) - endOf(one.credential))[0];
  }

  async #otherIssuers(): Promise<readonly string[]> {
    const { storage, issuerId } = this.#options;
    const issuers = new Set<string>();
    for await (const key of storage.list(PREFIX))
      issuers.add(key.slice(PREFIX.length).split('/', 1)[0] ?? '');
    return [...issuers].filter((id) => id !== issuerId);
  }
}

function endOf({ notAfter }: Credential): number {
  return notAfter;
}
