/**
 * Log lines that a flood cannot multiply: the first of a kind is written at once, then one line every five minutes
 * says how often it came again, with the latest as a sample.
 */
import { alarm, type Clock } from './clock.js';
import type { Logger } from './logger.js';

const QUIET_MS = 300_000;
/** Kinds are few by design; beyond this, further kinds are counted as one. */
const MOST_KINDS = 200;

interface Repetition {
  count: number;
  facts: object;
  message: string;
  readonly level: keyof Logger;
  readonly cancel: () => void;
}

/** Writes to a logger, at most twice per kind in five minutes. */
export class RepeatedLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #kinds = new Map<string, Repetition>();

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Logs, or counts what has been logged of this kind lately. */
  write(level: keyof Logger, kind: string, [facts, message]: readonly [object, string]): void {
    const known =
      this.#kinds.get(kind) ?? (this.#kinds.size >= MOST_KINDS ? this.#kinds.get(OTHERS) : undefined);
    if (known !== undefined) {
      known.count += 1;
      known.facts = facts;
      known.message = message;
      return;
    }
    this.#logger[level](facts, message);
    this.#remember(this.#kinds.size >= MOST_KINDS - 1 ? OTHERS : kind, level);
  }

  /** Writes the counts that are still open, and forgets everything. */
  close(): void {
    for (const repetition of this.#kinds.values()) {
      repetition.cancel();
      this.#summarize(repetition);
    }
    this.#kinds.clear();
  }

  #remember(kind: string, level: keyof Logger): void {
    const cancel = alarm(this.#clock, this.#clock.now() + QUIET_MS, () => {
      const repetition = this.#kinds.get(kind);
      this.#kinds.delete(kind);
      if (repetition === undefined || !this.#summarize(repetition)) return;
      this.#remember(kind, level);
    });
    this.#kinds.set(kind, { count: 0, facts: {}, message: '', level, cancel });
  }

  #summarize({ count, facts, message, level }: Repetition): boolean {
    if (count === 0) return false;
    this.#logger[level]({ ...facts, repeated: count }, `${message} (${count} times more within 5 minutes)`);
    return true;
  }
}

const OTHERS = 'others';
