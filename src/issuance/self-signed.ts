/** `selfSigned()`: the source that always works, for this machine's own names and for development. */
import type { Credential } from '../credential/credential.js';
import type {
  CertificateSource,
  Found,
  ManagedCertificate,
  SourceHost,
  SourceQuery,
} from '../sources/certificate-source.js';
import type { Storage } from '../storage/storage.js';
import { memoryStorage } from '../storage/memory-storage.js';
import { parseNames } from './configured-names.js';
import { localNames } from './local-names.js';
import type { ManagedSource } from './managed-source.js';

const NAME = 'self-signed';
const KEY_TYPES = ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'rsa-4096', 'ed25519'] as const;
const OPTIONS = ['names', 'storage', 'keyType', 'days'];
const DEFAULT_DAYS = 90;
const LONGEST_DAYS = 3_650;

/** The kinds of key a self-signed certificate can have. Browsers do not accept Ed25519. */
export type SelfSignedKeyType = (typeof KEY_TYPES)[number];

/** Options of {@link selfSigned}. */
export interface SelfSignedOptions {
  /**
   * Names and IP addresses, all in one certificate; a comma-separated string is accepted.
   * @defaultValue `localhost`, `127.0.0.1`, `::1`, the host name and the addresses of this machine's interfaces, as
   * they are when the server starts
   */
  readonly names?: string | readonly string[];
  /**
   * Where to keep the certificate, so that a restart does not change it. The server's own storage is not used.
   * @defaultValue memory
   */
  readonly storage?: Storage;
  /** @defaultValue `'ecdsa-p256'` */
  readonly keyType?: SelfSignedKeyType;
  /**
   * Lifetime in days, 1 to 3650. It is renewed when a third is left.
   * @defaultValue 90
   */
  readonly days?: number;
}

/**
 * A source with one self-signed certificate, made while the server starts and renewed before it expires. It
 * answers only for names that it covers, and as the default for clients that name none. Clients do not trust it
 * unless they are told to.
 *
 * @throws TypeError for misused options, naming the option
 * @example
 * ```ts
 * const secure = await createSecureServer({ sources: selfSigned({ names: 'dev.test, 192.168.1.4' }) }, app).listen(8443);
 * ```
 */
export function selfSigned(options: SelfSignedOptions = {}): CertificateSource {
  return new SelfSignedSource(parse(options));
}

interface Parsed {
  /** Undefined: this machine's names. */
  readonly names: readonly string[] | undefined;
  readonly storage: Storage | undefined;
  readonly keyType: SelfSignedKeyType;
  readonly days: number;
}

class SelfSignedSource implements CertificateSource {
  readonly name = NAME;
  readonly #options: Parsed;
  #managed: ManagedSource | undefined;

  constructor(options: Parsed) {
    this.#options = options;
  }

  async start(host: SourceHost): Promise<void> {
    const { names = localNames(), storage, keyType, days } = this.#options;
    const { clock, logger } = host;
    // Loaded only by servers that start one: every import of the package would pay for it otherwise.
    const { managedSource, selfSignedIssuer, StorageCleaning } = await import('./self-signed-upkeep.js');
    const issuer = selfSignedIssuer({ clock, keyType, days });
    const cleaned = storage && new StorageCleaning({ storage, issuerId: issuer.id, clock, logger });
    this.#managed = managedSource({
      name: NAME,
      issuer,
      names: [names],
      storage: storage ?? memoryStorage(),
      companions: cleaned === undefined ? [] : [cleaned],
    });
    await this.#managed.start?.(host);
  }

  find(query: SourceQuery): Found | undefined | Promise<Found | undefined> {
    return this.#managed?.find(query);
  }

  default(): Found | undefined | Promise<Found | undefined> {
    return this.#managed?.default?.();
  }

  list(): Iterable<Credential> {
    return this.#managed?.list?.() ?? [];
  }

  managed(): Iterable<ManagedCertificate> {
    return this.#managed?.managed?.() ?? [];
  }

  async ready(options: { readonly signal: AbortSignal }): Promise<void> {
    await this.#managed?.ready?.(options);
  }

  async reload(options: { readonly signal: AbortSignal }): Promise<void> {
    await this.#managed?.reload?.(options);
  }

  renew(serverName: string, options: { readonly signal: AbortSignal }): Promise<void> | undefined {
    return this.#managed?.renew?.(serverName, options);
  }

  async close(): Promise<void> {
    await this.#managed?.close?.();
  }
}

function parse(options: SelfSignedOptions): Parsed {
  const unknown = Object.keys(options).find((option) => !OPTIONS.includes(option));
  if (unknown !== undefined) {
    throw new TypeError(`selfSigned: there is no option ${unknown}; there are ${OPTIONS.join(', ')}.`);
  }
  const { names, storage, keyType = 'ecdsa-p256', days = DEFAULT_DAYS } = options;
  if (!KEY_TYPES.includes(keyType)) {
    throw new TypeError(`selfSigned: keyType must be one of ${KEY_TYPES.join(', ')}.`);
  }
  if (!Number.isInteger(days) || days < 1 || days > LONGEST_DAYS) {
    throw new TypeError(`selfSigned: days must be a whole number from 1 to ${LONGEST_DAYS}.`);
  }
  if (storage !== undefined && typeof (storage as Partial<Storage> | null)?.lock !== 'function') {
    throw new TypeError('selfSigned: storage must be a storage such as fileStorage().');
  }
  return { names: names === undefined ? undefined : namesIn(names), storage, keyType, days };
}

function namesIn(names: unknown): readonly string[] {
  const list: unknown = typeof names === 'string' ? names.split(',') : names;
  if (!Array.isArray(list)) throw new TypeError('selfSigned: names must be a string or a list of strings.');
  return parseNames('selfSigned', list as readonly string[]);
}
