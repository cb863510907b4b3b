/**
 * An order that was begun, as it is stored: its URL and the private key that its certificate will be for, so that a
 * process that is killed is followed by one that finishes the same order. Stored at `acme/<authority>/orders/…`.
 */
import { createPrivateKey } from 'node:crypto';
import type { Lease, Storage } from '../storage/storage.js';
import { keyAlgorithm, type KeyPairType } from '../x509/key-algorithm.js';

const FORMAT = 1;

/** An order that was begun. */
export interface OrderRecord {
  readonly url: string;
  /** PKCS#8 PEM. */
  readonly key: string;
  readonly keyType: KeyPairType;
}

/** Where the orders for one certificate are kept. */
export class OrderRecords {
  readonly #storage: Storage;
  readonly #key: string;
  readonly #lease: Lease | undefined;

  /** @param lease - under which is written, so that a process that was thought dead changes nothing */
  constructor(storage: Storage, key: string, lease: Lease | undefined) {
    this.#storage = storage;
    this.#key = key;
    this.#lease = lease;
  }

  /** The order that was begun; undefined when there is none, or what is stored is damaged. */
  async read(): Promise<OrderRecord | undefined> {
    const value = await this.#storage.get(this.#key);
    return value === undefined ? undefined : decode(value.bytes);
  }

  async write(record: OrderRecord): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify({ format: FORMAT, ...record }));
    await this.#storage.put(this.#key, bytes, this.#options());
  }

  async forget(): Promise<void> {
    await this.#storage.delete(this.#key, this.#options());
  }

  #options(): { readonly lease?: Lease } {
    return this.#lease === undefined ? {} : { lease: this.#lease };
  }
}

/** Whether two PEM texts are the same private key. */
export function isSameKey(one: string, other: string): boolean {
  return createPrivateKey(one).equals(createPrivateKey(other));
}

function decode(bytes: Uint8Array): OrderRecord | undefined {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown> | null;
    if (value?.['format'] !== FORMAT) return undefined;
    const { url, key, keyType } = value;
    if (typeof url !== 'string' || typeof key !== 'string' || !URL.canParse(url)) return undefined;
    createPrivateKey(key);
    if (typeof keyType !== 'string') return undefined;
    keyAlgorithm(keyType as KeyPairType);
    return { url, key, keyType: keyType as KeyPairType };
  } catch {
    return undefined;
  }
}
