/**
 * HTTPS to one certificate authority: its own trust and connections, a time limit, a size limit, and no retry, no
 * redirect and no waiting of its own. What fails is a coded error with its cause kept.
 */
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.js';
import { codeOf, messageOf, TlsmithError } from '../errors.js';

const TIMEOUT_MS = 30_000;
/** A chain of four certificates takes 10 KB. */
const LARGEST_BODY = 512 * 1024;
const MOST_CONNECTIONS = 20;
/** Shorter than any server keeps a connection: a request on one that is just being closed would be lost. */
const IDLE_MS = 3_000;
const USER_AGENT = 'tlsmith';
const TRUST_FAULTS =
  /^(?:CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_CERT_|INVALID_CA|HOSTNAME_MISMATCH)/;

/** How to talk to a certificate authority. */
export interface TransportOptions {
  readonly clock: Clock;
  /** PEM roots to trust in place of Node's. */
  readonly ca?: string;
  /** Somebody's own agent, such as one for a proxy; it brings its own trust. */
  readonly agent?: Agent;
}

/** One request. */
export interface TransportRequest {
  readonly url: string;
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** Sent as `application/jose+json`. */
  readonly body?: string;
  readonly signal: AbortSignal;
}

/** What came back, whatever its status. */
export interface WireResponse {
  readonly status: number;
  /** By lower-case name; several of one name are joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed when it was JSON, else the text. */
  readonly data: unknown;
}

/** How requests reach a certificate authority: HTTPS, or a model of it. */
export interface Wire {
  /**
   * Sends one request.
   * @throws {@link TlsmithError} `ACME_UNREACHABLE` or `ACME_RESPONSE_INVALID`; the signal's reason when aborted
   */
  send(request: TransportRequest): Promise<WireResponse>;
  /** Ends idle connections. */
  close(): void;
}

/** The connections to one certificate authority. */
export class Transport implements Wire {
  readonly #clock: Clock;
  readonly #agent: Agent;
  readonly #isOwnAgent: boolean;
  /** Since when a connection is idle, by `performance.now()`. */
  readonly #idleSince = new WeakMap<Duplex, number>();

  constructor({ clock, ca, agent }: TransportOptions) {
    this.#clock = clock;
    this.#isOwnAgent = agent === undefined;
    this.#agent =
      agent ??
      new Agent({
        keepAlive: true,
        maxSockets: MOST_CONNECTIONS,
        timeout: IDLE_MS,
        ...(ca === undefined ? {} : { ca }),
      });
    if (this.#isOwnAgent) {
      this.#agent.on('free', (socket: Duplex) => this.#idleSince.set(socket, performance.now()));
    }
  }

  /**
   * Sends one request.
   * @throws {@link TlsmithError} `ACME_UNREACHABLE` or `ACME_RESPONSE_INVALID`; the signal's reason when aborted
   */
  async send(request: TransportRequest): Promise<WireResponse> {
    const limit = new AbortController();
    const timer = this.#clock.setTimeout(() => {
      limit.abort(new Error(`no answer within ${TIMEOUT_MS / 1_000} s`));
    }, TIMEOUT_MS);
    const signal = AbortSignal.any([request.signal, limit.signal]);
    try {
      return await this.#exchange(request, signal);
    } catch (error) {
      request.signal.throwIfAborted();
      const cause: unknown = limit.signal.aborted ? limit.signal.reason : error;
      throw codeOf(cause) === 'ACME_RESPONSE_INVALID' ? cause : unreachable(request.url, cause);
    } finally {
      this.#clock.clearTimeout(timer);
    }
  }

  /** Ends idle connections. */
  close(): void {
    if (this.#isOwnAgent) this.#agent.destroy();
  }

  /** A process that was stopped, or that is busy, finds its connections closed by the other side, and has not heard of it yet. */
  #dropStale(): void {
    const longAgo = performance.now() - IDLE_MS;
    for (const socket of Object.values(this.#agent.freeSockets).flat()) {
      if (socket !== undefined && (this.#idleSince.get(socket) ?? Infinity) < longAgo) socket.destroy();
    }
  }

  async #exchange({ url, method, body }: TransportRequest, signal: AbortSignal): Promise<WireResponse> {
    this.#dropStale();
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = httpsRequest(url, { method, agent: this.#agent, signal, headers: headersFor(body) });
      sent.once('response', resolve);
      sent.on('error', reject);
      sent.end(body);
    });
    const headers = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
    const text = await textOf(response, url);
    return {
      status: response.statusCode ?? 0,
      headers: Object.fromEntries(headers) as Record<string, string>,
      data: isJson(response) ? parsed(text) : text,
    };
  }
}

/** RFC 8555 §6.1 asks for a User-Agent and an Accept-Language. */
function headersFor(body: string | undefined): Record<string, string | number> {
  return {
    'user-agent': USER_AGENT,
    'accept-language': 'en',
    ...(body === undefined
      ? {}
      : { 'content-type': 'application/jose+json', 'content-length': Buffer.byteLength(body) }),
  };
}

async function textOf(response: IncomingMessage, url: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY) {
      response.destroy();
      throw new TlsmithError(
        'ACME_RESPONSE_INVALID',
        `The answer of ${originOf(url)} is longer than ${LARGEST_BODY / 1024} KiB, so it is no ACME answer.`,
        { url },
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function isJson({ headers }: IncomingMessage): boolean {
  return /^application\/(?:[\w.-]+\+)?json\b/i.test(headers['content-type'] ?? '');
}

/** Malformed JSON stays text: whoever needs an object will say so. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function unreachable(url: string, cause: unknown): TlsmithError {
  const isTrustFault = TRUST_FAULTS.test(codeOf(cause) ?? '');
  const hint = isTrustFault
    ? 'If the certificate authority has a root of its own, give its file as `serverCaFile`. Node reads NODE_EXTRA_CA_CERTS as well.'
    : 'Check `directoryUrl`, name resolution, and that this machine may open HTTPS connections; `agent` takes a proxy. It is tried again by itself.';
  const what = isTrustFault ? 'does not trust' : 'cannot reach';
  const reason = messageOf(cause) || codeOf(cause) || 'the connection broke';
  return new TlsmithError(
    'ACME_UNREACHABLE',
    `This server ${what} the certificate authority at ${originOf(url)}: ${reason.replace(/\.$/, '')}.`,
    { url, hint, cause },
  );
}

/** The part of a URL that is safe and useful to print. */
export function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'an address that is no URL';
}
