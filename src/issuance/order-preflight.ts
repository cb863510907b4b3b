/** Looks, once for each certificate, at what would make its first order fail; what is found is told while the order is on its way. */
import { isIP } from 'node:net';
import { addressesOf, ownAddresses } from '../acme/name-addresses.js';
import { nameFinding, portFinding, type Reach } from '../acme/preflight.js';
import { isPublicAuthority } from '../acme/private-name.js';
import type { ChallengeType } from '../acme/solvers.js';
import type { SourceHost } from '../sources/certificate-source.js';
import { type Storage, VOLATILE, type VolatileStorage } from '../storage/storage.js';

/** What is looked at. */
export interface OrderPreflightOptions {
  readonly host: SourceHost;
  readonly directoryUrl: string;
  readonly storage: Storage;
}

/** The looks of one source. */
export class OrderPreflight {
  readonly #options: OrderPreflightOptions;
  /** By names: the look that has begun, to be ended once there is a certificate. */
  readonly #looks = new Map<string, AbortController>();
  #hasToldPort = false;
  #isStorageKnown = false;

  constructor(options: OrderPreflightOptions) {
    this.#options = options;
  }

  /** Begins to look, unless that was done; nobody waits for it, and it never fails. */
  begin(names: readonly string[], types: readonly ChallengeType[]): void {
    const { directoryUrl, host } = this.#options;
    const id = names.join();
    if (!isPublicAuthority(directoryUrl) || this.#looks.has(id)) return;
    const look = new AbortController();
    this.#looks.set(id, look);
    void this.#lookAtStorage();
    if (types.includes('dns-01')) return;
    const reach = { listeners: host.listeners(), wayIn: host.wayIn?.() ?? NOTHING_KNOWN };
    const doubt = portFinding(types, reach);
    if (doubt !== undefined) {
      this.#hasToldPort = true;
      host.report(doubt);
    }
    for (const name of names) if (isIP(name) === 0) void this.#lookAtName(name, reach, look.signal);
  }

  /** There is a certificate: what was doubted is not in its way. */
  passed(names: readonly string[]): void {
    const { host } = this.#options;
    const id = names.join();
    if (!this.#looks.has(id)) return;
    this.#looks.get(id)?.abort();
    host.resolved('ACME_NAME_DOUBTFUL', names);
    if (this.#hasToldPort) host.resolved('ACME_PORT_DOUBTFUL');
    this.#hasToldPort = false;
  }

  /** Ends all looks. */
  close(): void {
    for (const look of this.#looks.values()) look.abort();
    this.#looks.clear();
  }

  async #lookAtName(name: string, reach: Reach, signal: AbortSignal): Promise<void> {
    const addresses = await addressesOf(name, signal);
    const doubt = nameFinding(name, addresses, { ...reach, own: ownAddresses() });
    if (doubt !== undefined && !signal.aborted) this.#options.host.report(doubt);
  }

  async #lookAtStorage(): Promise<void> {
    if (this.#isStorageKnown) return;
    this.#isStorageKnown = true;
    const { storage, host } = this.#options;
    const known: Partial<VolatileStorage> = storage;
    const reason = await known[VOLATILE]?.();
    if (reason === undefined) return;
    host.report({
      code: 'STORAGE_NOT_PERSISTENT',
      severity: 'warning',
      message: `Certificates are ordered and kept in a storage that does not last: ${reason}. Each new one would order them again, and run into the authority’s limits.`,
      hint: 'Give `storage: fileStorage(folder)` a folder on a disk; in a container, one on a volume.',
    });
  }
}

const NOTHING_KNOWN = { isBehindProxy: false, hasRequestListener: true };
