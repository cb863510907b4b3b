/**
 * Challenges of all processes on one storage. What this one opens it also stores, before the authority is asked to
 * validate; what a validator asks for and is not open here is looked up there. Where no TLS listener of ours is open
 * (`tlsOptions`), nothing can be looked up within a TLS 1.2 handshake: there they are taken over as they appear, if the
 * storage tells of changes.
 */
import type { Clock } from '../clock.js';
import { messageOf } from '../errors.js';
import type { ChallengeAnswer, ChallengeQuestion, SourceHost } from '../sources/certificate-source.js';
import type { Storage } from '../storage/storage.js';
import { ChallengeRecords } from './challenge-record.js';

/** What an `http-01` token for a host of ours is answered with, whoever has opened the challenge. */
type TokenGuess = (token: string, host: string) => Promise<string | undefined>;

/** What challenges are shared with. */
export interface SharedChallengesOptions {
  readonly storage: Storage;
  readonly authority: string;
  readonly guess: TokenGuess;
}

/** Opens challenges, and answers those of other processes. */
export class SharedChallenges {
  readonly #host: SourceHost;
  readonly #clock: Clock;
  readonly #records: ChallengeRecords;
  readonly #endings: (() => void)[];
  /** By storage key: challenges of other processes that are open here too. */
  readonly #takenOver = new Map<string, () => void>();
  /** What is still being written or deleted. */
  readonly #underway = new Set<Promise<void>>();

  readonly #guess: TokenGuess;

  /** @param options - `authority` is the segment of its keys in the storage */
  constructor(host: SourceHost, { storage, authority, guess }: SharedChallengesOptions) {
    this.#host = host;
    this.#guess = guess;
    this.#clock = host.clock;
    this.#records = new ChallengeRecords(storage, authority);
    this.#endings = [host.answerFrom((question) => this.#find(question)), this.#watched(storage)];
  }

  /**
   * Answers a challenge, in every process, from when this resolves.
   * @returns what takes it back
   */
  async open(answer: ChallengeAnswer): Promise<() => void> {
    const takeBack = this.#host.answer(answer);
    const erase = await this.#records.write(answer, this.#clock.now()).catch((error: unknown) => {
      // This process can answer all the same, and may be the only one.
      this.#host.logger.warn(
        {},
        `An ACME challenge could not be stored for other processes: ${messageOf(error)}`,
      );
      return undefined;
    });
    return () => {
      takeBack();
      // Left behind, it only answers for a token that nobody asks for any more.
      if (erase !== undefined) this.#follow(erase());
    };
  }

  /** Ends all that it answers for others. */
  async close(): Promise<void> {
    for (const end of this.#endings.splice(0)) end();
    await Promise.all(this.#underway);
    for (const key of [...this.#takenOver.keys()]) this.#drop(key);
  }

  /**
   * What another process has stored. Where that cannot be read, or is stored elsewhere, a token of `http-01` is answered all the
   * same: its answer takes nothing but the key of the account.
   */
  async #find(question: ChallengeQuestion): Promise<ChallengeAnswer | undefined> {
    const stored = await this.#records.find(question, this.#clock.now()).catch(() => undefined);
    if (stored !== undefined || question.type !== 'http-01' || question.host === undefined) return stored;
    const { type, token, host } = question;
    const keyAuthorization = await this.#guess(token, host);
    return keyAuthorization === undefined ? undefined : { type, token, keyAuthorization, isGuess: true };
  }

  #watched(storage: Storage): () => void {
    try {
      const { prefix } = this.#records;
      const stop = storage.watch?.(prefix, (key) => {
        this.#follow(this.#takeOver(key));
      });
      return stop ?? (() => undefined);
    } catch {
      return () => undefined; // A file system without change notices: they are looked up.
    }
  }

  async #takeOver(key: string): Promise<void> {
    const isRouted = this.#host.listeners().some(({ protocol }) => protocol === 'https');
    if (isRouted && this.#takenOver.size === 0) return;
    const answer = await this.#records.read(key, this.#clock.now()).catch(() => undefined);
    this.#drop(key);
    if (answer !== undefined && this.#endings.length > 0) this.#takenOver.set(key, this.#host.answer(answer));
  }

  #drop(key: string): void {
    this.#takenOver.get(key)?.();
    this.#takenOver.delete(key);
  }

  #follow(work: Promise<void>): void {
    const followed: Promise<void> = work
      .catch(() => undefined)
      .finally(() => this.#underway.delete(followed));
    this.#underway.add(followed);
  }
}
