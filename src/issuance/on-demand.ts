/**
 * Names that are not known beforehand: managed from their first handshake on, if they are allowed. Strangers can send
 * any name, so each costs at most one look into storage and one question at a time; a refused one costs nothing until
 * the refusal has passed, and one whose issuance failed until its next attempt is due.
 */
import { isIP } from 'node:net';
import type { Clock } from '../clock.js';
import { type Credential, isInDate } from '../credential/credential.js';
import { TlsmithError } from '../errors.js';
import type { Found, SourceQuery } from '../sources/certificate-source.js';
import type { Storage } from '../storage/storage.js';
import { CertificateStore } from './certificate-store.js';
import { Decisions } from './decisions.js';
import type { Issuer, IssueRequest } from './issuer.js';
import type { FailedAttemptNotice } from './managed-options.js';
import type { ManagedSource } from './managed-source.js';
import type { ParsedOnDemand } from './on-demand-options.js';
import { OrderBudget } from './order-budget.js';
import { registeredDomain } from './registered-domain.js';

/** Loops of names that name themselves grow by a label each time. */
const MOST_LABELS = 10;
/** Names that are being looked up or decided at a time; beyond these, handshakes are not waited for. */
const MOST_ADMISSIONS = 1_000;
/** A decision is as good as new for the attempt that it was made for. */
const DECISION_GOOD_FOR_MS = 300_000;

/** What names on demand need. */
export interface OnDemandTools {
  readonly options: ParsedOnDemand;
  readonly issuerId: string;
  readonly storage: Storage;
  readonly clock: Clock;
  /** How long a handshake waits, in milliseconds. */
  readonly waitMs: number;
}

/** The names on demand of one source. */
export class OnDemandNames {
  readonly #tools: OnDemandTools;
  readonly #decisions: Decisions;
  readonly #budget: OrderBudget;
  /** Managed because of a handshake. */
  readonly #names = new Set<string>();
  readonly #admissions = new Map<string, Promise<boolean>>();
  /** When a name was allowed for an attempt that has not begun yet. */
  readonly #allowed = new Map<string, number>();
  /** Until when a name is not looked at again, because its issuance has failed. */
  readonly #resting = new Map<string, number>();

  constructor(tools: OnDemandTools) {
    const { options, issuerId, storage, clock } = tools;
    this.#tools = tools;
    this.#decisions = new Decisions({ allow: options.allow, clock });
    this.#budget = new OrderBudget({ ...options, storage, clock, prefix: `acme/${issuerId}/budgets/` });
  }

  /** The issuer, which is asked only for what is allowed and within the budget. */
  guard(issuer: Issuer): Issuer {
    return {
      id: issuer.id,
      isLocal: issuer.isLocal,
      start: (host) => issuer.start?.(host),
      issue: async (request) => {
        await this.#permit(request);
        return issuer.issue(request);
      },
      renewalInfo: async (credential, signal, issuerId) => issuer.renewalInfo?.(credential, signal, issuerId),
      revoke: async (credential, signal) => issuer.revoke?.(credential, signal),
      close: () => issuer.close?.(),
    };
  }

  /** The answer for a name that `managed` does not know. */
  find({ serverName }: SourceQuery, managed: ManagedSource): Found | undefined {
    if (!isEligible(serverName) || this.#decisions.isRefused(serverName)) return undefined;
    if (this.#isResting(serverName)) return undefined;
    const isKnown = this.#admissions.has(serverName);
    if (!isKnown && this.#admissions.size >= MOST_ADMISSIONS) return undefined;
    return { pending: this.#pending(serverName, managed) };
  }

  /** From now on the names are managed for another reason, or not at all. */
  forget(names: readonly string[]): void {
    for (const name of names) {
      this.#names.delete(name);
      this.#resting.delete(name);
    }
  }

  /**
   * To be told of failed attempts: without a certificate to keep, a name is no longer managed. The record of the failure
   * is stored, and the first handshake after its next attempt has come tries again.
   */
  failed(failure: FailedAttemptNotice, managed: ManagedSource): void {
    const [name = ''] = failure.names;
    if (failure.names.length !== 1 || !this.#names.has(name) || failure.isUsable) return;
    this.#names.delete(name);
    void managed.unmanage([name]);
  }

  async #pending(name: string, managed: ManagedSource): Promise<Credential | undefined> {
    const isAdmitted = await this.#inTime(name, this.#admission(name, managed));
    if (!isAdmitted) return undefined;
    const found = managed.find({ serverName: name, signal: new AbortController().signal });
    if (found === undefined) return undefined;
    return 'pending' in found ? found.pending : (found as Credential);
  }

  #admission(name: string, managed: ManagedSource): Promise<boolean> {
    const underway = this.#admissions.get(name);
    if (underway !== undefined) return underway;
    const admission = this.#admit(name, managed).finally(() => this.#admissions.delete(name));
    this.#admissions.set(name, admission);
    return admission;
  }

  async #admit(name: string, managed: ManagedSource): Promise<boolean> {
    const { storage, issuerId, clock } = this.#tools;
    if ((await registeredDomain(name)) === undefined) return false;
    const { generation, failure } = await new CertificateStore(storage, issuerId, [name]).read();
    const isStored = generation !== undefined && isInDate(generation.credential, clock.now());
    if (!isStored) {
      const nextAttempt = failure?.nextAttempt ?? 0;
      if (nextAttempt > clock.now()) {
        this.#rest(name, nextAttempt);
        return false;
      }
      if (!(await this.#decisions.ask(name))) return false;
      this.#allowed.set(name, clock.now());
    }
    this.#names.add(name);
    await managed.manage([name]);
    return true;
  }

  /** @throws {@link TlsmithError} `NAME_NOT_ALLOWED`, `ON_DEMAND_BUDGET_SPENT` */
  async #permit({ names, previous }: IssueRequest): Promise<void> {
    const [name = ''] = names;
    if (names.length !== 1 || !this.#names.has(name)) return;
    if (!this.#wasJustAllowed(name) && !(await this.#decisions.ask(name))) throw notAllowed(name);
    if (previous === undefined) await this.#budget.spend(name);
  }

  #wasJustAllowed(name: string): boolean {
    const at = this.#allowed.get(name);
    this.#allowed.delete(name);
    const ageMs = this.#tools.clock.now() - (at ?? -Infinity);
    return ageMs >= 0 && ageMs < DECISION_GOOD_FOR_MS;
  }

  #rest(name: string, until: number): void {
    if (this.#resting.size >= MOST_ADMISSIONS) this.#resting.clear();
    this.#resting.set(name, until);
  }

  #isResting(name: string): boolean {
    const until = this.#resting.get(name);
    if (until === undefined) return false;
    if (until > this.#tools.clock.now()) return true;
    this.#resting.delete(name);
    return false;
  }

  /** What a handshake waits for an admission, which goes on behind it. */
  #inTime(name: string, admission: Promise<boolean>): Promise<boolean> {
    const { clock, waitMs } = this.#tools;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimeout(() => {
        reject(
          new TlsmithError(
            'SOURCE_TIMEOUT',
            `Whether ${name} may have a certificate was not decided in time for this connection.`,
            { names: [name] },
          ),
        );
      }, waitMs);
      admission.then(resolve, reject).finally(() => {
        clock.clearTimeout(timer);
      });
    });
  }
}

/** A source that knows `names` too. */
export function withOnDemand(known: ManagedSource, names: OnDemandNames): ManagedSource {
  return {
    name: known.name,
    start: (host) => known.start?.(host),
    find: (query) => known.find(query) ?? names.find(query, known),
    default: () => known.default?.(),
    list: () => known.list?.() ?? [],
    managed: () => known.managed?.() ?? [],
    ready: async (options) => known.ready?.(options),
    reload: async (options) => known.reload?.(options),
    renew: (serverName, options) => known.renew?.(serverName, options),
    revoke: (serverName, options) => known.revoke(serverName, options),
    close: () => known.close?.(),
    manages: (serverName) => known.manages(serverName),
    manage: (list) => {
      names.forget(list);
      return known.manage(list);
    },
    unmanage: (list) => {
      names.forget(list);
      return known.unmanage(list);
    },
  };
}

/** Addresses are no SNI (RFC 6066 §3), and single labels are nobody's. */
function isEligible(name: string): boolean {
  const labels = name.split('.').length;
  return labels >= 2 && labels <= MOST_LABELS && isIP(name) === 0;
}

function notAllowed(name: string): TlsmithError {
  return new TlsmithError(
    'NAME_NOT_ALLOWED',
    `No certificate is ordered for ${name}, because \`onDemand.allow\` refuses it.`,
    { names: [name], isPermanent: true, hint: 'A certificate that is in use serves until it expires.' },
  );
}
