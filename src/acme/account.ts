/**
 * The account at one certificate authority (RFC 8555 §7.3). Its key is stored before the account is asked for and is
 * never replaced unasked: CAA records may name the account, and an external account binding can be used only once.
 */
import { isTlsmithError } from '../errors.js';
import type { Storage } from '../storage/storage.js';
import { generateKeyPair } from '../x509/key-pair.js';
import { type AccountRecord, AccountRecords } from './account-record.js';
import type { ExternalAccountBinding } from './acme-client.js';
import { authorityId, type CertificateAuthority } from './certificate-authority.js';
import { isAccountMissing } from './client.js';
import { keyAuthorization } from './thumbprint.js';

/** Faults after which nobody knows whether a request has arrived. */
const UNDECIDED = new Set(['ACME_UNREACHABLE', 'ACME_SERVER_ERROR', 'ACME_RESPONSE_INVALID']);

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

type Write = (record: AccountRecord) => Promise<void>;

/** Finds or creates the account, once for all who ask. */
export class Accounts {
  readonly #options: AccountOptions;
  readonly #records: AccountRecords;
  /** The last that was found: what somebody deletes from the storage meanwhile is put back. */
  #known: Account | undefined;
  #opening: Promise<Account> | undefined;

  constructor(options: AccountOptions) {
    const { storage, authority, accountKey } = options;
    this.#options = options;
    this.#records = new AccountRecords(storage, authorityId(authority.directoryUrl), accountKey);
  }

  /** The account as it is stored now: another process may have changed its key. */
  get(): Promise<Account> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /**
   * What any `http-01` token for this account is answered with; undefined while there is no account. Asks nobody but the
   * storage.
   */
  async keyAuthorization(token: string): Promise<string | undefined> {
    const { accountKey } = this.#options;
    const key = accountKey ?? (await this.#records.read())?.key ?? this.#known?.key;
    return key === undefined ? undefined : keyAuthorization(token, key);
  }

  /** To be called when the authority said that there is no such account: looks for it again by its key. */
  async recover(): Promise<void> {
    const { key } = await this.get();
    const url = await this.#existing(key);
    if (url === undefined) return;
    this.#known = { key, url };
    await this.#records.locked(this.#options.signal, (write) => write({ key, url }));
  }

  /**
   * §7.3.5: gives the account another key. The new one is stored first, so that whatever happens in between, the key that
   * the authority knows is among those that are stored.
   */
  async rollOver(): Promise<void> {
    await this.get();
    await this.#records.locked(this.#options.signal, async (write) => {
      const { key, url } = await this.#settled(write);
      const nextKey = (await generateKeyPair('ecdsa-p256')).privateKey;
      await write({ key, url, nextKey });
      const { authority, signal } = this.#options;
      const client = await authority.client({ accountKey: key, accountUrl: url, signal });
      try {
        await client.changeKey(nextKey);
      } catch (error) {
        // The next one who asks finds out which key counts.
        if (isTlsmithError(error) && !UNDECIDED.has(error.code)) await write({ key, url });
        throw error;
      }
      await write({ key: nextKey, url });
      this.#known = { key: nextKey, url };
    });
  }

  async #open(): Promise<Account> {
    const stored = await this.#records.read();
    const isSettled = stored?.url !== undefined && stored.nextKey === undefined;
    this.#known = isSettled
      ? { key: stored.key, url: stored.url }
      : await this.#records.locked(this.#options.signal, (write) => this.#settled(write));
    return this.#known;
  }

  /** The account, under the lock, with nothing left open. */
  async #settled(write: Write): Promise<Account> {
    // Another process may have been faster.
    const present = await this.#records.read();
    if (present?.url === undefined) return this.#made(present, write);
    if (present.nextKey === undefined) return { key: present.key, url: present.url };
    // A process has gone before it could say which of the two keys counts.
    const url = await this.#existing(present.nextKey);
    const account =
      url === undefined ? { key: present.key, url: present.url } : { key: present.nextKey, url };
    await write(account);
    return account;
  }

  async #made(present: AccountRecord | undefined, write: Write): Promise<Account> {
    const known = present === undefined ? this.#known : undefined;
    const key = known?.key ?? present?.key ?? (await this.#newKey());
    if (present === undefined) await write({ key });
    // A process that was killed before it could store the URL has left a key that may have an account.
    const existing = present === undefined ? known?.url : await this.#existing(key);
    const account = { key, url: existing ?? (await this.#create(key)) };
    await write(account);
    return account;
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
}
