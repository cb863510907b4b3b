/**
 * What today's certificate authorities have and Debian's Pebble lacks: renewal information (RFC 9773) and profiles
 * (draft-ietf-acme-profiles), for the front of Pebble. Knows nothing of the library.
 */
import { certificateId } from './certificate-id.js';

const ERROR = 'urn:ietf:params:acme:error:';

/** What the front has besides Pebble; all of it may be changed while it runs. */
export interface AuthorityFeatures {
  /** Name to description; undefined for an authority without profiles. */
  profiles?: Readonly<Record<string, string>>;
  /** Undefined for an authority without renewal information. */
  renewalInfo?: RenewalInformation;
  /** How CAA records name it. */
  caaIdentities?: readonly string[];
}

/** What is suggested for every certificate. */
export interface RenewalInformation {
  /** Start and end of the window, milliseconds since the epoch. */
  start: number;
  end: number;
  /** Seconds; also a date. */
  retryAfter?: string;
  explanationUrl?: string;
}

/** An order as it was asked for. */
export interface RecordedOrder {
  readonly names: readonly string[];
  readonly profile: unknown;
  readonly replaces: unknown;
  readonly notAfter: unknown;
  /** The status it was answered with: 201 when there is an order. */
  readonly status: number;
}

/** A request, as far as it matters here. */
export interface FeatureRequest {
  readonly path: string;
  readonly payload: Readonly<Record<string, unknown>> | undefined;
}

/** An answer with its body as text. */
export interface FeatureAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** The books of one authority. */
export class AuthorityBooks {
  readonly orders: RecordedOrder[] = [];
  readonly #features: AuthorityFeatures;
  /** Identifiers of what was issued. */
  readonly #issued = new Set<string>();
  readonly #replaced = new Set<string>();

  constructor(features: AuthorityFeatures) {
    this.#features = features;
  }

  /** The answer to what Pebble would not understand; undefined when Pebble is to be asked. */
  answer({ path, payload }: FeatureRequest): FeatureAnswer | undefined {
    if (path.startsWith('/renewal-info/')) return this.#renewalInfo(path.slice('/renewal-info/'.length));
    if (path !== '/order-plz' || payload === undefined) return undefined;
    const profile = textOf(payload['profile']);
    const replaces = textOf(payload['replaces']);
    const { profiles = {}, renewalInfo } = this.#features;
    if (profile !== undefined && !Object.hasOwn(profiles, profile))
      return problem(400, 'invalidProfile', `there is no profile ${profile}`);
    if (renewalInfo === undefined || replaces === undefined) return undefined;
    if (!this.#issued.has(replaces)) return problem(404, 'malformed', 'no such certificate');
    return this.#replaced.has(replaces)
      ? problem(409, 'alreadyReplaced', 'it has a successor already')
      : undefined;
  }

  /** Notes what happened, and adds to Pebble's answer what Pebble does not know. */
  async noted({ path, payload }: FeatureRequest, answer: FeatureAnswer, origin: string): Promise<string> {
    if (path === '/dir') return this.#directory(answer.body, origin);
    if (path === '/order-plz' && payload !== undefined) return this.#ordered(payload, answer);
    if (answer.body.startsWith('-----BEGIN CERTIFICATE')) this.#issued.add(await certificateId(answer.body));
    return answer.body;
  }

  #directory(body: string, origin: string): string {
    const { profiles, renewalInfo, caaIdentities } = this.#features;
    const directory = JSON.parse(body) as { meta?: object };
    return JSON.stringify({
      ...directory,
      ...(renewalInfo === undefined ? {} : { renewalInfo: `${origin}/renewal-info` }),
      // What is undefined is left out.
      meta: { ...directory.meta, profiles, caaIdentities },
    });
  }

  #ordered(payload: Readonly<Record<string, unknown>>, { status, body }: FeatureAnswer): string {
    const { identifiers = [], profile, notAfter } = payload;
    const replaces = textOf(payload['replaces']);
    const names = (identifiers as { value: string }[]).map(({ value }) => value);
    this.orders.push({ names, profile, replaces, notAfter, status });
    if (status !== 201) return body;
    if (replaces !== undefined) this.#replaced.add(replaces);
    return JSON.stringify({ ...(JSON.parse(body) as object), profile, replaces });
  }

  #renewalInfo(id: string): FeatureAnswer {
    const { renewalInfo } = this.#features;
    if (renewalInfo === undefined || !this.#issued.has(id))
      return problem(404, 'malformed', 'no such certificate');
    const { start, end, retryAfter = '21600', explanationUrl } = renewalInfo;
    return {
      status: 200,
      headers: { 'content-type': 'application/json', 'retry-after': retryAfter },
      body: JSON.stringify({
        suggestedWindow: { start: new Date(start).toISOString(), end: new Date(end).toISOString() },
        explanationURL: explanationUrl,
      }),
    };
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function problem(status: number, type: string, detail: string): FeatureAnswer {
  return {
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: JSON.stringify({ type: `${ERROR}${type}`, detail }),
  };
}
