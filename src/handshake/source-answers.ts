/**
 * One source asked one question: whatever it does (throw, hang, answer nonsense), what comes out is a proven
 * credential, a promise of one, or nothing, and the fault is reported once.
 */
import { createHash } from 'node:crypto';
import { BoundedMap } from '../bounded-map.js';
import { type Clock, alarm } from '../clock.js';
import { createCredential, type Credential, type CredentialInput } from '../credential/credential.js';
import { isTlsmithError, messageOf, TlsmithError } from '../errors.js';
import { isPromiseLike } from '../promise-like.js';
import {
  type CertificateSource,
  nameOfSource,
  type PendingCredential,
  type SourceQuery,
} from '../sources/certificate-source.js';
import { type FindingListener, OpenFindings } from './open-findings.js';
import { isProvenCredential } from './proven-credential.js';

/** How long a source may take to answer, unless it answers `pending`. */
export const SOURCE_TIMEOUT_MS = 5_000;
/** The longest a pending answer is waited for; sources set a shorter limit of their own. */
const LONGEST_PENDING_MS = 120_000;
const REMEMBERED_INPUTS = 2_000;
/** Chains are a few kilobytes; what is larger is somebody's mistake, and would be hashed in every handshake. */
const LARGEST_INPUT = 1_000_000;
/** What is asked for clients without a known server name; no server name is empty. */
const DEFAULT_QUESTION = '';

/** What became of a question. */
export type Answer = Credential | undefined | PendingAnswer;

/** An answer that is not there yet; never rejects. */
export interface PendingAnswer {
  readonly settled: Promise<Credential | undefined>;
}

/** Whether an answer has to be waited for. */
export function isPendingAnswer(answer: Answer): answer is PendingAnswer {
  return answer !== undefined && 'settled' in answer;
}

/** What asking needs of its surroundings. */
export interface AnswerContext extends FindingListener {
  readonly clock: Clock;
  /** Called when a source has answered with a credential for the first time. */
  readonly met?: (credential: Credential, source: CertificateSource) => void;
}

/** Asks sources and proves what they answer. */
export class SourceAnswers {
  readonly #context: AnswerContext;
  /** Inputs already proven, so that a source that answers with PEM is not parsed in every handshake. */
  readonly #proven = new WeakMap<object, Credential>();
  readonly #credentials = new WeakSet<object>();
  readonly #provenByDigest = new BoundedMap<string, Credential>(REMEMBERED_INPUTS);
  /** Questions that a source is thinking about: nobody asks it the same meanwhile. */
  readonly #inFlight = new Map<string, Map<CertificateSource, PendingAnswer>>();
  /** The faults of each source that has ever had one. */
  readonly #faults = new Map<CertificateSource, OpenFindings>();

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  /** The source's answer for a server name. */
  find(source: CertificateSource, serverName: string): Answer {
    return this.#ask(source, serverName);
  }

  /** The source's answer for a client without a known server name. */
  default(source: CertificateSource): Answer {
    return this.#ask(source, DEFAULT_QUESTION);
  }

  #ask(source: CertificateSource, serverName: string): Answer {
    // The size first: on a server whose sources answer at once this costs nothing.
    const inFlight = this.#inFlight.size === 0 ? undefined : this.#inFlight.get(serverName)?.get(source);
    if (inFlight !== undefined) return inFlight;
    const query = new LazyQuery(source, serverName);
    try {
      return this.#received(query, serverName === DEFAULT_QUESTION ? source.default?.() : source.find(query));
    } catch (error) {
      this.#reportFault(query, error);
      return undefined;
    }
  }

  /** The answer may come from untyped code: nothing about it is believed. */
  #received(query: LazyQuery, found: unknown): Answer {
    if (found === undefined || this.#isKnown(found, query)) {
      this.#answeredWell(query);
      return found;
    }
    if (isPromiseLike(found)) return this.#inFlightFor(query, this.#within(SOURCE_TIMEOUT_MS, found));
    if (isPending(found)) return this.#inFlightFor(query, this.#within(LONGEST_PENDING_MS, found.pending));
    const credential = this.#prove(found, query);
    this.#answeredWell(query);
    return credential;
  }

  /** Whether it is a credential; looked at once, because a live one is answered in every handshake. */
  #isKnown(found: unknown, query: LazyQuery): found is Credential {
    if (typeof found !== 'object' || found === null) return false;
    if (this.#credentials.has(found)) return true;
    if (!isProvenCredential(found)) return false;
    this.#meet(found, query);
    return true;
  }

  #meet(credential: Credential, { source }: LazyQuery): void {
    if (this.#credentials.has(credential)) return;
    this.#credentials.add(credential);
    this.#context.met?.(credential, source);
  }

  #inFlightFor(query: LazyQuery, found: Promise<unknown>): PendingAnswer {
    const { source, serverName } = query;
    const answer = { settled: this.#settled(query, found) };
    const bySource = this.#inFlight.get(serverName) ?? new Map<CertificateSource, PendingAnswer>();
    this.#inFlight.set(serverName, bySource.set(source, answer));
    return answer;
  }

  /** Waits for a source; a fault becomes a report and no answer. */
  async #settled(query: LazyQuery, found: Promise<unknown>): Promise<Credential | undefined> {
    try {
      const answer = await found;
      const final = isPending(answer) ? await this.#within(LONGEST_PENDING_MS, answer.pending) : answer;
      const credential = this.#prove(final, query);
      this.#answeredWell(query);
      return credential;
    } catch (error) {
      query.abort(error);
      this.#reportFault(query, error);
      return undefined;
    } finally {
      this.#forget(query);
    }
  }

  #forget({ source, serverName }: LazyQuery): void {
    const bySource = this.#inFlight.get(serverName);
    bySource?.delete(source);
    if (bySource?.size === 0) this.#inFlight.delete(serverName);
  }

  /** A proven credential, or undefined for "nothing", which databases write as null. */
  #prove(input: unknown, query: LazyQuery): Credential | undefined {
    if (input === undefined || input === null) return undefined;
    if (this.#isKnown(input, query)) return input;
    if (!isCredentialInput(input)) throw noCredentialInput();
    const proven = this.#proven.get(input);
    if (proven !== undefined) return proven;
    const digest = digestOf(input);
    const credential = this.#provenByDigest.get(digest) ?? createCredential(input);
    this.#proven.set(input, credential);
    this.#provenByDigest.set(digest, credential);
    this.#meet(credential, query);
    return credential;
  }

  #within<Value>(limitMs: number, promise: PromiseLike<Value>): Promise<Value> {
    const { clock } = this.#context;
    return new Promise((resolve, reject) => {
      const cancel = alarm(clock, clock.now() + limitMs, () => {
        reject(new TlsmithError('SOURCE_TIMEOUT', `no answer within ${limitMs / 1000} seconds.`));
      });
      Promise.resolve(promise).then(resolve, reject).finally(cancel);
    });
  }

  #answeredWell({ source, serverName }: LazyQuery): void {
    if (this.#faults.size > 0) this.#faults.get(source)?.answeredWell(serverName);
  }

  #reportFault({ source, serverName }: LazyQuery, error: unknown): void {
    const known = isTlsmithError(error) ? error : undefined;
    const name = nameOfSource(source);
    const asked = serverName === DEFAULT_QUESTION ? 'its default certificate' : serverName;
    const faults = this.#faults.get(source) ?? new OpenFindings(this.#context);
    this.#faults.set(source, faults);
    faults.report(serverName, {
      code: known?.code ?? 'SOURCE_FAILED',
      severity: 'error',
      source: name,
      message: `Source ${name} was asked for ${asked} and failed: ${messageOf(error)} It is skipped for this connection.`,
      hint: known?.hint ?? 'Later sources answer meanwhile.',
    });
  }
}

/** A query whose AbortController is only made for sources that look at the signal. */
class LazyQuery implements SourceQuery {
  readonly source: CertificateSource;
  readonly serverName: string;
  #controller: AbortController | undefined;

  constructor(source: CertificateSource, serverName: string) {
    this.source = source;
    this.serverName = serverName;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller?.abort(reason);
  }
}

function isPending(value: unknown): value is PendingCredential {
  return typeof value === 'object' && value !== null && 'pending' in value && isPromiseLike(value.pending);
}

function isCredentialInput(value: unknown): value is CredentialInput {
  if (typeof value !== 'object' || value === null || !('cert' in value) || !('key' in value)) return false;
  return isPem(value.cert) && isPem(value.key);
}

function isPem(value: unknown): boolean {
  return typeof value === 'string' || ArrayBuffer.isView(value);
}

/**
 * Tells equal answers from others without keeping them: they hold private keys.
 * @throws {@link TlsmithError} `SOURCE_ANSWER_INVALID` when the answer is larger than any chain and key
 */
function digestOf({ cert, key, chain = '', passphrase = '' }: CredentialInput): string {
  const parts = [cert, key, chain, passphrase];
  if (parts.reduce((size, part) => size + part.length, 0) > LARGEST_INPUT) {
    throw new TlsmithError('SOURCE_ANSWER_INVALID', 'the answer is larger than 1 MB.', {
      hint: 'Answer with one certificate, its chain and its key only.',
    });
  }
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length} `).update(part);
  return hash.digest('base64');
}

function noCredentialInput(): TlsmithError {
  return new TlsmithError('SOURCE_ANSWER_INVALID', 'the answer is no { cert, key } in PEM.', {
    hint: 'Answer with { cert, key }, a credential, { pending } or undefined.',
  });
}
