/**
 * A challenge that is open, as it is stored for other processes: at `acme/<authority>/challenges/…`, from before the
 * authority is asked to validate until the validation has ended.
 */
import { createHash } from 'node:crypto';
import type { ChallengeAnswer, ChallengeQuestion } from '../sources/certificate-source.js';
import type { Storage } from '../storage/storage.js';

const FORMAT = 1;
/** Longer than any validation; what is older was left behind by a process that was killed. */
const GOOD_FOR_MS = 3_600_000;

/** Where the challenges of one authority are kept. */
export class ChallengeRecords {
  readonly prefix: string;
  readonly #storage: Storage;

  /** @param authority - the segment of its keys */
  constructor(storage: Storage, authority: string) {
    this.#storage = storage;
    this.prefix = `acme/${authority}/challenges/`;
  }

  /**
   * Writes it.
   * @returns what deletes it, unless another challenge has taken its place
   */
  async write(answer: ChallengeAnswer, now: number): Promise<() => Promise<void>> {
    const key = this.#keyOf(answer);
    const bytes = new TextEncoder().encode(
      JSON.stringify({ format: FORMAT, answer, until: now + GOOD_FOR_MS }),
    );
    const { version } = await this.#storage.put(key, bytes);
    return async () => {
      const current = await this.#storage.get(key);
      if (current?.version === version) await this.#storage.delete(key);
    };
  }

  /** The challenge that a validator asks for. */
  async find(question: ChallengeQuestion, now: number): Promise<ChallengeAnswer | undefined> {
    const answer = await this.read(this.#keyOf(question), now);
    return answer !== undefined && subjectOf(answer) === subjectOf(question) ? answer : undefined;
  }

  /** The challenge at a key, unless it is damaged or was left behind. */
  async read(key: string, now: number): Promise<ChallengeAnswer | undefined> {
    const value = await this.#storage.get(key);
    return value === undefined ? undefined : decode(value.bytes, now);
  }

  /** Names may be longer than a segment of a key, and come from strangers. */
  #keyOf(challenge: ChallengeQuestion): string {
    const digest = createHash('sha256').update(subjectOf(challenge)).digest('hex').slice(0, 40);
    return `${this.prefix}${challenge.type}-${digest}`;
  }
}

function subjectOf(challenge: ChallengeQuestion): string {
  return challenge.type === 'http-01' ? challenge.token : challenge.identifier;
}

function decode(bytes: Uint8Array, now: number): ChallengeAnswer | undefined {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown> | null;
    if (value?.['format'] !== FORMAT || !(Number(value['until']) > now)) return undefined;
    return answerIn(value['answer']);
  } catch {
    return undefined;
  }
}

function answerIn(value: unknown): ChallengeAnswer | undefined {
  const { type, token, keyAuthorization, identifier, credential } = value as Record<string, unknown>;
  if (type === 'http-01' && typeof token === 'string' && typeof keyAuthorization === 'string')
    return { type, token, keyAuthorization };
  const { cert, key } = (credential ?? {}) as Record<string, unknown>;
  if (type !== 'tls-alpn-01' || typeof identifier !== 'string') return undefined;
  if (typeof cert !== 'string' || typeof key !== 'string') return undefined;
  return { type, identifier, credential: { cert, key } };
}
