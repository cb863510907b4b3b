/**
 * One source asked one question: whatever it does (throw, hang, answer nonsense), what comes out is a proven
 * credential, a promise of one, or nothing, and the fault is reported once.
 */
import { BoundedMap } from '../bounded-map.js';
import { type Clock, alarm } from '../clock.js';
import {
  createCredential,
  type Credential,
  type CredentialInput,
  isCredential,
} from '../credential/credential.js';
import type { Finding } from '../credential/findings.js';
import { isTlsmithError, messageOf, TlsmithError } from '../errors.js';
import type {
  CertificateSource,
  Found,
  PendingCredential,
  SourceQuery,
} from '../sources/certificate-source.js';

/** How long a source may take to answer, unless it answers `pending`. */
export const SOURCE_TIMEOUT_MS = 5_000;
/** The longest a pending answer is waited for; sources set a shorter limit of their own. */
const LONGEST_PENDING_MS = 120_000;
const REMEMBERED_INPUTS = 2_000;

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
export interface AnswerContext {
  readonly clock: Clock;
  readonly report: (finding: Finding) => void;
}

/** Asks sources and proves what they answer. */
export class SourceAnswers {
  readonly #context: AnswerContext;
  /** Inputs already proven, so that a source that answers with PEM is not parsed in every handshake. */
  readonly #proven = new WeakMap<object, Credential>();
  readonly #provenByText = new BoundedMap<string, Credential>(REMEMBERED_INPUTS);

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  /** The source's answer for a server name. */
  find(source: CertificateSource, serverName: string): Answer {
    const query = new LazyQuery(serverName);
    return this.#answer(source, query, () => source.find(query));
  }

  /** The source's answer for a client without a known server name. */
  default(source: CertificateSource): Answer {
    if (source.default === undefined) return undefined;
    return this.#answer(source, new LazyQuery(''), () => source.default?.());
  }

  #answer(
    source: CertificateSource,
    query: LazyQuery,
    ask: () => Found | undefined | Promise<Found | undefined>,
  ): Answer {
    try {
      const found = ask();
      if (found === undefined) return undefined;
      if (isCredential(found)) return found;
      if (isPromise(found))
        return { settled: this.#settled(source, query, this.#within(SOURCE_TIMEOUT_MS, found)) };
      return this.#proof(source, query, found);
    } catch (error) {
      this.#reportFault(source, query.serverName, error);
      return undefined;
    }
  }

  /** Waits for a source; a fault becomes a report and no answer. */
  async #settled(
    source: CertificateSource,
    query: LazyQuery,
    found: Promise<Found | undefined>,
  ): Promise<Credential | undefined> {
    try {
      const answer = await found;
      if (answer === undefined || isCredential(answer)) return answer;
      const proof = this.#proof(source, query, answer);
      return isPendingAnswer(proof) ? await proof.settled : proof;
    } catch (error) {
      query.abort(error);
      this.#reportFault(source, query.serverName, error);
      return undefined;
    }
  }

  /** The answer may come from untyped code: nothing about it is believed. */
  #proof(source: CertificateSource, query: LazyQuery, found: unknown): Answer {
    if (isPending(found)) {
      return { settled: this.#settled(source, query, this.#within(LONGEST_PENDING_MS, found.pending)) };
    }
    return this.#prove(found);
  }

  #prove(input: unknown): Credential {
    if (!isCredentialInput(input)) {
      throw new TlsmithError('SOURCE_ANSWER_INVALID', 'the answer is no { cert, key } in PEM.', {
        hint: 'Answer with { cert, key }, a credential, { pending } or undefined.',
      });
    }
    const known = this.#proven.get(input) ?? this.#provenByText.get(textOf(input));
    if (known !== undefined) return known;
    const credential = createCredential(input);
    this.#proven.set(input, credential);
    this.#provenByText.set(textOf(input), credential);
    return credential;
  }

  #within<Value>(limitMs: number, promise: Promise<Value>): Promise<Value> {
    const { clock } = this.#context;
    return new Promise((resolve, reject) => {
      const cancel = alarm(clock, clock.now() + limitMs, () => {
        reject(new TlsmithError('SOURCE_TIMEOUT', `no answer within ${limitMs / 1000} seconds.`));
      });
      promise.then(resolve, reject).finally(cancel);
    });
  }

  #reportFault(source: CertificateSource, serverName: string, error: unknown): void {
    const known = isTlsmithError(error) ? error : undefined;
    const asked = serverName === '' ? 'its default certificate' : serverName;
    this.#context.report({
      code: known?.code ?? 'SOURCE_FAILED',
      severity: 'error',
      source: source.name,
      message: `Source ${source.name} was asked for ${asked} and failed: ${messageOf(error)} It is skipped for this connection.`,
      hint: known?.hint ?? 'Later sources answer meanwhile.',
    });
  }
}

/** A query whose AbortController is only made for sources that look at the signal. */
class LazyQuery implements SourceQuery {
  readonly serverName: string;
  #controller: AbortController | undefined;

  constructor(serverName: string) {
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

function isPromise<Value>(value: unknown): value is Promise<Value> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function isPending(value: unknown): value is PendingCredential {
  return typeof value === 'object' && value !== null && 'pending' in value && isPromise(value.pending);
}

function isCredentialInput(value: unknown): value is CredentialInput {
  if (typeof value !== 'object' || value === null || !('cert' in value) || !('key' in value)) return false;
  return isPem(value.cert) && isPem(value.key);
}

function isPem(value: unknown): boolean {
  return typeof value === 'string' || ArrayBuffer.isView(value);
}

function textOf({ cert, key, chain, passphrase }: CredentialInput): string {
  return [cert, key, chain ?? '', passphrase ?? '']
    .map((part) => Buffer.from(part as string).toString('latin1'))
    .join('\0');
}
