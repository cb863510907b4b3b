/**
 * Certificates that are issued, stored and renewed by themselves: an issuer, a storage, and one keeper for each
 * certificate, behind the seam of a certificate source. Each keeper has its own loop, so none delays another.
 */
import { setMaxListeners } from 'node:events';
import type { Credential } from '../credential/credential.js';
import { wildcardOf } from '../credential/server-name.js';
import { messageOf } from '../errors.js';
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
import type { Issued, Issuer, IssueRequest } from './issuer.js';
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
/** How many stored certificates are read at the same time. */
const LOADING_SLOTS = 64;

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
  readonly tools: KeeperTools;
}

class IssuedSource implements ManagedSource {
  readonly name: string;
  readonly #options: ParsedManagedOptions;
  /** By certificate, in the order they were configured; the value is missing until `start()`. */
  readonly #keepers = new Map<string, CertificateKeeper>();
  readonly #wanted: Map<string, readonly string[]>;
  /** By name, wildcards as they are written. */
  #byName = new Map<string, CertificateKeeper>();
  #running: Running | undefined;
  #isOpen = false;
  #isClosed = false;
  #starting: Promise<void> | undefined;
  #issuerStart: Promise<void> | undefined;
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
    this.#issuerStart = undefined;
    this.#keepers.clear();
    this.#starting = this.#start(host);
    return this.#starting;
  }

  find({ serverName }: SourceQuery): Found | undefined {
    const wildcard = this.#byName.has(serverName) ? undefined : wildcardOf(serverName);
    const keeper = this.#byName.get(wildcard ?? serverName);
    if (keeper === undefined) return undefined;
    // With `tlsOptions` or `requestListener` alone there is no listener of ours: the first connection says it all.
    if (!this.#isOpen) void this.#open();
    return keeper.find();
  }

  default(): Found | undefined {
    const [first] = this.#keepers.values();
    if (first === undefined) return undefined;
    if (!this.#isOpen) void this.#open();
    return first.find();
  }

  *list(): Iterable<Credential> {
    for (const { live } of this.#keepers.values()) if (live !== undefined) yield live;
  }

  *managed(): Iterable<ManagedCertificate> {
    for (const keeper of this.#keepers.values()) yield keeper.status();
  }

  async ready({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    void this.#open();
    const others = new AbortController();
    const either = AbortSignal.any([signal, others.signal]);
    // One listener for each certificate is what it is for: node warns of more than ten.
    setMaxListeners(0, either);
    try {
      await Promise.all(Array.from(this.#keepers, (entry) => this.#usable(entry, either)));
    } finally {
      others.abort();
    }
  }

  async #usable([segment, keeper]: [string, CertificateKeeper], signal: AbortSignal): Promise<void> {
    try {
      await keeper.usable(signal);
    } catch (error) {
      // One that is not managed any more is not waited for either.
      if (signal.aborted || this.#keepers.get(segment) === keeper) throw error;
    }
  }

  async reload(): Promise<void> {
    if (this.#running?.proof.obstacle !== undefined) await this.#running.proof.look();
    await Promise.all(Array.from(this.#keepers.values(), (keeper) => keeper.pickUp()));
  }

  renew(serverName: string, { signal }: { readonly signal: AbortSignal }): Promise<void> | undefined {
    const keeper = this.#byName.get(serverName) ?? this.#byName.get(wildcardOf(serverName) ?? '');
    return keeper?.renew(signal);
  }

  async revoke(serverName: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const keeper = this.#byName.get(serverName);
    if (keeper === undefined) throw nothingToRevoke([serverName]);
    await keeper.revoke(signal);
  }

  manages(serverName: string): boolean {
    return this.#byName.has(serverName);
  }

  async manage(names: readonly string[]): Promise<void> {
    const parsed = parseNames(this.name, names);
    const segment = certificateSegment(parsed);
    if (this.#wanted.has(segment) || this.#isClosed) return;
    this.#wanted.set(segment, parsed);
    if (this.#running === undefined) return;
    const { host } = this.#running;
    const keeper = this.#take(segment, parsed, this.#running);
    await this.#load([keeper]);
    host.changed(parsed);
    if (this.#isOpen) void keeper.open();
  }

  async unmanage(names: readonly string[]): Promise<void> {
    const segment = certificateSegment(parseNames(this.name, names));
    const keeper = this.#keepers.get(segment);
    this.#wanted.delete(segment);
    this.#keepers.delete(segment);
    if (keeper === undefined || this.#running === undefined) return;
    this.#index();
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
    await this.#closeIssuer();
    // Last: a storage that hangs keeps nothing else from being closed.
    await this.#running?.proof.close();
  }

  async #start(host: SourceHost): Promise<void> {
    const storage = this.#options.storage ?? host.storage;
    const proof = new StorageProof({
      ...{ storage, host, sourceName: this.name },
      mended: () => {
        for (const keeper of this.#keepers.values()) keeper.look();
      },
    });
    const running = { host, storage, proof, tools: this.#keeperTools({ host, storage, proof }) };
    this.#running = running;
    await proof.look();
    if (proof.obstacle !== undefined && host.strict) throw proof.obstacle;
    await this.#load(Array.from(this.#wanted, ([segment, names]) => this.#take(segment, names, running)));
    if (this.#isClosed) return;
    const prefix = issuerPrefix(this.#options.issuer.id);
    this.#stopWatching = watchStorage({ storage, clock: host.clock, prefix }, (key) => {
      this.#pickUp(key?.slice(prefix.length));
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
    await Promise.all(Array.from(this.#keepers.values(), (keeper) => keeper.open()));
  }

  #take(segment: string, names: readonly string[], { storage, tools }: Running): CertificateKeeper {
    const store = new CertificateStore(storage, this.#options.issuer.id, names);
    const keeper = new CertificateKeeper(names, store, tools);
    this.#keepers.set(segment, keeper);
    return keeper;
  }

  async #load(keepers: readonly CertificateKeeper[]): Promise<void> {
    const slots = createSlots(LOADING_SLOTS);
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    await Promise.all(keepers.map((keeper) => slots.run(signal, () => keeper.load())));
    this.#index();
  }

  #index(): void {
    const keepers = [...this.#keepers.values()];
    // Reversed, so that of two certificates with the same name the one configured first has it.
    this.#byName = new Map(keepers.reverse().flatMap((keeper) => keeper.names.map((name) => [name, keeper])));
  }

  #predecessor(storage: Storage, { clock }: SourceHost): KeeperTools['predecessor'] {
    const { issuer, mayPrecede, leftAside } = this.#options;
    if (mayPrecede === undefined) return undefined;
    const predecessors = new Predecessors({ storage, clock, issuerId: issuer.id, mayPrecede, leftAside });
    return (names) => predecessors.find(names);
  }

  #keeperTools({ host, storage, proof }: Omit<Running, 'tools'>): KeeperTools {
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
        return this.#issue(request, host);
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

  async #issue(request: IssueRequest, host: SourceHost): Promise<Issued> {
    const { issuer } = this.#options;
    this.#issuerStart ??= startOf(issuer, host).catch((error: unknown) => {
      this.#issuerStart = undefined;
      throw error;
    });
    await this.#issuerStart;
    if (request.revoked !== undefined) await this.#revoke(request.revoked, request.signal, host);
    return issuer.issue(request);
  }

  /** What cannot be revoked is to be replaced all the same. */
  async #revoke(credential: Credential, signal: AbortSignal, host: SourceHost): Promise<void> {
    try {
      await this.#options.issuer.revoke?.(credential, signal);
    } catch (error) {
      const { names } = credential;
      const text = `The certificate for ${names.join(', ')} was not revoked: ${messageOf(error)}`;
      host.logger.warn({ names, serialNumber: credential.serialNumber }, text);
    }
  }

  #pickUp(path?: string): void {
    if (path === undefined) {
      for (const keeper of this.#keepers.values()) void keeper.pickUp();
      return;
    }
    const [segment = '', record] = path.split('/');
    // Names that other processes manage are none of ours.
    if (record === 'current') void this.#keepers.get(segment)?.pickUp();
  }

  async #closeIssuer(): Promise<void> {
    try {
      await this.#options.issuer.close?.();
    } catch (error) {
      this.#running?.host.logger.warn(
        { source: this.name },
        `Closing the issuer failed: ${messageOf(error)}`,
      );
    }
  }

  async #rest(): Promise<void> {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    void this.#running?.proof.close();
    await Promise.all(Array.from(this.#keepers.values(), (keeper) => keeper.close()));
    await Promise.all(this.#options.companions.map((companion) => companion.close()));
  }
}

async function startOf(issuer: Issuer, host: SourceHost): Promise<void> {
  await issuer.start?.(host);
}
