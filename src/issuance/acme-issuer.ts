/** The issuer that orders from an ACME certificate authority: which account, which challenges, which names. */
import { X509Certificate } from 'node:crypto';
import type { Agent } from 'node:https';
import type { ExternalAccountBinding } from '../acme/acme-client.js';
import { Accounts } from '../acme/account.js';
import { caaRecords } from '../acme/caa-record.js';
import { authorityId, CertificateAuthority } from '../acme/certificate-authority.js';
import { obtainCertificate } from '../acme/certificate-order.js';
import { type ChallengeFailure, describeFailure } from '../acme/challenge-plan.js';
import { type AcmeClient, isAccountMissing } from '../acme/client.js';
import { OrderRecords } from '../acme/order-record.js';
import { assertOrderable, isPublicAddress, isPublicAuthority } from '../acme/private-name.js';
import { chooseProfile, type ProfileWish } from '../acme/profile.js';
import { dnsSolver } from '../acme/dns-solver.js';
import type { DnsSolver } from '../acme/dns01.js';
import { SharedChallenges } from '../acme/shared-challenges.js';
import { type ChallengeType, listenerSolvers, type Solver } from '../acme/solvers.js';
import type { RenewalInfo } from '../acme/renewal-info.js';
import { knownOrderLimit, OrderBudget } from '../acme/order-budget.js';
import { OrderHold } from '../acme/order-hold.js';
import type { Wire } from '../acme/transport.js';
import { unlessAborted } from '../acme/unless-aborted.js';
import { withWhereabouts } from '../acme/whereabouts.js';
import { isTlsmithError } from '../errors.js';
import type { Credential, CredentialInput } from '../credential/credential.js';
import type { Finding } from '../credential/findings.js';
import type { SourceHost } from '../sources/certificate-source.js';
import type { Storage } from '../storage/storage.js';
import type { AcmeKeyType } from './acme-options.js';
import { renewalIdentifier } from '../x509/renewal-identifier.js';
import { certificateSegment } from './certificate-store.js';
import type { Issuer, IssueRequest } from './issuer.js';
import { OrderPreflight } from './order-preflight.js';

/** Options of {@link acmeIssuer}, complete. */
export interface AcmeIssuerOptions {
  readonly host: SourceHost;
  readonly directoryUrl: string;
  /** Whether a certificate for this name is managed with it. */
  readonly manages: (serverName: string) => boolean;
  /** Where account and orders are kept. */
  readonly storage: Storage;
  readonly email: string | undefined;
  readonly keyType: AcmeKeyType;
  /** Undefined: those of {@link DEFAULT_CHALLENGES} that listeners are open for. */
  readonly challenges: readonly ChallengeType[] | undefined;
  /** For `dns-01`. */
  readonly dnsSolver: DnsSolver | undefined;
  readonly accountKey: string | undefined;
  readonly externalAccountBinding: ExternalAccountBinding | undefined;
  readonly preferredChain: string | undefined;
  readonly lifetimeMs: number | undefined;
  readonly profile: ProfileWish | undefined;
  /** PEM roots to trust in place of Node's. */
  readonly serverCa: string | undefined;
  readonly agent: Agent | undefined;
  /** In place of HTTPS, for simulations. */
  readonly wire?: Wire;
}

/** The listener that answers; `dns-01` takes none. */
const PROTOCOLS: Readonly<Record<ChallengeType, 'https' | 'http' | undefined>> = {
  'tls-alpn-01': 'https',
  'http-01': 'http',
  'dns-01': undefined,
};
const DEFAULT_CHALLENGES: readonly ChallengeType[] = ['tls-alpn-01', 'http-01'];

/** Orders certificates. */
export function acmeIssuer(options: AcmeIssuerOptions): AcmeIssuer {
  return new OrderingIssuer(options);
}

/** An issuer that can take back what it has issued. */
export interface AcmeIssuer extends Issuer {
  /** Revokes a certificate (RFC 8555 §7.6). */
  revoke(credential: Credential, signal: AbortSignal): Promise<void>;
  /** Gives the account another key (RFC 8555 §7.3.5). */
  rollOverAccountKey(): Promise<void>;
}

class OrderingIssuer implements AcmeIssuer {
  readonly id: string;
  readonly isLocal = false;
  readonly #options: AcmeIssuerOptions;
  readonly #authority: CertificateAuthority;
  readonly #accounts: Accounts;
  readonly #challenges: SharedChallenges;
  readonly #solvers: readonly Solver[];
  readonly #preflight: OrderPreflight;
  /** Undefined where no limit is known. */
  readonly #budget: OrderBudget | undefined;
  readonly #hold: OrderHold;
  readonly #closing = new AbortController();
  /** By certificate: the order whose certificate was handed out last. Asked again, it was not taken. */
  readonly #handedOut = new Map<string, string>();
  /** By name: what it was validated by last. */
  readonly #lastWorked = new Map<string, ChallengeType>();
  /** The account that ordered last, and the one that was told of. */
  #account = '';
  #toldAccount = '';

  constructor(options: AcmeIssuerOptions) {
    const { host, directoryUrl, serverCa, agent, wire } = options;
    this.id = authorityId(directoryUrl);
    this.#options = options;
    this.#authority = new CertificateAuthority({
      clock: host.clock,
      directoryUrl,
      wire,
      ...(serverCa === undefined ? {} : { ca: serverCa }),
      ...(agent === undefined ? {} : { agent }),
    });
    this.#accounts = new Accounts({ ...options, authority: this.#authority, signal: this.#closing.signal });
    this.#challenges = new SharedChallenges(host, {
      ...{ storage: options.storage, authority: this.id },
      // Tokens for other hosts may belong to somebody else's ACME client behind the same port.
      guess: async (token, serverName) =>
        options.manages(serverName) ? this.#accounts.keyAuthorization(token) : undefined,
    });
    this.#budget = budgetOf(this.id, options);
    const { storage } = options;
    this.#hold = new OrderHold({ clock: host.clock, storage, storageKey: `acme/${this.id}/order-hold` });
    this.#solvers = solversOf(options, this.#challenges);
    this.#preflight = new OrderPreflight(options);
  }

  async issue(request: IssueRequest): Promise<CredentialInput> {
    try {
      return await this.#order(request);
    } catch (error) {
      // What is found now is used by the next attempt.
      if (isAccountMissing(error)) await this.#accounts.recover().catch(() => undefined);
      if (isTlsmithError(error)) await this.#hold.note(error);
      throw await this.#explained(error, request);
    }
  }

  /** Names on demand are strangers': what they lead to is only looked at where anybody could. */
  #explained(error: unknown, { previous, signal }: IssueRequest): Promise<unknown> {
    const { host, directoryUrl } = this.#options;
    const isPublic = isPublicAuthority(directoryUrl);
    return withWhereabouts(error, {
      listeners: host.listeners(),
      mayMeet: (address) => !isPublic || isPublicAddress(address),
      fingerprint256: previous && new X509Certificate(previous.cert).fingerprint256,
      signal,
    });
  }

  async revoke({ cert, names }: Credential, signal: AbortSignal): Promise<void> {
    const client = await this.#client(names, signal);
    await client.revoke(new X509Certificate(cert).raw);
  }

  rollOverAccountKey(): Promise<void> {
    return this.#accounts.rollOver();
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('The source was closed.'));
    this.#preflight.close();
    this.#authority.close();
    await this.#challenges.close();
  }

  async #order(request: IssueRequest): Promise<CredentialInput> {
    const { names, previous, signal, lease } = request;
    const { host, keyType, storage, preferredChain, lifetimeMs, directoryUrl } = this.#options;
    assertOrderable(names, directoryUrl);
    if (previous === undefined)
      this.#preflight.begin(
        names,
        this.#solversFor(names).map(({ type }) => type),
      );
    const segment = certificateSegment(names);
    const { orderUrl, ...credential } = await obtainCertificate(
      {
        names,
        keyType,
        previousKey: previous?.key,
        profile: await this.#profileFor(names, signal),
        notAfter: lifetimeMs === undefined ? undefined : host.clock.now() + lifetimeMs,
        replaces: await this.#replaces(request),
        preferredChain,
        solvers: () => this.#solversFor(names),
        signal,
      },
      {
        client: await this.#client(names, signal),
        clock: host.clock,
        records: new OrderRecords(storage, `acme/${this.id}/orders/${segment}`, lease),
        isRejected: (url) => this.#handedOut.get(segment) === url,
        validated: (name, type) => this.#lastWorked.set(name, type),
        permit: () => this.#permit(request),
        lacking: (what, name) => {
          this.#tellLacking(what, name);
        },
        fellBack: (failures) => {
          this.#tellFallback(failures);
        },
      },
    );
    this.#handedOut.set(segment, orderUrl);
    this.#preflight.passed(names);
    await this.#tellAccount(names);
    return credential;
  }

  /** Authorities do not count renewals of their own certificates. */
  async #permit(request: IssueRequest): Promise<void> {
    const { names, previous } = request;
    const isRenewal = previous !== undefined && this.#hasIssued(request);
    await this.#hold.pass(names, { isRenewal });
    if (!isRenewal) await this.#budget?.take(names);
  }

  async #client(names: readonly string[], signal: AbortSignal): Promise<AcmeClient> {
    const { key: accountKey, url: accountUrl } = await unlessAborted(this.#accounts.get(), signal);
    this.#account = accountUrl;
    return this.#authority.client({ accountKey, accountUrl, names, signal });
  }

  async renewalInfo(
    { cert }: Credential,
    signal: AbortSignal,
    issuerId = this.id,
  ): Promise<RenewalInfo | undefined> {
    if (issuerId !== this.id) return undefined;
    const identifier = await renewalIdentifier(cert);
    return identifier === undefined ? undefined : this.#authority.renewalInfo(identifier, signal);
  }

  /** RFC 9773 §5: only toward authorities that know of it. An order that says so is exempt from rate limits. */
  async #replaces(request: IssueRequest): Promise<string | undefined> {
    const { previous, signal } = request;
    if (!this.#hasIssued(request)) return undefined;
    const { renewalInfo } = await unlessAborted(this.#authority.directory(), signal);
    return renewalInfo === undefined || previous === undefined ? undefined : renewalIdentifier(previous.cert);
  }

  /** Whether what is replaced is of this authority. */
  #hasIssued({ previousIssuer = this.id }: IssueRequest): boolean {
    return previousIssuer === this.id;
  }

  /** In the log: a finding would be taken back by the next order, which is of other names. */
  #tellLacking(what: 'profile' | 'chain', name: string): void {
    const { host, directoryUrl } = this.#options;
    const authority = `The certificate authority at ${new URL(directoryUrl).origin}`;
    host.logger.warn(
      { source: 'acme', [what]: name },
      what === 'profile'
        ? `${authority} has refused an order for the profile ${name}: the certificate is of its default profile. \`profile: { require }\` makes it an error.`
        : `${authority} has no chain under ${name}, or it could not be fetched: its default chain is served. Check \`preferredChain\`: it is the common name of an issuer.`,
    );
  }

  /** What is preferred and missing is told, because the certificates are of another kind then. */
  async #profileFor(names: readonly string[], signal: AbortSignal): Promise<ProfileWish | undefined> {
    const { host, profile: wish, directoryUrl } = this.#options;
    const { profiles } = await unlessAborted(this.#authority.directory(), signal);
    const choice = chooseProfile(names, wish, profiles);
    if ('lacking' in choice) host.report(profileLacking(choice.lacking, directoryUrl));
    else host.resolved('ACME_PROFILE_UNAVAILABLE');
    return choice.ordered;
  }

  /**
   * Those that can be answered, the best first: what worked last, then what a listener of ours is open for. Where no
   * listener is known (`tlsOptions`, `requestListener`), or the user has named the type, there may be one all the same.
   */
  #solversFor(names: readonly string[]): readonly Solver[] {
    const { host, challenges } = this.#options;
    const open = new Set<string | undefined>(host.listeners().map(({ protocol }) => protocol));
    open.add(PROTOCOLS['dns-01']);
    const isOpen = (type: ChallengeType): boolean => open.has(PROTOCOLS[type]);
    const wanted = challenges ?? DEFAULT_CHALLENGES;
    const reachable = wanted.filter(isOpen);
    const others = wanted.filter((type) => !isOpen(type));
    const isComplete = challenges === undefined && reachable.length > 0;
    const types = isComplete ? reachable : [...reachable, ...others];
    const worked = new Set(names.map((name) => this.#lastWorked.get(name)));
    const ordered = [
      ...types.filter((type) => worked.has(type)),
      ...types.filter((type) => !worked.has(type)),
    ];
    return ordered.flatMap((type) => this.#solvers.filter((solver) => solver.type === type));
  }

  /** Once: what to publish so that nobody else gets certificates. */
  async #tellAccount(names: readonly string[]): Promise<void> {
    const accountUrl = this.#account;
    if (this.#toldAccount === accountUrl) return;
    this.#toldAccount = accountUrl;
    const { host, challenges } = this.#options;
    const { caaIdentity: identity } = (await this.#authority.directory().catch(() => undefined)) ?? {};
    const types = challenges ?? DEFAULT_CHALLENGES;
    const hasWildcards = names.some((name) => name.startsWith('*.'));
    const records = identity === undefined ? [] : caaRecords({ identity, accountUrl, types, hasWildcards });
    host.logger.info(
      { accountUrl, caaRecords: records },
      `Certificates are ordered by the account ${accountUrl}.${records.length === 0 ? '' : ` CAA records that allow no other: ${records.join(' and ')}`}`,
    );
  }

  #tellFallback(failures: readonly ChallengeFailure[]): void {
    this.#options.host.logger.warn(
      { names: failures.map(({ name }) => name) },
      `Another type of ACME challenge is tried, because this failed: ${failures.map(describeFailure).join('; ')}.`,
    );
  }
}

function budgetOf(
  id: string,
  { directoryUrl, storage, host: { clock } }: AcmeIssuerOptions,
): OrderBudget | undefined {
  const limit = knownOrderLimit(directoryUrl);
  return limit && new OrderBudget({ clock, storage, limit, storageKey: `acme/${id}/order-budget` });
}

function solversOf(
  { host, dnsSolver: dns }: AcmeIssuerOptions,
  challenges: SharedChallenges,
): readonly Solver[] {
  const ofListeners = listenerSolvers((challenge) => challenges.open(challenge));
  const { clock, logger } = host;
  const warn = (message: string): void => {
    logger.warn({ source: 'acme' }, message);
  };
  return dns === undefined ? ofListeners : [...ofListeners, dnsSolver(dns, { clock, warn })];
}

function profileLacking(profile: string, directoryUrl: string): Finding {
  return {
    code: 'ACME_PROFILE_UNAVAILABLE',
    severity: 'warning',
    message: `The certificate authority at ${new URL(directoryUrl).origin} does not offer the profile ${profile}: certificates are of its default profile.`,
    hint: 'Its directory lists what it offers. `profile: { require }` makes it an error.',
  };
}
