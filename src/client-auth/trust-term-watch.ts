/** Tells, ahead of time, that an authority or a revocation list runs out, and that it has. */
import { alarm, type Clock } from '../clock.js';
import type { Finding } from '../credential/findings.js';
import type { TrustTerm } from './trust-terms.js';

const LONGEST_NOTICE_MS = 30 * 86_400_000;
const SHORTEST_LOOK_MS = 1_000;
const HINTS = {
  authority:
    'Put the new authority beside it in ca or caFile, issue new certificates to its clients, and take the old one out then.',
  list: 'Have the authority sign a new list, and put it in the place of crlFile: it is read without a restart.',
} as const;

/** Where it is told. */
export interface TrustTermListener {
  readonly report: (finding: Finding) => void;
  /** Takes back all findings with a code. */
  readonly resolved: (code: string) => void;
}

/** Watches terms, from {@link TrustTermWatch.watch} until {@link TrustTermWatch.close}. */
export class TrustTermWatch {
  readonly #clock: Clock;
  readonly #origin: string;
  readonly #listener: TrustTermListener;
  #terms: readonly TrustTerm[] = [];
  #told: readonly Finding[] = [];
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, origin: string, listener: TrustTermListener) {
    this.#clock = clock;
    this.#origin = origin;
    this.#listener = listener;
  }

  /** From now on these, in place of those before. */
  watch(terms: readonly TrustTerm[]): void {
    this.#terms = terms;
    this.#look();
  }

  /** Ends it. */
  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    this.close();
    const now = this.#clock.now();
    this.#tell(this.#terms.flatMap((term) => findingAbout(term, this.#origin, now) ?? []));
    const next = Math.min(
      ...this.#terms.flatMap((term) => [noticeAt(term), term.until]).filter((instant) => instant > now),
    );
    if (next === Infinity) return;
    this.#cancel = alarm(this.#clock, Math.max(next, now + SHORTEST_LOOK_MS), () => {
      this.#look();
    });
  }

  #tell(findings: readonly Finding[]): void {
    const isIn = ({ message }: Finding, others: readonly Finding[]): boolean =>
      others.some((other) => other.message === message);
    const over = this.#told.filter((finding) => !isIn(finding, findings));
    const codes = new Set(over.map(({ code }) => code));
    for (const code of codes) this.#listener.resolved(code);
    // What has the code of something that is over was taken back with it.
    for (const finding of findings)
      if (codes.has(finding.code) || !isIn(finding, this.#told)) this.#listener.report(finding);
    this.#told = findings;
  }
}

/** A sixth of its lifetime before its end, and no more than 30 days. */
function noticeAt({ from, until }: TrustTerm): number {
  return until - Math.min((until - from) / 6, LONGEST_NOTICE_MS);
}

function findingAbout(term: TrustTerm, origin: string, now: number): Finding | undefined {
  if (now < noticeAt(term)) return undefined;
  const { kind, name, until } = term;
  const isOver = now >= until;
  const instant = new Date(until).toISOString();
  const what = kind === 'authority' ? `the authority ${name}` : `the revocation list of ${name}`;
  const codes = CODES[kind];
  return {
    code: isOver ? codes.over : codes.soon,
    severity: isOver ? 'error' : 'warning',
    message: isOver
      ? `${origin}: ${what} is out of date since ${instant}, and so none of its clients is accepted.`
      : `${origin}: ${what} is out of date at ${instant}: from then on none of its clients is accepted.`,
    hint: HINTS[kind],
  };
}

const CODES = {
  authority: { soon: 'CLIENT_CA_EXPIRING', over: 'CLIENT_CA_EXPIRED' },
  list: { soon: 'CLIENT_CRL_EXPIRING', over: 'CLIENT_CRL_UNUSABLE' },
} as const;
