/**
 * The account at one certificate authority (RFC 8555 §7.3). Its key is stored before the account is asked for and is
 * never replaced: CAA records may name the account, and an external account binding can be used only once.
 * Stored at `acme/<authority>/account`.
 */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { TlsmithError } from '../errors.js';
import type { Storage } from '../storage/storage.js';
import { generateKeyPair } from '../x509/key-pair.js';
import type { ExternalAccountBinding } from './acme-client.js';
import { authorityId, type CertificateAuthority } from './certificate-authority.js';
import { isAccountMissing } from './client.js';

const FORMAT = 1;

/** Who one is at the authority. */
export interface Account {
  /** PKCS#8 PEM. */
  readonly key: string;
  readonly url: string;
}

/** What an account is made of. */
export interface AccountOptions {
  readonly authority: CertificateAuthority;
  readonly storage: Storage;
  readonly email: string | undefined;
  /** PEM; a new one is made and stored if omitted. */
  readonly accountKey: string | undefined;
  readonly externalAccountBinding: ExternalAccountBinding | undefined;
  /** Aborted when the source closes. */
  readonly signal: AbortSignal;
}

interface AccountRecord {
  readonly key: string;
  readonly url?: string;
}

/** Finds or creates the account, once for all who ask. */
export class Accounts {
  readonly #options: AccountOptions;
  readonly #storageKey: string;
  #account: Promise<Account> | undefined;

  constructor(options: AccountOptions) {
    this.#options = options;
    this.#storageKey = `acme/${authorityId(options.authority.directoryUrl)}/${segmentFor(options.accountKey)}`;
  }

  /** The account; a failure is forgotten, so that the next one who asks tries again. */
  get(): Promise<Account> {
    if (this.#account !== undefined) return this.#account;
    const account = this.#open();
    this.#account = account;
    account.catch(() => {
      if (this.#account === account) this.#account = undefined;
    });
    return account;
  }

  /** To be called when the authority said that there is no such account: looks again at the next `get`. */
  async recover(): Promise<void> {
    const { key } = await this.get();
    this.#account = undefined;
    const url = await this.#existing(key);
    if (url === undefined) return;
    await this.#locked((put) => put({ key, url }));
  }

  async #open(): Promise<Account> {
    const stored = await this.#read();
    if (stored?.url !== undefined) return { key: stored.key, url: stored.url };
    return this.#locked(async (put) => {
      // Another process may have been faster.
      const present = await this.#read();
      if (present?.url !== undefined) return { key: present.key, url: present.url };
      const key = present?.key ?? (await this.#newKey());
      if (present === undefined) await put({ key });
      // A process that was killed before it could store the URL has left a key that may have an account.
      const url =
        (present === undefined ? undefined : await this.#existing(key)) ?? (await this.#create(key));
      await put({ key, url });
      return { key, url };
    });
  }

  async #newKey(): Promise<string> {
    const { accountKey } = this.#options;
    return accountKey ?? (await generateKeyPair('ecdsa-p256')).privateKey;
  }

  /** §7.3.1: the account of this key, if the authority has one. */
  async #existing(accountKey: string): Promise<string | undefined> {
    const { authority, signal } = this.#options;
    const client = await authority.client({ accountKey, signal });
    try {
      return (await client.newAccount({ onlyReturnExisting: true })).url;
    } catch (error) {
      if (isAccountMissing(error)) return undefined;
      throw error;
    }
  }

  async #create(accountKey: string): Promise<string> {
    const { authority, signal, email, externalAccountBinding } = this.#options;
    const client = await authority.client({ accountKey, externalAccountBinding, signal });
    const { url } = await client.newAccount({
      termsOfServiceAgreed: true,
      ...(email === undefined ? {} : { contact: [`mailto:${email}`] }),
    });
    return url;
  }

  async #read(): Promise<AccountRecord | undefined> {
    const value = await this.#options.storage.get(this.#storageKey);
    if (value === undefined) return undefined;
    const record = decode(value.bytes);
    if (record !== undefined) return record;
    throw new TlsmithError('STORAGE_CORRUPT', `What is stored at ${this.#storageKey} is no ACME account.`, {
      hint: 'Restore it from a backup. Only if that is impossible delete it: a new account is made then, which CAA records with `accounturi` do not know.',
    });
  }

  async #locked<Result>(
    use: (put: (record: AccountRecord) => Promise<void>) => Promise<Result>,
  ): Promise<Result> {
    const { storage, signal } = this.#options;
    const lease = await storage.lock(`${this.#storageKey}-lock`, { signal });
    try {
      return await use(async (record) => {
        const bytes = new TextEncoder().encode(JSON.stringify({ format: FORMAT, ...record }));
        await storage.put(this.#storageKey, bytes, { lease });
      });
    } finally {
      await lease.release().catch(() => undefined);
    }
  }
}

/** An account of the user's own key is another one than that of the key made here. */
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
  const { format, key, url } = value as Record<string, unknown>;
  if (format !== FORMAT || typeof key !== 'string') return undefined;
  return typeof url === 'string' ? { key, url } : { key };
}
