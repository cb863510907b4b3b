/** What people are told about a pair that cannot be served as it lies in the folder. */
import type { Finding } from '../../credential/findings.js';
import type { TlsmithError } from '../../errors.js';
import type { PairEntry } from './pair-entry.js';

/** Why the files of a pair are not served, and what is instead. */
export function failureFinding(entry: PairEntry, error: TlsmithError): Finding {
  const { lastGood } = entry;
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  if (lastGood === undefined) {
    return { code: error.code, severity: 'error', names: [labelOf(entry)], message: error.message, ...hint };
  }
  const until = new Date(lastGood.notAfter).toISOString();
  return {
    code: 'RELOAD_REJECTED',
    severity: 'error',
    names: lastGood.names.length > 0 ? lastGood.names : [labelOf(entry)],
    message: `The new files at ${entry.certFile} and ${entry.keyFile} are not used (${error.code}): ${error.message} The certificate loaded before is still served, until it expires at ${until}.`,
    ...hint,
  };
}

/** A finding that can be taken back for this pair alone. */
export function named(finding: Finding, entry: PairEntry): Finding {
  return (finding.names ?? []).length > 0 ? finding : { ...finding, names: [labelOf(entry)] };
}

function labelOf({ calledAfter, certFile }: PairEntry): string {
  return calledAfter ?? certFile;
}
