/**
 * A certificate authority as an issuer sees it, with its network: slow, sometimes down, with Let's Encrypt's limits and
 * renewal information. It signs real certificates, and reuses a few keys, because making them would take most of the
 * time of a simulation. The budget of orders is the library's own, as in its ACME issuer.
 */
import { OrderBudget } from '../../src/acme/order-budget.js';
import type { RenewalInfo } from '../../src/acme/renewal-info.js';
import { type Clock, delay } from '../../src/clock.js';
import type { Credential, CredentialInput } from '../../src/credential/credential.js';
import { TlsmithError } from '../../src/errors.js';
import type { Issuer, IssueRequest } from '../../src/issuance/issuer.js';
import type { Storage } from '../../src/storage/storage.js';
import { type LeafSigner, leafSigner } from './leaf-signer.js';
import { type LimitName, RateLimits } from './rate-limits.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BACKDATED_MS = HOUR_MS;
const KEYS = 4;
const NO_ANSWER_MS = 30_000;

/** A time in which nobody answers. */
export interface Outage {
  readonly from: number;
  readonly until: number;
}

/** How the authority is. */
export interface ModelOptions {
  readonly clock: Clock;
  readonly storage: Storage;
  readonly random: () => number;
  readonly outages: readonly Outage[];
  /** How long certificates for this name live. */
  readonly lifetimeMs: (name: string) => number;
  /** Whether it has renewal information: then renewals that say what they replace are exempt from all limits. */
  readonly hasRenewalInfo: boolean;
  /** The window that it suggests in place of one by the lifetime. */
  readonly window?: (credential: Credential) => { readonly start: number; readonly end: number } | undefined;
  /** How long until it is to be asked again; about a day by default. */
  readonly retryAfterMs?: number;
  readonly tell: (what: string, name: string) => void;
}

/** The authority, and what has happened there. */
export interface ModelAuthority extends Issuer {
  readonly counts: {
    orders: number;
    certificates: number;
    unreachable: number;
    renewalInfo: number;
    postponed: number;
  };
  /** Every limit that was exceeded. */
  readonly rateLimited: LimitName[];
}

export async function modelAuthority(options: ModelOptions): Promise<ModelAuthority> {
  return new Model(options, await leafSigner(KEYS));
}

class Model implements ModelAuthority {
  readonly id = 'model';
  readonly isLocal = false;
  readonly counts = { orders: 0, certificates: 0, unreachable: 0, renewalInfo: 0, postponed: 0 };
  readonly rateLimited: LimitName[] = [];
  readonly #options: ModelOptions;
  readonly #sign: LeafSigner;
  readonly #limits = new RateLimits();
  readonly #issuedFor = new Set<string>();
  readonly #replaced = new Set<string>();
  readonly #budget: OrderBudget;

  constructor(options: ModelOptions, sign: LeafSigner) {
    const { clock, storage } = options;
    const limit = { burst: 300, refillMs: 36_000 };
    this.#options = options;
    this.#sign = sign;
    this.#budget = new OrderBudget({ clock, storage, storageKey: 'acme/model/order-budget', limit });
  }

  async issue({ names, previous, signal }: IssueRequest): Promise<CredentialInput> {
    const { clock, lifetimeMs } = this.#options;
    const [name = ''] = names;
    if (previous === undefined) await this.#leaveToOrder(names);
    await this.#network(signal);
    this.#takeOrder(name, previous);
    // Validation, issuance, download.
    for (let request = 0; request < 3; request += 1) await this.#network(signal);
    this.#issuedFor.add(name);
    this.counts.certificates += 1;
    const notBefore = clock.now() - BACKDATED_MS;
    return this.#sign({
      name,
      serial: this.counts.certificates,
      notBefore,
      notAfter: notBefore + lifetimeMs(name),
    });
  }

  async renewalInfo(credential: Credential, signal: AbortSignal): Promise<RenewalInfo | undefined> {
    if (!this.#options.hasRenewalInfo) return undefined;
    await this.#network(signal);
    this.#limit([['renewalInfoRequests', 'address']]);
    this.counts.renewalInfo += 1;
    const { notBefore, notAfter } = credential;
    const lifetimeMs = notAfter - notBefore;
    const start = notBefore + (lifetimeMs < 10 * DAY_MS ? lifetimeMs / 2 : (lifetimeMs * 2) / 3);
    const { clock, random, retryAfterMs = DAY_MS * (0.8 + 0.2 * random()) } = this.#options;
    const askAgainAt = clock.now() + retryAfterMs;
    const suggested = this.#options.window?.(credential);
    if (suggested !== undefined) return { ...suggested, askAgainAt };
    return { start, end: start + lifetimeMs / 50, askAgainAt };
  }

  async #leaveToOrder(names: readonly string[]): Promise<void> {
    try {
      await this.#budget.take(names);
    } catch (error) {
      this.counts.postponed += 1;
      throw error;
    }
  }

  #takeOrder(name: string, previous: Credential | undefined): void {
    const { hasRenewalInfo, tell } = this.#options;
    const replaces = hasRenewalInfo ? previous?.fingerprint256 : undefined;
    const isExempt = replaces !== undefined && !this.#replaced.has(replaces);
    const exactSet = ['certificatesPerExactSet', name] as const;
    const others = [
      ['newOrdersPerAccount', 'account'],
      ['certificatesPerRegisteredDomain', name],
    ] as const;
    this.#limit([
      ['newOrderRequests', 'address'],
      ...(isExempt ? [] : [exactSet]),
      ...(this.#issuedFor.has(name) ? [] : others),
    ]);
    if (replaces !== undefined) this.#replaced.add(replaces);
    this.counts.orders += 1;
    tell(isExempt ? 'order that replaces' : 'order', name);
  }

  /** Some seconds; while the authority is down a vain wait. */
  async #network(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    await delay(clock, 200 + Math.floor(random() * 4_000), signal);
    if (!this.#isDown()) return;
    // Half of the outages refuse connections, half lose packets.
    if (random() < 0.5) await delay(clock, NO_ANSWER_MS, signal);
    this.counts.unreachable += 1;
    throw new TlsmithError('ACME_UNREACHABLE', 'The certificate authority does not answer.');
  }

  #isDown(): boolean {
    const now = this.#options.clock.now();
    return this.#options.outages.some(({ from, until }) => from <= now && now < until);
  }

  #limit(wanted: readonly (readonly [LimitName, string])[]): void {
    const exceeded = this.#limits.take(wanted, this.#options.clock.now());
    if (exceeded === undefined) return;
    const { limit, retryAfter } = exceeded;
    this.rateLimited.push(limit);
    this.#options.tell(`refused: ${limit}`, wanted.map(([, whom]) => whom).join(' '));
    throw new TlsmithError('ACME_RATE_LIMITED', `The limit ${limit} is exceeded.`, { retryAfter });
  }
}
