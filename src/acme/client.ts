/** The requests of RFC 8555 as one attempt makes them: each answers with a parsed resource or a coded error. */
import type { Clock } from '../clock.js';
import { isTlsmithError, TlsmithError, type TlsmithErrorCode } from '../errors.js';
import { type HardenedClient, keyChange, UnexpectedResponse } from './acme-client.js';
import { responseError } from './problem.js';
import { type Authorization, type Order, parseAuthorization, parseOrder } from './resources.js';
import { pollDelayMs } from './retry-after.js';
import type { WireResponse } from './transport.js';

/** A resource and what its answer said besides. */
export interface Answer<Resource> {
  readonly resource: Resource;
  /** Milliseconds until it may be asked for again; 0 when the authority does not say. */
  readonly retryAfterMs: number;
}

/** What is told of requests that fail. */
export interface ClientContext {
  readonly clock: Clock;
  /** The names that this is about, if it is about names. */
  readonly names?: readonly string[];
}

/** Speaks to one certificate authority with one account, for one attempt. */
export class AcmeClient {
  readonly #client: HardenedClient;
  readonly #context: ClientContext;

  constructor(client: HardenedClient, context: ClientContext) {
    this.#client = client;
    this.#context = context;
  }

  /**
   * §7.3: creates an account, or finds the one that exists for the key.
   * @returns its URL, and whether it is new
   */
  async newAccount(payload: object): Promise<{ readonly url: string; readonly isNew: boolean }> {
    // A copy: acme-client writes the external account binding into what it is given.
    const { status, headers } = await this.#ask(
      'to make or find an account',
      () => this.#client.api.createAccount({ ...payload }),
      'ACME_ACCOUNT_REFUSED',
    );
    return { url: this.#location(headers, 'an account'), isNew: status === 201 };
  }

  /** §7.4 */
  async newOrder(payload: object): Promise<{ readonly url: string; readonly order: Order }> {
    const doing = `to take an order${this.#forNames()}`;
    const { headers, data } = await this.#ask(doing, () => this.#client.api.createOrder({ ...payload }));
    return { url: this.#location(headers, 'an order'), order: parseOrder(data) };
  }

  /** §7.1.3 */
  order(url: string): Promise<Answer<Order>> {
    return this.#get(url, 'to show the order', parseOrder);
  }

  /** §7.5 */
  authorization(url: string): Promise<Answer<Authorization>> {
    return this.#get(url, 'to show the authorization', parseAuthorization);
  }

  /** §7.5.1: says that the challenge can be validated. */
  async startValidation(url: string): Promise<void> {
    await this.#ask(`to validate${this.#forNames()}`, () => this.#client.api.apiRequest(url, {}, [200]));
  }

  /** §7.4: sends the certificate request, as base64url of its DER. */
  async finalize(url: string, csr: string): Promise<Order> {
    const doing = `to issue a certificate${this.#forNames()}`;
    const { data } = await this.#ask(doing, () => this.#client.api.apiRequest(url, { csr }, [200]));
    return parseOrder(data);
  }

  /** §7.4.2: the chain as PEM, and the URL of others for the same certificate. */
  async certificate(url: string): Promise<WireResponse & { readonly data: string }> {
    const doing = `to hand out the certificate${this.#forNames()}`;
    const response = await this.#ask(doing, () => this.#client.api.apiRequest(url, null, [200]));
    if (typeof response.data !== 'string')
      throw invalid('The certificate authority answered with something that is no certificate.');
    return { ...response, data: response.data };
  }

  /** §7.6: by the account that ordered it; what is revoked already is no error. */
  async revoke(certificate: Buffer): Promise<void> {
    try {
      await this.#ask(`to revoke the certificate${this.#forNames()}`, () =>
        this.#client.api.revokeCert({ certificate: certificate.toString('base64url') }),
      );
    } catch (error) {
      if (!isTlsmithError(error) || error['problemType'] !== 'alreadyRevoked') throw error;
    }
  }

  /** §7.3.5: from now on the account has this key, and no client for the old one is of any use. */
  async changeKey(newKey: string): Promise<void> {
    const { http, api } = this.#client;
    const { keyChange: url } = await http.getDirectory();
    if (url === undefined) throw noKeyChange();
    const change = await keyChange(url, newKey, { account: api.getAccountUrl(), oldKey: http.getJwk() });
    await this.#ask('to change the key of the account', () => api.updateAccountKey(change));
  }

  /** §8.1 */
  keyAuthorization(token: string): Promise<string> {
    return this.#client.getChallengeKeyAuthorization({ type: 'http-01', token, url: '', status: 'pending' });
  }

  async #get<Resource>(
    url: string,
    doing: string,
    parse: (value: unknown) => Resource,
  ): Promise<Answer<Resource>> {
    const { headers, data } = await this.#ask(doing, () => this.#client.api.apiRequest(url, null, [200]));
    const retryAfterMs = pollDelayMs(headers['retry-after'], this.#context.clock.now());
    return { resource: parse(data), retryAfterMs };
  }

  async #ask(
    doing: string,
    request: () => Promise<WireResponse>,
    otherwise: TlsmithErrorCode = 'ACME_REFUSED',
  ): Promise<WireResponse> {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof UnexpectedResponse)) throw error;
      const { clock, names } = this.#context;
      if (error.response.status < 300) throw unanswered(doing);
      throw responseError(error.response, {
        doing,
        otherwise,
        now: clock.now(),
        ...(names === undefined ? {} : { names }),
      });
    }
  }

  #location(headers: WireResponse['headers'], what: string): string {
    const { location } = headers;
    if (location !== undefined && URL.canParse(location)) return location;
    throw invalid(`The certificate authority created ${what}, but did not say where it is.`);
  }

  #forNames(): string {
    const { names } = this.#context;
    return names === undefined ? '' : ` for ${names.join(', ')}`;
  }
}

/** Whether the authority does not know the account, or does not want it any more. */
export function isAccountMissing(error: unknown): boolean {
  return isTlsmithError(error) && error.code === 'ACME_ACCOUNT_MISSING';
}

/** Success, as far as the status goes, and not what was asked for: something in between has answered. */
function unanswered(doing: string): TlsmithError {
  return invalid(`What the certificate authority answered when it was asked ${doing} is no answer to that.`);
}

function noKeyChange(): TlsmithError {
  return new TlsmithError(
    'ACME_REFUSED',
    'The certificate authority has no way to change the key of an account.',
    { hint: 'Its directory has no `keyChange` (RFC 8555 §7.1.1). The account keeps its key.' },
  );
}

function invalid(message: string): TlsmithError {
  return new TlsmithError('ACME_RESPONSE_INVALID', message, {
    hint: 'The fault is on the side of the authority, or of a proxy in between. It is tried again by itself.',
  });
}
