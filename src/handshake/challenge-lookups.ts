/**
 * Challenges that somebody else has opened, such as another process on the same storage: looked up when a validator
 * asks for one that is not open here, and at no other time. Strangers can ask as validators do, so what they cause is
 * bounded.
 */
import type { Clock } from '../clock.js';
import type { Credential } from '../credential/credential.js';
import type { ChallengeAnswer, ChallengeLookup, ChallengeQuestion } from '../sources/certificate-source.js';
import { createValidationCredential } from './challenge-server.js';

/** Below what plain HTTP on the TLS port is given for a whole exchange. */
const LOOKUP_LIMIT_MS = 4_000;
/** Different questions at a time; beyond these, validators are told that nothing is open, and come again. */
const LOOKUPS_AT_A_TIME = 100;

/** Asks whoever may know of a challenge. */
export class ChallengeLookups {
  readonly #clock: Clock;
  readonly #lookups = new Set<ChallengeLookup>();
  /** By question: many validators ask the same at the same time. */
  readonly #inFlight = new Map<string, Promise<ChallengeAnswer | undefined>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether there is anybody to ask. */
  get isEmpty(): boolean {
    return this.#lookups.size === 0;
  }

  /** Asks `lookup` too, until the returned function is called. */
  add(lookup: ChallengeLookup): () => void {
    this.#lookups.add(lookup);
    return () => this.#lookups.delete(lookup);
  }

  /** The validation certificate for an identifier; never rejects. */
  async credentialFor(identifier: string): Promise<Credential | undefined> {
    const answer = await this.#ask({ type: 'tls-alpn-01', identifier });
    try {
      return answer?.type === 'tls-alpn-01' ? createValidationCredential(answer.credential) : undefined;
    } catch {
      return undefined; // Whoever wrote it did not write a pair: as good as nothing.
    }
  }

  /** What a token is answered with; never rejects. */
  async keyAuthorizationFor(token: string, host?: string): Promise<string | undefined> {
    const answer = await this.#ask({ type: 'http-01', token, ...(host === undefined ? {} : { host }) });
    return answer?.type === 'http-01' ? answer.keyAuthorization : undefined;
  }

  #ask(question: ChallengeQuestion): Promise<ChallengeAnswer | undefined> {
    const key = question.type === 'http-01' ? `${question.token} ${question.host}` : question.identifier;
    const underway = this.#inFlight.get(key);
    if (underway !== undefined) return underway;
    if (this.#inFlight.size >= LOOKUPS_AT_A_TIME) return Promise.resolve(undefined);
    const asking = this.#first(question).finally(() => this.#inFlight.delete(key));
    this.#inFlight.set(key, asking);
    return asking;
  }

  /** The first answer that is one; the first guess, or nothing, once all have passed or time is up. */
  #first(question: ChallengeQuestion): Promise<ChallengeAnswer | undefined> {
    return new Promise((resolve) => {
      let guess: ChallengeAnswer | undefined;
      const timer = this.#clock.setTimeout(() => {
        resolve(guess);
      }, LOOKUP_LIMIT_MS);
      const questions = Array.from(this.#lookups, async (lookup) => {
        const answer = await lookup(question);
        if (answer?.type === 'http-01' && answer.isGuess === true) guess ??= answer;
        else if (answer !== undefined) resolve(answer);
      });
      void Promise.allSettled(questions).then(() => {
        this.#clock.clearTimeout(timer);
        resolve(guess);
      });
    });
  }
}
