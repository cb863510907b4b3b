/** What a source has told about its pair, so that it takes back what no longer holds, and only that. */
import type { Finding } from '../../credential/findings.js';
import type { SourceHost } from '../certificate-source.js';

/** The findings that hold. */
export class ToldFindings {
  readonly #host: Pick<SourceHost, 'report' | 'resolved'>;
  #told: readonly Finding[] = [];

  constructor(host: Pick<SourceHost, 'report' | 'resolved'>) {
    this.#host = host;
  }

  /** These hold now, and no others. */
  replace(findings: readonly Finding[]): void {
    const before = this.#told;
    this.#told = findings;
    // A code is taken back as a whole: what still holds of it is told again below, and known to whoever heard it.
    for (const finding of before)
      if (!findings.some((other) => isSame(finding, other))) this.#takeBack(finding);
    for (const finding of findings) this.#host.report(finding);
  }

  #takeBack({ code, names }: Finding): void {
    this.#host.resolved(code, names);
  }
}

function isSame(one: Finding, other: Finding): boolean {
  return one.code === other.code && one.message === other.message;
}
