/**
 * Where one managed certificate lives in storage: the generation in use, the one before it, the failures in a row
 * and the lock. Keys: `managed/<issuer>/<certificate>/{current,previous,failure,held,renewal,lock}`.
 */
import { createHash } from 'node:crypto';
import type { Credential } from '../credential/credential.js';
import type { Finding } from '../credential/findings.js';
import { codeOf, messageOf } from '../errors.js';
import type { Lease, Storage, StoredValue } from '../storage/storage.js';
import { decodeFailure, encodeFailure, type FailureRecord } from './failure-record.js';
import {
  decodeGeneration,
  encodeGeneration,
  type Generation,
  type StoredGeneration,
} from './stored-generation.js';

const LONGEST_READABLE_PART = 80;

/** The folder of everything that is stored for certificates of this issuer. */
export function issuerPrefix(issuerId: string): string {
  return `managed/${issuerId}/`;
}

/** A key segment for a certificate: its first name for people, a digest of all names (in any order) to be exact. */
export function certificateSegment(names: readonly string[]): string {
  const readable = (names[0] ?? '').replaceAll(/[^a-z0-9._*-]/g, '-').slice(0, LONGEST_READABLE_PART);
  const digest = createHash('sha256')
    .update([...names].sort().join(','))
    .digest('hex')
    .slice(0, 16);
  return `${readable}-${digest}`;
}

/** What is stored, as far as it can be used. */
export interface StoredState {
  /** The newest generation that is whole. */
  readonly generation?: StoredGeneration;
  /** The one before it, where that one is revoked and this one is not. */
  readonly standIn?: StoredGeneration;
  /** Failed attempts in a row. */
  readonly failure?: FailureRecord;
  /** Why the newest one could not be used. */
  readonly finding?: Finding;
}

/** Reads and writes what is stored of one certificate. */
export class CertificateStore {
  /** The prefix of all its keys. */
  readonly prefix: string;
  readonly #storage: Storage;
  readonly #names: readonly string[];
  #seenVersion: string | undefined;
  /** What was proven last is not proven again: that takes milliseconds, three times for each renewal. */
  #proven: { readonly version: string; readonly generation: StoredGeneration } | undefined;
  #writtenId: string | undefined;

  constructor(storage: Storage, issuerId: string, names: readonly string[]) {
    this.#storage = storage;
    this.#names = names;
    this.prefix = `${issuerPrefix(issuerId)}${certificateSegment(names)}/`;
  }

  /** Waits until no other process works on this certificate. */
  lock(signal: AbortSignal): Promise<Lease> {
    return this.#storage.lock(`${this.prefix}lock`, { signal });
  }

  /**
   * Everything stored. A damaged value becomes a finding and the one before it is used; a storage that cannot be
   * read rejects, so that nothing is overwritten that might be whole.
   */
  async read(): Promise<StoredState> {
    const current = await this.#generation('current');
    const isRevoked = current.generation?.isRevoked === true;
    const isEnough = current.generation !== undefined && !isRevoked;
    const previous = isEnough ? undefined : (await this.#generation('previous')).generation;
    const usable = current.generation ?? previous;
    const standIn = isRevoked && previous?.isRevoked !== true ? previous : undefined;
    const recorded = await this.#failure();
    // A success clears the record, unless the process was killed in between: then the success counts.
    const isOutdated = recorded !== undefined && usable !== undefined && recorded.failedAt < usable.issuedAt;
    const failure = isOutdated ? undefined : recorded;
    return {
      ...(usable === undefined ? {} : { generation: usable }),
      ...(standIn === undefined ? {} : { standIn }),
      ...(failure === undefined ? {} : { failure }),
      ...(current.fault === undefined ? {} : { finding: this.#finding(current.fault) }),
    };
  }

  /** What another process has stored since this one last read or wrote; undefined when nothing. */
  async readNews(): Promise<StoredState | undefined> {
    const value = await this.#get('current');
    if (value === undefined || value.version === this.#seenVersion) return undefined;
    const { generation, fault } = this.#decodeCurrent(value);
    this.#seenVersion = value.version;
    // Our own write is served by the attempt that made it, under its own name in the events.
    const isOurs = generation?.credential.id === this.#writtenId && generation?.isRevoked !== true;
    if (isOurs) return undefined;
    return {
      ...(generation === undefined ? {} : { generation }),
      ...(fault === undefined ? {} : { finding: this.#finding(fault) }),
    };
  }

  /** Writes a new generation and keeps the one before it, if that one is whole. */
  async save(generation: Generation, lease: Lease): Promise<void> {
    const current = await this.#getUndamaged('current');
    if (current !== undefined && this.#decodeCurrent(current).generation !== undefined) {
      await this.#storage.put(`${this.prefix}previous`, current.bytes, { lease });
    }
    const { credential, issuedAt, issuerId } = generation;
    const stored = { credential, issuedAt, ...(issuerId === undefined ? {} : { issuerId }) };
    this.#writtenId = credential.id;
    const { version } = await this.#storage.put(`${this.prefix}current`, encodeGeneration(generation), {
      lease,
    });
    this.#seenVersion = version;
    this.#proven = { version, generation: stored };
  }

  /**
   * Notes that `credential` is revoked, or that it is not after all; nothing, when another one has taken its place. Without
   * the lease: nobody's renewal has to be waited for.
   */
  async noteRevoked(credential: Credential, isRevoked: boolean): Promise<void> {
    const value = await this.#get('current');
    const generation = value && this.#decodeCurrent(value).generation;
    if (generation?.credential.id !== credential.id) return;
    const { isRevoked: wasRevoked = false, ...facts } = generation;
    if (wasRevoked === isRevoked) return;
    const noted = { ...facts, names: this.#names, ...(isRevoked ? { isRevoked } : {}) };
    try {
      const ifVersion = value?.version ?? null;
      await this.#storage.put(`${this.prefix}current`, encodeGeneration(noted), { ifVersion });
    } catch (error) {
      if (codeOf(error) !== 'STORAGE_VERSION_CONFLICT') throw error;
      await this.noteRevoked(credential, isRevoked);
    }
  }

  /** Writes the failures in a row. */
  async saveFailure(record: FailureRecord, lease: Lease): Promise<void> {
    await this.#storage.put(`${this.prefix}failure`, encodeFailure(record), { lease });
  }

  /** Forgets the failures: there was a success. */
  async clearFailure(lease: Lease): Promise<void> {
    await this.#storage.delete(`${this.prefix}failure`, { lease });
  }

  /** What the issuer has said of when to renew, as it was written. */
  async readAdvice(): Promise<Uint8Array | undefined> {
    return (await this.#storage.get(`${this.prefix}renewal`))?.bytes;
  }

  /** Writes it; without a lease, because any answer of the issuer's is as good as another. */
  async writeAdvice(bytes: Uint8Array): Promise<void> {
    await this.#storage.put(`${this.prefix}renewal`, bytes);
  }

  async #generation(which: 'current' | 'previous'): Promise<Decoded> {
    try {
      const value = await this.#get(which);
      if (value === undefined) return {};
      if (which === 'current') this.#seenVersion = value.version;
      return which === 'current' ? this.#decodeCurrent(value) : this.#decode(value);
    } catch (error) {
      if (codeOf(error) === 'STORAGE_CORRUPT') return { fault: messageOf(error) };
      throw error;
    }
  }

  async #failure(): Promise<FailureRecord | undefined> {
    const value = await this.#getUndamaged('failure');
    return value === undefined ? undefined : decodeFailure(value.bytes);
  }

  #decodeCurrent(value: StoredValue): Decoded {
    if (this.#proven?.version === value.version) return { generation: this.#proven.generation };
    const decoded = this.#decode(value);
    if (decoded.generation !== undefined) {
      this.#proven = { version: value.version, generation: decoded.generation };
    }
    return decoded;
  }

  #decode(value: StoredValue): Decoded {
    try {
      return { generation: decodeGeneration(value.bytes, this.#names) };
    } catch (error) {
      return { fault: messageOf(error) };
    }
  }

  #get(which: 'current' | 'previous' | 'failure'): Promise<StoredValue | undefined> {
    return this.#storage.get(`${this.prefix}${which}`);
  }

  async #getUndamaged(which: 'current' | 'failure'): Promise<StoredValue | undefined> {
    try {
      return await this.#get(which);
    } catch (error) {
      if (codeOf(error) === 'STORAGE_CORRUPT') return undefined;
      throw error;
    }
  }

  #finding(fault: string): Finding {
    return {
      code: 'STORAGE_CORRUPT',
      severity: 'warning',
      message: `The stored certificate for ${this.#names.join(', ')} is not used: ${fault}`,
      hint: 'The one before it serves if it is still good; otherwise a new one is issued.',
      names: this.#names,
    };
  }
}

interface Decoded {
  readonly generation?: StoredGeneration;
  readonly fault?: string;
}
