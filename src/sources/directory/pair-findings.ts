/** What people are told about the pairs of a folder: for each pair what holds now, taken back when it holds no more. */
import type { Finding } from '../../credential/findings.js';
import type { SourceHost } from '../certificate-source.js';

/** More are counted in one finding; a person who has that many looks for what they have in common. */
const MOST_FINDINGS = 500;

/** Whom a finding is about: a pair, or the folder. */
export type Subject = object;

/** The findings that hold, by what they are about. */
export class PairFindings {
  readonly #host: Pick<SourceHost, 'report' | 'resolved'>;
  readonly #root: string;
  readonly #told = new Map<Subject, readonly Finding[]>();
  #count = 0;
  #omitted: Finding | undefined;
  readonly #omittedSubjects = new Set<Subject>();

  constructor(host: Pick<SourceHost, 'report' | 'resolved'>, root: string) {
    this.#host = host;
    this.#root = root;
  }

  /** These hold about `subject` now, and no others. Each needs names: they are what it is taken back by. */
  set(subject: Subject, findings: readonly Finding[]): void {
    const before = this.#told.get(subject) ?? [];
    if (before.length === 0 && findings.length === 0 && this.#omittedSubjects.size === 0) return;
    const gone = before.filter((finding) => !findings.some((other) => isSame(finding, other)));
    const isTooMany = this.#count - before.length + findings.length > MOST_FINDINGS;
    const kept = before.filter((finding) => !gone.includes(finding));
    const news = isTooMany ? [] : findings.filter((finding) => !kept.some((other) => isSame(finding, other)));
    this.#count += kept.length + news.length - before.length;
    this.#keep(subject, kept);
    for (const finding of gone) this.#takeBack(finding);
    this.#keep(subject, [...kept, ...news]);
    for (const finding of news) this.#host.report(finding);
    this.#omit(subject, kept.length + news.length < findings.length);
  }

  #keep(subject: Subject, findings: readonly Finding[]): void {
    if (findings.length === 0) this.#told.delete(subject);
    else this.#told.set(subject, findings);
  }

  /** A code is taken back for names; what others with these names still have of it is told again. */
  #takeBack({ code, names = [] }: Finding): void {
    this.#host.resolved(code, names);
    for (const findings of this.#told.values()) {
      for (const finding of findings) {
        if (finding.code === code && finding.names?.some((name) => names.includes(name)) === true)
          this.#host.report(finding);
      }
    }
  }

  #omit(subject: Subject, isOmitted: boolean): void {
    const { size } = this.#omittedSubjects;
    if (isOmitted) this.#omittedSubjects.add(subject);
    else this.#omittedSubjects.delete(subject);
    if (this.#omittedSubjects.size === size) return;
    // Told once, and taken back once all are: a number that changes with every pair would be a flood of its own.
    if (size === 0) {
      this.#omitted = omittedFinding(this.#root);
      this.#host.report(this.#omitted);
    } else if (this.#omittedSubjects.size === 0 && this.#omitted !== undefined) {
      this.#host.resolved(this.#omitted.code, this.#omitted.names);
    }
  }
}

function isSame(one: Finding, other: Finding): boolean {
  return one.code === other.code && one.message === other.message;
}

function omittedFinding(root: string): Finding {
  return {
    code: 'DIRECTORY_FINDINGS_OMITTED',
    severity: 'warning',
    names: [root],
    message: `Folder ${root} has more than ${MOST_FINDINGS} findings; those beyond are not listed.`,
    hint: 'Mend those that are listed: what is left is told then.',
  };
}
