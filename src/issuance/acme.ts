/** `acme()`: certificates ordered from an ACME certificate authority (RFC 8555) and renewed in the application. */
import type { Credential } from '../credential/credential.js';
import type { Finding } from '../credential/findings.js';
import { TlsmithError } from '../errors.js';
import type {
  CertificateSource,
  Found,
  ManagedCertificate,
  SourceHost,
  SourceQuery,
} from '../sources/certificate-source.js';
import {
  type AcmeDomains,
  type AcmeOptions,
  parseAcmeOptions,
  type ParsedAcmeOptions,
  parseDomains,
} from './acme-options.js';
import type { AcmeUpkeep } from './acme-upkeep.js';

const NAME = 'acme';
const STAGING = (directoryUrl: string): Finding => ({
  code: 'ACME_STAGING_ACTIVE',
  severity: 'warning',
  message: `Certificates come from ${new URL(directoryUrl).host}, an authority for tests, which no browser trusts.`,
  hint: 'When it works, leave `directoryUrl` out, or give that of the real authority: its certificates are ordered and stored apart.',
});

/** A source of {@link acme}, whose names may change while it runs. */
export interface AcmeSource extends CertificateSource {
  /**
   * Adds certificates, as `domains` does; those that are managed already are left alone. Resolves when what is stored of
   * them is loaded; missing ones are then ordered behind it.
   * @throws TypeError for what is no name
   */
  manage(domains: AcmeDomains): Promise<void>;
  /** Stops managing these certificates, given as they were added. What is stored of them stays. */
  unmanage(domains: AcmeDomains): Promise<void>;
  /**
   * Revokes the certificate that is in use for a name, and orders another in its place; resolves when that serves. A crash in
   * between is made up for by the next process, and an authority that does not answer by the next attempts.
   * @throws {@link TlsmithError} `NAME_NOT_MANAGED`, `NOT_STARTED`, or what the authority says
   */
  revoke(name: string): Promise<void>;
  /**
   * Gives the account at the authority a new key, and stores it (RFC 8555 §7.3.5): after a leak, or on schedule. The account
   * and its URL stay, and CAA records with them. Other processes on the storage follow with their next order; one that is
   * under way fails, and is taken up by the next attempt.
   * @throws TypeError when the key is the user's own (`accountKey`)
   * @throws {@link TlsmithError} `NOT_STARTED`, or what the authority says; the old key counts then
   */
  rollOverAccountKey(): Promise<void>;
}

/**
 * A source of certificates from an ACME certificate authority, Let's Encrypt unless told otherwise. They are ordered
 * once a listener is open, stored, served, and renewed before they expire; challenges are answered on the server's own
 * ports, and the application never sees them. Until the first certificate is there, handshakes for its name wait.
 * docs/acme.md goes from nothing to a renewed certificate.
 *
 * @throws TypeError for misused options, naming the option
 * @example
 * ```ts
 * const sources = acme({ domains: 'example.com', termsOfServiceAgreed: true });
 * const secure = await createSecureServer({ sources }, app).listen(443);
 * ```
 */
export function acme(options: AcmeOptions): AcmeSource {
  const parsed = parseAcmeOptions(options);
  return new OrderingSource({ ...parsed, fallback: parseFallback(options.fallback, parsed) });
}

function parseFallback(
  fallback: CertificateSource | undefined,
  { directoryUrl, isStaging }: ParsedAcmeOptions,
): ParsedAcmeOptions | undefined {
  if (fallback === undefined) return undefined;
  const parsed = OrderingSource.optionsOf(fallback);
  if (parsed === undefined) throw new TypeError('acme: `fallback` must be another acme({...}) source.');
  if (parsed.directoryUrl === directoryUrl)
    throw new TypeError('acme: `fallback` must have another `directoryUrl`: this one is the same authority.');
  if (parsed.exportTo !== undefined)
    throw new TypeError('acme: `fallback` must be without `exportTo`: the source it stands behind exports.');
  if (parsed.isStaging && !isStaging)
    throw new TypeError('acme: `fallback` must be no test authority, whose certificates no browser trusts.');
  return parsed;
}

class OrderingSource implements AcmeSource {
  /** Undefined for whatever is none of these. */
  static optionsOf(source: unknown): ParsedAcmeOptions | undefined {
    return typeof source === 'object' && source !== null && #options in source ? source.#options : undefined;
  }

  readonly name = NAME;
  readonly #options: ParsedAcmeOptions;
  /** By its names: what is to be managed, also before the start. */
  readonly #wanted = new Map<string, readonly string[]>();
  #upkeep: AcmeUpkeep | undefined;
  /** Counts starts and closes: what one begins, the next one ends. */
  #era = 0;

  constructor(options: ParsedAcmeOptions) {
    this.#options = options;
    for (const names of options.domains) this.#wanted.set(idOf(names), names);
  }

  async start(host: SourceHost): Promise<void> {
    const era = (this.#era += 1);
    // Loaded only by servers that start one: every import of the package would pay for it otherwise.
    const { acmeUpkeep } = await import('./acme-upkeep.js');
    const upkeep = await acmeUpkeep({
      ...this.#options,
      name: NAME,
      host,
      domains: [...this.#wanted.values()],
    });
    if (era !== this.#era) {
      await upkeep.managed.close?.();
      throw new TlsmithError('CLOSED', 'acme() was closed while it was starting.');
    }
    this.#upkeep = upkeep;
    if (this.#options.isStaging) host.report(STAGING(this.#options.directoryUrl));
    await upkeep.managed.start?.(host);
  }

  find(query: SourceQuery): Found | undefined | Promise<Found | undefined> {
    return this.#upkeep?.managed.find(query);
  }

  default(): Found | undefined | Promise<Found | undefined> {
    return this.#upkeep?.managed.default?.();
  }

  list(): Iterable<Credential> {
    return this.#upkeep?.managed.list?.() ?? [];
  }

  managed(): Iterable<ManagedCertificate> {
    return this.#upkeep?.managed.managed?.() ?? [];
  }

  async ready(options: { readonly signal: AbortSignal }): Promise<void> {
    await this.#upkeep?.managed.ready?.(options);
  }

  async reload(options: { readonly signal: AbortSignal }): Promise<void> {
    await this.#upkeep?.managed.reload?.(options);
  }

  renew(serverName: string, options: { readonly signal: AbortSignal }): Promise<void> | undefined {
    return this.#upkeep?.managed.renew?.(serverName, options);
  }

  async manage(domains: AcmeDomains): Promise<void> {
    const lists = parseDomains(domains, this.#options, 'manage');
    for (const names of lists) this.#wanted.set(idOf(names), names);
    await Promise.all(lists.map(async (names) => this.#upkeep?.managed.manage(names)));
  }

  async unmanage(domains: AcmeDomains): Promise<void> {
    const lists = parseDomains(domains, this.#options, 'unmanage');
    for (const names of lists) this.#wanted.delete(idOf(names));
    await Promise.all(lists.map(async (names) => this.#upkeep?.managed.unmanage(names)));
  }

  async revoke(name: string): Promise<void> {
    const [[serverName = ''] = []] = parseDomains([name], this.#options, 'revoke');
    if (this.#upkeep === undefined)
      throw new TlsmithError('NOT_STARTED', 'revoke was used before the server had started.');
    await this.#upkeep.revoke(serverName);
  }

  async rollOverAccountKey(): Promise<void> {
    if (this.#options.accountKey !== undefined)
      throw new TypeError('acme: `rollOverAccountKey` cannot replace a key that is given as `accountKey`.');
    if (this.#upkeep === undefined)
      throw new TlsmithError('NOT_STARTED', 'rollOverAccountKey was used before the server had started.');
    await this.#upkeep.rollOverAccountKey();
  }

  async close(): Promise<void> {
    this.#era += 1;
    await this.#upkeep?.managed.close?.();
  }
}

/** The same for the same set of names. */
function idOf(names: readonly string[]): string {
  return [...names].sort().join(',');
}
