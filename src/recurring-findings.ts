/**
 * Findings that handshakes make, again and again and about names that strangers choose: kept one per code, source and
 * certificate, with the latest as a sample, told in the rhythm of {@link RepeatedLog}, forgotten when they stay away.
 */
import { BoundedMap } from './bounded-map.js';
import type { Clock } from './clock.js';
import type { Finding } from './credential/findings.js';
import { findingKey } from './handshake/open-findings.js';
import type { Logger } from './logger.js';
import { RepeatedLog } from './repeated-log.js';

const KEPT_FINDINGS = 500;
/** Without recurrence for as long, a finding no longer holds. */
const LIFETIME_MS = 300_000;

/** A finding, how often it was met, and until when it holds. */
interface Recurrence {
  readonly finding: Finding;
  readonly count: number;
  readonly until: number;
}

/** A finding with how often it was met since it began to hold. */
export interface CountedFinding extends Finding {
  readonly count: number;
}

/** The findings of handshakes. */
export class RecurringFindings {
  readonly #clock: Clock;
  readonly #told: RepeatedLog;
  readonly #recurrences = new BoundedMap<string, Recurrence>(KEPT_FINDINGS);

  /** @param tell - called for the first of a kind, then at most once in five minutes with the latest of it */
  constructor(clock: Clock, tell: (finding: Finding) => void) {
    this.#clock = clock;
    this.#told = new RepeatedLog(loggerThat(tell), clock);
  }

  /** Those that hold, each with the latest name as a sample. */
  get findings(): CountedFinding[] {
    const now = this.#clock.now();
    return [...this.#recurrences.values()]
      .filter(({ until }) => now < until)
      .map(({ finding, count }) => ({ ...finding, count }));
  }

  /** A handshake has met this. */
  report(finding: Finding): void {
    const now = this.#clock.now();
    const key = findingKey(finding);
    const known = this.#recurrences.get(key);
    const count = known === undefined || now >= known.until ? 1 : known.count + 1;
    this.#recurrences.set(key, { finding, count, until: now + LIFETIME_MS });
    const { message, ...facts } = finding;
    this.#told.write('warn', key, [facts, message]);
  }

  /** Takes back those of which `isMeant` says so. */
  resolved(isMeant: (finding: Finding) => boolean): void {
    for (const [key, { finding }] of [...this.#recurrences.entries()]) {
      if (isMeant(finding)) this.#recurrences.delete(key);
    }
  }

  /** Takes back one. */
  delete(finding: Finding): void {
    this.#recurrences.delete(findingKey(finding));
  }

  /** Forgets all. */
  clear(): void {
    this.#recurrences.clear();
  }

  /** Tells what is still held back. */
  close(): void {
    this.#told.close();
  }
}

/** What is written is told. */
function loggerThat(tell: (finding: Finding) => void): Logger {
  const write = (facts: object, message: string): void => {
    tell({ ...(facts as Omit<Finding, 'message'>), message });
  };
  return { debug: write, info: write, warn: write, error: write };
}
