/**
 * A certificate authority as its clients see it over the network (RFC 8555, RFC 9773), in place of HTTPS: slow, sometimes
 * down, with Let's Encrypt's limits. It reads what is sent and answers with JSON; who has asked it does not know. Nonces
 * are good once, challenges are looked for where a server would answer them, and keys are those of the requests.
 */
import type { Wire } from '../../src/acme/transport.js';
import { type Clock, delay } from '../../src/clock.js';
import { TlsmithError } from '../../src/errors.js';
import { type KeySigner, keySigner, leafIdentifier } from './leaf-signer.js';
import type { Outage } from './model-authority.js';
import { type LimitName, RateLimits } from './rate-limits.js';
import { publicKeyIn } from './request-reader.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BACKDATED_MS = HOUR_MS;
const NO_ANSWER_MS = 30_000;
/** Under this name the library knows its limits. Nothing leaves the process. */
const ORIGIN = 'https://acme-v02.api.letsencrypt.org';
const ERROR = 'urn:ietf:params:acme:error:';

type Request = Parameters<Wire['send']>[0];
type Response = Awaited<ReturnType<Wire['send']>>;
type Payload = Readonly<Record<string, unknown>>;

/** How the authority is. */
export interface NetworkOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly outages: readonly Outage[];
  readonly lifetimeMs: (name: string) => number;
  readonly hasRenewalInfo: boolean;
  /** Whether a server answers a TLS-ALPN-01 challenge for this name. */
  readonly isAnswered: (name: string) => boolean;
  /** The window suggested in place of one by the lifetime. */
  readonly window?: (leaf: {
    readonly notBefore: number;
  }) => { readonly start: number; readonly end: number } | undefined;
  /** How long until it is to be asked again; about a day by default. */
  readonly retryAfterMs?: number;
  readonly tell: (what: string, name: string) => void;
}

/** The network, and what has happened at its other end. */
export interface ModelNetwork extends Wire {
  readonly directoryUrl: string;
  readonly counts: {
    requests: number;
    accounts: number;
    orders: number;
    certificates: number;
    unreachable: number;
    renewalInfo: number;
    refused: number;
  };
  /** Every limit that was exceeded. */
  readonly rateLimited: LimitName[];
}

interface ModelOrder {
  readonly name: string;
  readonly number: number;
  status: 'pending' | 'ready' | 'valid' | 'invalid';
  authorization: 'pending' | 'valid' | 'invalid';
  certificate: string | undefined;
}

interface Leaf {
  readonly name: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

export async function modelNetwork(options: NetworkOptions): Promise<ModelNetwork> {
  return new Network(options, await keySigner());
}

class Network implements ModelNetwork {
  readonly directoryUrl = `${ORIGIN}/directory`;
  readonly counts = {
    ...{ requests: 0, accounts: 0, orders: 0, certificates: 0, unreachable: 0, renewalInfo: 0, refused: 0 },
  };
  readonly rateLimited: LimitName[] = [];
  readonly #options: NetworkOptions;
  readonly #sign: KeySigner;
  readonly #limits = new RateLimits();
  readonly #nonces = new Set<string>();
  readonly #orders: ModelOrder[] = [];
  /** By renewal identifier. */
  readonly #leaves = new Map<string, Leaf>();
  readonly #replaced = new Set<string>();
  readonly #issuedFor = new Set<string>();

  constructor(options: NetworkOptions, sign: KeySigner) {
    this.#options = options;
    this.#sign = sign;
  }

  async send({ url, method, body, signal }: Request): Promise<Response> {
    this.counts.requests += 1;
    await this.#travel(signal);
    const path = new URL(url).pathname;
    const [, kind = '', about = ''] = path.split('/');
    const answer = this.#exceeded(kind) ?? this.#answer({ kind, about, method, body, url });
    await this.#travel(signal);
    if (answer.status >= 400) this.counts.refused += 1;
    return { ...answer, headers: { ...answer.headers, 'replay-nonce': this.#newNonce() } };
  }

  close(): void {
    this.#nonces.clear();
  }

  #answer(request: {
    readonly kind: string;
    readonly about: string;
    readonly method: string;
    readonly body: string | undefined;
    readonly url: string;
  }): Response {
    const { kind, about, method, body, url } = request;
    if (method === 'GET' && kind === 'directory') return json(200, this.#directory());
    if (method === 'HEAD' && kind === 'nonce') return json(200, '');
    if (method === 'GET' && kind === 'renewal-info') return this.#renewalInfo(about);
    const signed = body === undefined ? undefined : this.#opened(body, url);
    if (signed === undefined) return problem(400, 'badNonce', 'not one of ours, or used before');
    const order = this.#orders[Number(about)];
    if (kind === 'account') return this.#account(signed.payload);
    if (kind === 'new-order') return this.#newOrder(signed.payload);
    if (order === undefined) return problem(404, 'malformed', 'no such thing');
    if (kind === 'order') return json(200, this.#shown(order));
    if (kind === 'authorization') return json(200, authorizationOf(order));
    if (kind === 'challenge') return this.#validate(order);
    if (kind === 'finalize') return this.#finalize(order, signed.payload);
    return kind === 'certificate' && order.certificate !== undefined
      ? { status: 200, headers: {}, data: order.certificate }
      : problem(404, 'malformed', 'no such thing');
  }

  #directory(): object {
    const { hasRenewalInfo } = this.#options;
    return {
      ...{
        newNonce: `${ORIGIN}/nonce`,
        newAccount: `${ORIGIN}/account/new`,
        newOrder: `${ORIGIN}/new-order`,
      },
      ...(hasRenewalInfo ? { renewalInfo: `${ORIGIN}/renewal-info` } : {}),
    };
  }

  /** What was signed; undefined when its nonce is not good. */
  #opened(body: string, url: string): { readonly payload: Payload } | undefined {
    const jws = JSON.parse(body) as Record<'protected' | 'payload' | 'signature', string>;
    const head = JSON.parse(fromBase64url(jws.protected).toString()) as { nonce: string; url: string };
    if (head.url !== url || jws.signature === '')
      throw new Error(`A request for ${url} was signed for ${head.url}`);
    if (!this.#nonces.delete(head.nonce)) return undefined;
    const text = fromBase64url(jws.payload).toString();
    return { payload: text === '' ? {} : (JSON.parse(text) as Payload) };
  }

  #account({ onlyReturnExisting }: Payload): Response {
    const isNew = this.counts.accounts === 0;
    if (isNew && onlyReturnExisting === true)
      return problem(400, 'accountDoesNotExist', 'nobody has this key');
    const limited = isNew ? this.#limited([['newAccountsPerAddress', 'address']]) : undefined;
    if (limited !== undefined) return limited;
    this.counts.accounts = 1;
    return { ...json(isNew ? 201 : 200, { status: 'valid' }), headers: { location: `${ORIGIN}/account/1` } };
  }

  #newOrder({ identifiers, replaces }: Payload): Response {
    const [{ value: name }] = identifiers as readonly [{ readonly value: string }];
    const predecessor = typeof replaces === 'string' ? replaces : undefined;
    if (predecessor !== undefined && this.#leaves.get(predecessor)?.name !== name)
      return problem(404, 'malformed', 'no such certificate of these names');
    if (predecessor !== undefined && this.#replaced.has(predecessor))
      return problem(409, 'alreadyReplaced', 'it has a successor');
    const isExempt = predecessor !== undefined;
    const exactSet = ['certificatesPerExactSet', name] as const;
    const others = [
      ['newOrdersPerAccount', 'account'],
      ['certificatesPerRegisteredDomain', name],
    ] as const;
    const limited = this.#limited([
      ...(isExempt ? [] : [exactSet]),
      ...(isExempt || this.#issuedFor.has(name) ? [] : others),
    ]);
    if (limited !== undefined) return limited;
    if (predecessor !== undefined) this.#replaced.add(predecessor);
    const order: ModelOrder = {
      ...{ name, number: this.#orders.length, status: 'pending', authorization: 'pending' },
      certificate: undefined,
    };
    this.#orders.push(order);
    this.counts.orders += 1;
    this.#options.tell(isExempt ? 'order that replaces' : 'order', name);
    return { ...json(201, this.#shown(order)), headers: { location: `${ORIGIN}/order/${order.number}` } };
  }

  #shown({ status, number }: ModelOrder): object {
    return {
      status,
      authorizations: [`${ORIGIN}/authorization/${number}`],
      finalize: `${ORIGIN}/finalize/${number}`,
      ...(status === 'valid' ? { certificate: `${ORIGIN}/certificate/${number}` } : {}),
    };
  }

  /** Decided at once: how long it takes is the network's business. */
  #validate(order: ModelOrder): Response {
    const isAnswered = this.#options.isAnswered(order.name);
    order.authorization = isAnswered ? 'valid' : 'invalid';
    order.status = isAnswered ? 'ready' : 'invalid';
    if (!isAnswered) {
      this.#options.tell('validation that failed', order.name);
      this.#limited([['failedAuthorizations', order.name]]);
    }
    return json(200, challengeOf(order));
  }

  #finalize(order: ModelOrder, { csr }: Payload): Response {
    if (order.status !== 'ready') return problem(403, 'orderNotReady', `the order is ${order.status}`);
    const { name } = order;
    const serial = (this.counts.certificates += 1);
    const notBefore = this.#options.clock.now() - BACKDATED_MS;
    const leaf = { name, notBefore, notAfter: notBefore + this.#options.lifetimeMs(name) };
    order.certificate = this.#sign({ ...leaf, serial }, publicKeyIn(fromBase64url(String(csr))));
    order.status = 'valid';
    this.#issuedFor.add(name);
    this.#leaves.set(leafIdentifier(serial), leaf);
    return json(200, this.#shown(order));
  }

  #renewalInfo(identifier: string): Response {
    const leaf = this.#leaves.get(identifier);
    if (leaf === undefined) return problem(404, 'malformed', 'no such certificate');
    this.counts.renewalInfo += 1;
    const { random, retryAfterMs = DAY_MS * (0.8 + 0.2 * random()) } = this.#options;
    const { start, end } = this.#options.window?.(leaf) ?? windowOf(leaf);
    const suggestedWindow = { start: new Date(start).toISOString(), end: new Date(end).toISOString() };
    const headers = { 'retry-after': String(Math.round(retryAfterMs / 1_000)) };
    return { ...json(200, { suggestedWindow }), headers };
  }

  /** One way. While the authority is down, half of the requests are refused, and half are waited for in vain. */
  async #travel(signal: AbortSignal): Promise<void> {
    const { clock, random, outages } = this.#options;
    await delay(clock, 50 + Math.floor(random() * 1_000), signal);
    const now = clock.now();
    if (!outages.some(({ from, until }) => from <= now && now < until)) return;
    if (random() < 0.5) await delay(clock, NO_ANSWER_MS, signal);
    this.counts.unreachable += 1;
    throw new TlsmithError('ACME_UNREACHABLE', 'The certificate authority does not answer.');
  }

  #exceeded(kind: string): Response | undefined {
    return this.#limited([[REQUESTS[kind] ?? 'otherRequests', 'address']], 503);
  }

  #limited(wanted: readonly (readonly [LimitName, string])[], status = 429): Response | undefined {
    const { clock, tell } = this.#options;
    const now = clock.now();
    const exceeded = this.#limits.take(wanted, now);
    if (exceeded === undefined) return undefined;
    const { limit, retryAfter } = exceeded;
    this.rateLimited.push(limit);
    tell(`refused: ${limit}`, wanted.map(([, whom]) => whom).join(' '));
    const headers = { 'retry-after': String(Math.ceil((retryAfter - now) / 1_000)) };
    return { ...problem(status, 'rateLimited', `too many: ${limit}`), headers };
  }

  #newNonce(): string {
    const nonce = `nonce-${this.counts.requests}-${Math.floor(this.#options.random() * 2 ** 32)}`;
    this.#nonces.add(nonce);
    return nonce;
  }
}

const REQUESTS: Readonly<Record<string, LimitName>> = {
  directory: 'directoryRequests',
  nonce: 'newNonceRequests',
  account: 'newAccountRequests',
  'new-order': 'newOrderRequests',
  'renewal-info': 'renewalInfoRequests',
};

function authorizationOf(order: ModelOrder): object {
  return {
    status: order.authorization,
    identifier: { type: 'dns', value: order.name },
    challenges: [challengeOf(order)],
  };
}

function challengeOf({ number, authorization }: ModelOrder): object {
  const token = `token-of-the-order-${number}`;
  return { type: 'tls-alpn-01', url: `${ORIGIN}/challenge/${number}`, token, status: authorization };
}

function windowOf({ notBefore, notAfter }: Leaf): { readonly start: number; readonly end: number } {
  const lifetimeMs = notAfter - notBefore;
  const start = notBefore + (lifetimeMs < 10 * DAY_MS ? lifetimeMs / 2 : (lifetimeMs * 2) / 3);
  return { start, end: start + lifetimeMs / 50 };
}

function json(status: number, data: unknown): Response {
  return { status, headers: {}, data };
}

function problem(status: number, type: string, detail: string): Response {
  return json(status, { type: `${ERROR}${type}`, detail });
}

function fromBase64url(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}
