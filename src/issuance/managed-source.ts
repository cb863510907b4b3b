/**
 * Certificates that are issued, stored and renewed by themselves: an issuer, a storage, and one keeper for each
 * certificate, behind the seam of a certificate source. Each keeper has its own loop, so none delays another.
 */
import { setMaxListeners } from 'node:events';
import type { Credential } from '../credential/credential.js';
import type {
  CertificateSource,
  Found,
  ManagedCertificate,
  SourceHost,
  SourceQuery,
} from '../sources/certificate-source.js';
import type { Storage } from '../storage/storage.js';
import { CertificateKeeper } from './certificate-keeper.js';
import { certificateSegment, CertificateStore, issuerPrefix } from './certificate-store.js';
import { closeIssuer, IssuerRun } from './issuer-run.js';
import { KeeperSet } from './keeper-set.js';
import type { KeeperTools } from './keeper-tools.js';
import { Predecessors } from './predecessors.js';
import { LookOut } from './look-out.js';
import { createSlots } from './slots.js';
import {
  type ManagedSourceOptions,
  type ParsedManagedOptions,
  parseManagedOptions,
} from './managed-options.js';
import { parseNames } from './configured-names.js';
import { watchStorage } from './storage-changes.js';
import { nothingToRevoke } from './revocation.js';
import { StorageProof } from './storage-proof.js';

/** How many certificates one source issues at the same time. */
const ISSUING_SLOTS = 20;

/** A source whose certificates are issued and renewed, and whose list of names may change while it runs. */
export interface ManagedSource extends CertificateSource {
  /**
   * Adds one certificate for all of `names`; the same set of names again changes nothing. Resolves when what is
   * stored for them is loaded; a missing one is then issued behind it.
   */
  manage(names: readonly string[]): Promise<void>;
  /** Sync: what it has, or a promise for what it will have. */
  find(query: SourceQuery): Found | undefined;
  /** Stops managing the certificate for exactly this set of names. What is stored of it stays. */
  unmanage(names: readonly string[]): Promise<void>;
  /**
   * Revokes what serves for exactly this name; resolves when another one serves.
   * @throws {@link TlsmithError} `NAME_NOT_MANAGED`, or what the issuer says
   */
  revoke(serverName: string, options: { readonly signal: AbortSignal }): Promise<void>;
  /** Whether a certificate has exactly this name in it. */
  manages(serverName: string): boolean;
}

/**
 * Makes a managed source. Opens nothing and reads nothing before `start()`.
 * @throws TypeError for misused options, naming the option
 */
export function managedSource(options: ManagedSourceOptions): ManagedSource {
  return new IssuedSource(parseManagedOptions(options));
}

/** What exists once the source has started. */
interface Running {
  readonly host: SourceHost;
  readonly storage: Storage;
  readonly proof: StorageProof;
  readonly issuer: IssuerRun;
  readonly tools: KeeperTools;
}

class IssuedSource implements ManagedSource {
  readonly name: string;
  readonly #options: ParsedManagedOptions;
  /** Empty until `start()`. */
  readonly #keepers = new KeeperSet();
  /** By certificate. */
  readonly #wanted: Map<string, readonly string[]>;
  #running: Running | undefined;
  #isOpen = false;
  #isClosed = false;
  #starting: Promise<void> | undefined;
  #stopWatching: (() => void) | undefined;

  constructor(options: ParsedManagedOptions) {
    this.name = options.name;
    this.#options = options;
    this.#wanted = new Map(options.names.map((names) => [certificateSegment(names), names]));
  }

  start(host: SourceHost): Promise<void> {
    // A server that was closed may be started again: what the last run closed is made anew.
    this.#isClosed = false;
    this.#isOpen = false;
    this.#keepers.clear();
    this.#starting = this.#start(host);
    return this.#starting;
  }

  find({ serverName }: SourceQuery): Found | undefined {
    const keeper = this.#keepers.covering(serverName);
    if (keeper === undefined) return undefined;
    // With `tlsOptions` or `requestListener` alone there is no listener of ours: the first connection says it all.
    if (!this.#isOpen) void this.#open();
    return keeper.find();
  }

  default(): Found | undefined {
    const { first } = this.#keepers;
    if (first === undefined) return undefined;
    if (!this.#isOpen) void this.#open();
    return first.find();
  }

  *list(): Iterable<Credential> {
    for (const { live } of this.#keepers) if (live !== undefined) yield live;
  }

  *managed(): Iterable<ManagedCertificate> {
    for (const keeper of this.#keepers) yield keeper.status();
  }

  async ready({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    void this.#open();
    const others = new AbortController();
    const either = AbortSignal.any([signal, others.signal]);
    // One listener for each certificate is what it is for: node warns of more than ten.
    setMaxListeners(0, either);
    try {
      await this.#keepers.each((keeper) => this.#usable(keeper, either));
    } finally {
      others.abort();
    }
  }

  async #usable(keeper: CertificateKeeper, signal: AbortSignal): Promise<void> {
    try {
      await keeper.usable(signal);
    } catch (error) {
      // One that is not managed any more is not waited for either.
      if (signal.aborted || this.#keepers.includes(keeper)) throw error;
    }
  }

  async reload(): Promise<void> {
    if (this.#running?.proof.obstacle !== undefined) await this.#running.proof.look();
    await this.#keepers.each((keeper) => keeper.pickUp());
  }

  renew(serverName: string, { signal }: { readonly signal: AbortSignal }): Promise<void> | undefined {
    return this.#keepers.covering(serverName)?.renew(signal);
  }

  async revoke(serverName: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const keeper = this.#keepers.named(serverName);
    if (keeper === undefined) throw nothingToRevoke([serverName]);
    await keeper.revoke(signal);
  }

  manages(serverName: string): boolean {
    return this.#keepers.named(serverName) !== undefined;
  }

  async manage(names: readonly string[]): Promise<void> {
    const parsed = parseNames(this.name, names);
    const segment = certificateSegment(parsed);
    if (this.#wanted.has(segment) || this.#isClosed) return;
    this.#wanted.set(segment, parsed);
    if (this.#running === undefined) return;
    const { host } = this.#running;
    const keeper = this.#take(segment, parsed, this.#running);
    await this.#keepers.load([keeper]);
    host.changed(parsed);
    if (this.#isOpen) void keeper.open();
  }

  async unmanage(names: readonly string[]): Promise<void> {
    const segment = certificateSegment(parseNames(this.name, names));
    this.#wanted.delete(segment);
    const keeper = this.#keepers.remove(segment);
    if (keeper === undefined || this.#running === undefined) return;
    this.#running.host.changed(keeper.names);
    for (const companion of this.#options.companions) companion.unmanaged?.(keeper.names);
    await keeper.close();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#rest();
    // What `start()` was still doing may have added to it.
    await this.#starting?.catch(() => undefined);
    await this.#rest();
    await closeIssuer(this.#options.issuer, (message) => {
      this.#running?.host.logger.warn({ source: this.name }, message);
    });
    // Last: a storage that hangs keeps nothing else from being closed.
    await this.#running?.proof.close();
  }

  async #start(host: SourceHost): Promise<void> {
    const storage = this.#options.storage ?? host.storage;
    const proof = new StorageProof({
      ...{ storage, host, sourceName: this.name },
      mended: () => {
        for (const keeper of this.#keepers) keeper.look();
      },
    });
    const issuer = new IssuerRun(this.#options.issuer, host);
    const facts = { host, storage, proof, issuer };
    const running = { ...facts, tools: this.#keeperTools(facts) };
    this.#running = running;
    await proof.look();
    if (proof.obstacle !== undefined && host.strict) throw proof.obstacle;
    await this.#keepers.load(
      Array.from(this.#wanted, ([segment, names]) => this.#take(segment, names, running)),
    );
    if (this.#isClosed) return;
    const prefix = issuerPrefix(this.#options.issuer.id);
    this.#stopWatching = watchStorage({ storage, clock: host.clock, prefix }, (key) => {
      this.#keepers.pickUp(key?.slice(prefix.length));
    });
    for (const companion of this.#options.companions)
      companion.started?.({ keeps: (segment) => this.#keepers.has(segment) });
    await this.#openOnceReachable(host);
  }

  async #openOnceReachable(host: SourceHost): Promise<void> {
    if (this.#options.issuer.isLocal) {
      await this.#open();
      return;
    }
    // Validators must be able to reach us.
    const onChange = (): void => {
      if (host.listeners().length > 0) void this.#open();
    };
    if (host.listeners(onChange).length > 0) void this.#open();
  }

  async #open(): Promise<void> {
    if (this.#isOpen || this.#isClosed || this.#running === undefined) return;
    this.#isOpen = true;
    await this.#keepers.each((keeper) => keeper.open());
  }

  #take(segment: string, names: readonly string[], { storage, tools }: Running): CertificateKeeper {
    const store = new CertificateStore(storage, this.#options.issuer.id, names);
    const keeper = new CertificateKeeper(names, store, tools);
    this.#keepers.add(segment, keeper);
    return keeper;
  }

  #predecessor(storage: Storage, { clock }: SourceHost): KeeperTools['predecessor'] {
    const { issuer, mayPrecede, leftAside } = this.#options;
    if (mayPrecede === undefined) return undefined;
    const predecessors = new Predecessors({ storage, clock, issuerId: issuer.id, mayPrecede, leftAside });
    return (names) => predecessors.find(names);
  }

  #keeperTools({ host, storage, proof, issuer: run }: Omit<Running, 'tools'>): KeeperTools {
    const { issuer, fractionLeft, waitMs, random } = this.#options;
    return {
      sourceName: this.name,
      host,
      slots: createSlots(ISSUING_SLOTS),
      random,
      lookOut: new LookOut(host.clock),
      waitingSlots: createSlots(ISSUING_SLOTS),
      rules: { fractionLeft, isLocal: issuer.isLocal },
      waitMs,
      issue: async (request) => {
        await proof.assertWritable();
        return run.issue(request);
      },
      revoke: async (credential, signal) => issuer.revoke?.(credential, signal),
      advise:
        issuer.renewalInfo === undefined
          ? undefined
          : async (credential, signal, issuerId) => issuer.renewalInfo?.(credential, signal, issuerId),
      predecessor: this.#predecessor(storage, host),
      served: (names, credential) => {
        for (const companion of this.#options.companions) companion.served?.(names, credential);
      },
      obstacle: () => proof.obstacle,
      failed: (names, { isUsable }) => this.#options.failed?.({ names, isUsable }),
    };
  }

  async #rest(): Promise<void> {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    void this.#running?.proof.close();
    await this.#keepers.each((keeper) => keeper.close());
    await Promise.all(this.#options.companions.map((companion) => companion.close()));
  }
}
