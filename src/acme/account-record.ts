/** The account as it is stored, at `acme/<authority>/account`: what is written here is never lost and never replaced. */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { TlsmithError } from '../errors.js';
import type { Storage } from '../storage/storage.js';

const FORMAT = 1;

/** An account, or the key that one is to be made with. */
export interface AccountRecord {
  /** PKCS#8 PEM. */
  readonly key: string;
  /** Missing until the authority has said it. */
  readonly url?: string;
  /** A key that the authority was, or was to be, asked to take in place of the other. */
  readonly nextKey?: string;
}

/** Where one account is kept. */
export class AccountRecords {
  readonly #storage: Storage;
  readonly #key: string;

  /**
   * @param authority - the segment of its keys
   * @param accountKey - the user's own: its account is another one than that of the key made here
   */
  constructor(storage: Storage, authority: string, accountKey: string | undefined) {
    this.#storage = storage;
    this.#key = `acme/${authority}/${segmentFor(accountKey)}`;
  }

  /** @throws {@link TlsmithError} `STORAGE_CORRUPT` */
  async read(): Promise<AccountRecord | undefined> {
    const value = await this.#storage.get(this.#key);
    if (value === undefined) return undefined;
    const record = decode(value.bytes);
    if (record !== undefined) return record;
    throw new TlsmithError('STORAGE_CORRUPT', `What is stored at ${this.#key} is no ACME account.`, {
      hint: 'Restore it from a backup. Only if that is impossible delete it: a new account is made then, which CAA records with `accounturi` do not know.',
    });
  }

  /** Lets one process at a time change it. */
  async locked<Result>(
    signal: AbortSignal,
    use: (write: (record: AccountRecord) => Promise<void>) => Promise<Result>,
  ): Promise<Result> {
    const lease = await this.#storage.lock(`${this.#key}-lock`, { signal });
    try {
      return await use(async (record) => {
        const bytes = new TextEncoder().encode(JSON.stringify({ format: FORMAT, ...record }));
        await this.#storage.put(this.#key, bytes, { lease });
      });
    } finally {
      await lease.release().catch(() => undefined);
    }
  }
}

function segmentFor(accountKey: string | undefined): string {
  if (accountKey === undefined) return 'account';
  const publicKey = createPublicKey(createPrivateKey(accountKey)).export({ type: 'spki', format: 'der' });
  return `account-${createHash('sha256').update(publicKey).digest('hex').slice(0, 16)}`;
}

function decode(bytes: Uint8Array): AccountRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { format, key, url, nextKey } = value as Record<string, unknown>;
  if (format !== FORMAT || typeof key !== 'string') return undefined;
  return {
    key,
    ...(typeof url === 'string' ? { url } : {}),
    ...(typeof nextKey === 'string' ? { nextKey } : {}),
  };
}
