/** A plain function as a source: a database, a secret store, an API. Its answers are remembered for a while. */
import { BoundedMap } from '../bounded-map.js';
import { type Clock, systemClock } from '../clock.js';
import type { CredentialInput } from '../credential/credential.js';
import { isPromiseLike } from '../promise-like.js';
import type { CertificateSource, SourceFunction } from './certificate-source.js';

/** Options of {@link fromFunction}. */
export interface FromFunctionOptions {
  /**
   * How long an answer is used before the function is asked again, in milliseconds; 0 = asked in every handshake.
   * "No such name" is remembered as long.
   * @defaultValue 60 000
   */
  readonly cacheMs?: number;
}

const DEFAULT_CACHE_MS = 60_000;
/** Names asked by strangers are remembered too, so that a flood does not reach the function: bounded. */
const REMEMBERED_NAMES = 10_000;
/** A call that has not answered for as long is no longer shared: the next question makes a new one. */
const LONGEST_SHARED_MS = 5_000;
const DEFAULT_KEY = '';

/**
 * A source that asks `fn`. Questions for one name share one call; a rejection is reported and not remembered.
 *
 * @param fn - given a normalised server name (undefined = for clients that send none), answers PEM, or undefined or null
 * @throws `TypeError` when `fn` is no function or `cacheMs` no number
 * @example
 * ```ts
 * fromFunction(async (serverName) => {
 *   const row = await database.certificates.find(serverName ?? 'example.com');
 *   return row && { cert: row.certificate, key: row.privateKey };
 * }, { cacheMs: 10_000 });
 * ```
 */
export function fromFunction(fn: SourceFunction, options: FromFunctionOptions = {}): CertificateSource {
  const { cacheMs = DEFAULT_CACHE_MS } = options;
  if (typeof fn !== 'function') throw new TypeError('fromFunction: the first argument must be a function.');
  if (typeof cacheMs !== 'number' || !(cacheMs >= 0))
    throw new TypeError('fromFunction: `cacheMs` must be 0 or more.');
  return new FunctionSource(fn, cacheMs);
}

interface Remembered {
  readonly answer: CredentialInput | undefined | Promise<CredentialInput | undefined>;
  readonly until: number;
}

class FunctionSource implements CertificateSource {
  readonly name: string;
  readonly #fn: SourceFunction;
  readonly #cacheMs: number;
  readonly #remembered = new BoundedMap<string, Remembered>(REMEMBERED_NAMES);
  #clock: Clock = systemClock;

  constructor(fn: SourceFunction, cacheMs: number) {
    this.name = fn.name === '' ? 'function' : fn.name;
    this.#fn = fn;
    this.#cacheMs = cacheMs;
  }

  start({ clock }: { readonly clock: Clock }): void {
    this.#clock = clock;
  }

  find({ serverName }: { readonly serverName: string }): Remembered['answer'] {
    return this.#ask(serverName);
  }

  default(): Remembered['answer'] {
    return this.#ask(DEFAULT_KEY);
  }

  reload(): Promise<void> {
    this.#remembered.clear();
    return Promise.resolve();
  }

  close(): void {
    this.#remembered.clear();
  }

  #ask(key: string): Remembered['answer'] {
    const now = this.#clock.now();
    const known = this.#remembered.get(key);
    if (known !== undefined && now < known.until) return known.answer;
    const answer = this.#fn(key === DEFAULT_KEY ? undefined : key);
    if (isPromiseLike(answer)) return this.#askOnce(key, Promise.resolve(answer).then(undefinedForNull));
    const settled = undefinedForNull(answer);
    if (this.#cacheMs > 0) this.#remembered.set(key, { answer: settled, until: now + this.#cacheMs });
    return settled;
  }

  /** While the function thinks, everyone who asks for the name shares its promise; then its answer is remembered. */
  #askOnce(key: string, answer: Promise<CredentialInput | undefined>): Promise<CredentialInput | undefined> {
    const shared = { answer, until: this.#clock.now() + LONGEST_SHARED_MS };
    this.#remembered.set(key, shared);
    const settle = (settled: Remembered | undefined): void => {
      if (this.#remembered.get(key) !== shared) return;
      if (settled === undefined || this.#cacheMs === 0) this.#remembered.delete(key);
      else this.#remembered.set(key, settled);
    };
    answer.then(
      (value) => {
        settle({ answer: value, until: this.#clock.now() + this.#cacheMs });
      },
      () => {
        settle(undefined);
      },
    );
    return answer;
  }
}

/** Databases say null for a row that is not there. */
function undefinedForNull(answer: CredentialInput | null | undefined): CredentialInput | undefined {
  return answer ?? undefined;
}
