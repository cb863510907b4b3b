/** One certificate authority as one source sees it: its connections, nonces and directory, shared by all attempts. */
import { createHash } from 'node:crypto';
import type { Agent } from 'node:https';
import type { Clock } from '../clock.js';
import { type ExternalAccountBinding, hardenedClient } from './acme-client.js';
import { AcmeClient } from './client.js';
import { NoncePool } from './nonces.js';
import { responseError } from './problem.js';
import { parseRenewalInfo, type RenewalInfo } from './renewal-info.js';
import { type Directory, parseDirectory } from './resources.js';
import { Transport, type Wire } from './transport.js';
import { unlessAborted } from './unless-aborted.js';

/** Authorities change theirs rarely, and what they offer is looked up before each order. */
const DIRECTORY_MAX_AGE_MS = 600_000;

/** Which authority, and how to reach it. */
export interface CertificateAuthorityOptions {
  readonly clock: Clock;
  readonly directoryUrl: string;
  /** PEM roots to trust in place of Node's. */
  readonly ca?: string;
  /** Somebody's own agent, such as one for a proxy. */
  readonly agent?: Agent;
  /** In place of HTTPS. */
  readonly wire?: Wire | undefined;
}

/** Whose requests these are. */
export interface ClientIdentity {
  readonly accountKey: string;
  /** Undefined until there is an account. */
  readonly accountUrl?: string;
  readonly externalAccountBinding?: ExternalAccountBinding | undefined;
  /** For messages. */
  readonly names?: readonly string[];
  readonly signal: AbortSignal;
}

/** A certificate authority. */
export class CertificateAuthority {
  readonly directoryUrl: string;
  readonly #clock: Clock;
  readonly #transport: Wire;
  readonly #nonces: NoncePool;
  readonly #closing = new AbortController();
  #directory: { readonly promise: Promise<Directory>; readonly fetchedAt: number } | undefined;

  constructor({ clock, directoryUrl, ca, agent, wire }: CertificateAuthorityOptions) {
    this.directoryUrl = directoryUrl;
    this.#clock = clock;
    this.#nonces = new NoncePool(clock);
    this.#transport =
      wire ??
      new Transport({
        clock,
        ...(ca === undefined ? {} : { ca }),
        ...(agent === undefined ? {} : { agent }),
      });
  }

  /** What it offers; asked for again after ten minutes, and after a fault. */
  directory(): Promise<Directory> {
    const now = this.#clock.now();
    const age = now - (this.#directory?.fetchedAt ?? -Infinity);
    if (this.#directory !== undefined && age >= 0 && age < DIRECTORY_MAX_AGE_MS)
      return this.#directory.promise;
    const promise = this.#fetchDirectory();
    const fetched = { promise, fetchedAt: now };
    this.#directory = fetched;
    promise.catch(() => {
      if (this.#directory === fetched) this.#directory = undefined;
    });
    return promise;
  }

  /** A client for one attempt. */
  async client({
    names,
    accountUrl,
    externalAccountBinding,
    ...identity
  }: ClientIdentity): Promise<AcmeClient> {
    const client = await hardenedClient({
      ...identity,
      accountUrl,
      externalAccountBinding,
      transport: this.#transport,
      nonces: this.#nonces,
      directoryUrl: this.directoryUrl,
      directory: () => unlessAborted(this.directory(), identity.signal),
    });
    return new AcmeClient(client, { clock: this.#clock, ...(names === undefined ? {} : { names }) });
  }

  /**
   * When a certificate should be renewed (RFC 9773 §4.1: asked without an account).
   * @param identifier - as `renewalIdentifier` makes it
   * @returns undefined where the authority has no renewal information
   */
  async renewalInfo(identifier: string, signal: AbortSignal): Promise<RenewalInfo | undefined> {
    const { renewalInfo } = await unlessAborted(this.directory(), signal);
    if (renewalInfo === undefined) return undefined;
    const url = `${renewalInfo.replace(/\/$/, '')}/${identifier}`;
    const response = await this.#transport.send({ url, method: 'GET', signal });
    const now = this.#clock.now();
    if (response.status !== 200) throw responseError(response, { doing: 'to say when to renew', now });
    return parseRenewalInfo(response, now);
  }

  /** Ends connections and whatever is shared by attempts. */
  close(): void {
    this.#closing.abort(new Error('The source was closed.'));
    this.#transport.close();
  }

  async #fetchDirectory(): Promise<Directory> {
    const { signal } = this.#closing;
    const response = await this.#transport.send({ url: this.directoryUrl, method: 'GET', signal });
    if (response.status !== 200) {
      throw responseError(response, { doing: 'to show its directory', now: this.#clock.now() });
    }
    return parseDirectory(response.data, this.directoryUrl);
  }
}

/** A segment of storage keys that is the same for the same directory, and another for any other. */
export function authorityId(directoryUrl: string): string {
  const { hostname } = new URL(directoryUrl);
  const digest = createHash('sha256').update(directoryUrl).digest('hex').slice(0, 12);
  return `acme-${hostname.replaceAll(/[^a-z0-9.-]/g, '-').slice(0, 80)}-${digest}`;
}
