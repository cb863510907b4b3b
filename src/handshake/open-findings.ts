/**
 * Findings of handshakes with the question that made them, so that they are taken back when the same question is
 * answered well. Strangers choose the questions: for each finding only the latest is kept, and of findings few.
 */
import { BoundedMap } from '../bounded-map.js';
import type { Finding } from '../credential/findings.js';

const KEPT_FINDINGS = 500;

/** Who is told of findings that handshakes make. */
export interface FindingListener {
  /** Called each time that a handshake meets it. */
  readonly report: (finding: Finding) => void;
  /** Called when it no longer holds. */
  readonly resolved?: (finding: Finding) => void;
}

/** What makes two findings of handshakes the same, whichever name was asked for. */
export function findingKey({ code, source, names }: Finding): string {
  return [code, source, names].join(' ');
}

/** The findings that hold, by question. */
export class OpenFindings {
  readonly #listener: FindingListener;
  readonly #findings = new BoundedMap<string, Finding>(KEPT_FINDINGS);
  readonly #questions = new BoundedMap<string, string>(KEPT_FINDINGS);

  constructor(listener: FindingListener) {
    this.#listener = listener;
  }

  /** Tells of a finding that the answer to a question has made; it replaces the one made before. */
  report(question: string, finding: Finding): void {
    const key = findingKey(finding);
    const known = this.#findings.get(question);
    if (known !== undefined && findingKey(known) !== key) this.answeredWell(question);
    const earlier = this.#questions.get(key);
    if (earlier !== undefined) this.#findings.delete(earlier);
    this.#questions.set(key, question);
    this.#findings.set(question, finding);
    this.#listener.report(finding);
  }

  /** Takes back what this question has found, if anything; cheap while nothing is wrong. */
  answeredWell(question: string): void {
    if (this.#findings.size === 0) return;
    const finding = this.#findings.get(question);
    if (finding === undefined) return;
    this.#findings.delete(question);
    this.#questions.delete(findingKey(finding));
    this.#listener.resolved?.(finding);
  }

  /** Takes everything back: what still holds is found again by the next handshake. */
  takeBack(): void {
    for (const [question] of [...this.#findings.entries()]) this.answeredWell(question);
  }
}
