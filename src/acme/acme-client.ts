/**
 * The one place that loads acme-client, and what is replaced in it: it signs and knows the protocol's forms, while
 * requests, nonces, the directory and errors are ours. Its own would sleep through a Retry-After of a day, burn a
 * nonce with each retry, lose the cause of what failed, and cannot be aborted; `auto()` is never called.
 *
 * `http` and `api` are public in its JavaScript and missing in its types: hence the exact version in package.json, and
 * the test that looks whether they are still there.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { Client } from 'acme-client';
import type { NoncePool } from './nonces.js';
import type { Directory } from './resources.js';
import type { Wire, WireResponse } from './transport.js';

/** RFC 8555 §6.5: "should" be retried; an authority that rejects this many has a fault. */
const MOST_BAD_NONCES = 25;

/** For an authority that wants to know who one is already (RFC 8555 §7.3.4). */
export interface ExternalAccountBinding {
  /** The key identifier. */
  readonly kid: string;
  /** The MAC key, base64url as the authority shows it. */
  readonly hmacKey: string;
}

/** What a client works with. */
export interface SeamOptions {
  readonly transport: Wire;
  readonly nonces: NoncePool;
  readonly directoryUrl: string;
  readonly directory: () => Promise<Directory>;
  readonly accountKey: string;
  readonly accountUrl: string | undefined;
  readonly externalAccountBinding: ExternalAccountBinding | undefined;
  readonly signal: AbortSignal;
}

/** An answer whose status is not what was asked for. */
export class UnexpectedResponse extends Error {
  readonly response: WireResponse;

  constructor(response: WireResponse) {
    super(`HTTP status ${response.status}`);
    this.response = response;
  }
}

interface HttpSeam {
  accountKey: KeyObject | Buffer;
  maxBadNonceRetries: number;
  request(url: string, method: string, options?: { data?: unknown }): Promise<WireResponse>;
  getNonce(): Promise<string>;
  getDirectory(): Promise<Directory>;
  getJwk(): object;
  createSignedBody(url: string, payload: object): object;
  signedRequest(
    url: string,
    payload: unknown,
    options: { kid: string | null; includeExternalAccountBinding: boolean },
  ): Promise<WireResponse>;
}

interface RequestOptions {
  readonly includeJwsKid?: boolean;
  readonly includeExternalAccountBinding?: boolean;
}

interface ApiSeam {
  getAccountUrl(): string;
  apiRequest: (
    this: ApiSeam,
    ...request: [url: string, payload?: unknown, valid?: readonly number[], options?: RequestOptions]
  ) => Promise<WireResponse>;
  createAccount(payload: object): Promise<WireResponse>;
  createOrder(payload: object): Promise<WireResponse>;
  revokeCert(payload: object): Promise<WireResponse>;
  updateAccountKey(payload: object): Promise<WireResponse>;
}

/** acme-client with its inside in the open. */
export interface HardenedClient extends Pick<Client, 'getChallengeKeyAuthorization'> {
  readonly http: HttpSeam;
  readonly api: ApiSeam;
}

/** Makes a client whose every request goes through our transport. Loads acme-client on the first call. */
export async function hardenedClient(options: SeamOptions): Promise<HardenedClient> {
  const { Client: LibraryClient } = await import('acme-client');
  const { directoryUrl, accountKey, accountUrl, externalAccountBinding } = options;
  const client = new LibraryClient({
    directoryUrl,
    accountKey,
    ...(accountUrl === undefined ? {} : { accountUrl }),
    ...(externalAccountBinding === undefined
      ? {}
      : { externalAccountBinding: { ...externalAccountBinding } }),
  }) as unknown as HardenedClient;
  // What signs is read once, not with every request.
  client.http.accountKey = createPrivateKey(accountKey);
  hardenHttp(client.http, options);
  client.api.apiRequest = apiRequest(client.http);
  return client;
}

/** §7.3.5: what the new key signs of a change of keys, without a nonce; the old key signs all of it once more. */
export async function keyChange(url: string, newKey: string, change: object): Promise<object> {
  const { Client: LibraryClient } = await import('acme-client');
  const client = new LibraryClient({ directoryUrl: url, accountKey: newKey }) as unknown as HardenedClient;
  return client.http.createSignedBody(url, change);
}

function hardenHttp(http: HttpSeam, { transport, nonces, directory, signal }: SeamOptions): void {
  http.maxBadNonceRetries = MOST_BAD_NONCES;
  http.getDirectory = directory;
  http.request = async (url, method, { data } = {}) => {
    const response = await transport.send({
      url,
      method: method.toUpperCase() as 'GET' | 'HEAD' | 'POST',
      signal,
      ...(data === undefined ? {} : { body: JSON.stringify(data) }),
    });
    const nonce = response.headers['replay-nonce'];
    // The nonce of a badNonce error is used at once, by the retry in `signedRequest`: kept as well it would be used twice.
    if (nonce !== undefined && !isBadNonce(response)) nonces.add(nonce);
    return response;
  };
  http.getNonce = async () => {
    const kept = nonces.take();
    if (kept !== undefined) return kept;
    const { newNonce } = await directory();
    const response = await transport.send({ url: newNonce, method: 'HEAD', signal });
    const nonce = response.headers['replay-nonce'];
    if (nonce === undefined) throw new UnexpectedResponse(response);
    return nonce;
  };
}

function apiRequest(http: HttpSeam): ApiSeam['apiRequest'] {
  // The signature is acme-client's: its own methods call this one.
  return async function (...[url, payload = null, valid = [], options = {}]) {
    const { includeJwsKid = true, includeExternalAccountBinding = false } = options;
    const kid = includeJwsKid ? this.getAccountUrl() : null;
    const response = await http.signedRequest(url, payload, { kid, includeExternalAccountBinding });
    if (valid.length > 0 && !valid.includes(response.status)) throw new UnexpectedResponse(response);
    return response;
  };
}

function isBadNonce({ status, data }: WireResponse): boolean {
  if (status !== 400 || typeof data !== 'object' || data === null || !('type' in data)) return false;
  return data.type === 'urn:ietf:params:acme:error:badNonce';
}
