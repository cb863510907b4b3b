/**
 * What a source says it has. `list()` and `managed()` are somebody else's code, read by timers, `status()` and
 * `metrics()`: a fault of theirs becomes a finding, and what they yield is only believed when it is proven.
 */
import type { Credential } from './credential/credential.js';
import type { Finding } from './credential/findings.js';
import { messageOf } from './errors.js';
import { isProvenCredential } from './handshake/proven-credential.js';
import {
  type CertificateSource,
  type IndexedSource,
  LOOKED_FOR,
  type ManagedCertificate,
  nameOfSource,
  type SearchingSource,
  UNLOADED,
  type UnloadedCertificate,
} from './sources/certificate-source.js';

/** Who hears of sources that cannot be read. */
export type ReportFinding = (finding: Finding) => void;

/** The credentials that a source has at hand; none when it cannot say. Never throws. */
export function credentialsOf(source: CertificateSource, report: ReportFinding): Credential[] {
  return read(source, report, {
    member: 'list()',
    entries: () => source.list?.(),
    accept: (entry) => (isProvenCredential(entry) ? entry : undefined),
  });
}

/** The certificates that a source manages; none when it cannot say. Never throws. */
export function managedOf(source: CertificateSource, report: ReportFinding): ManagedCertificate[] {
  return read(source, report, {
    member: 'managed()',
    entries: () => source.managed?.(),
    // A copy, so that getters are read here and nowhere else.
    accept: (entry) => {
      const copy: unknown = { ...entry };
      return isManagedCertificate(copy) ? copy : undefined;
    },
  });
}

/** What one of our own sources knows of certificates that it has not loaded: there may be thousands. */
export function unloadedOf(source: CertificateSource): Iterable<UnloadedCertificate> {
  return (isIndexed(source) ? source[UNLOADED]() : undefined) ?? [];
}

/** Whether a source has said all that it will have until something changes: no question and no order brings more. */
export function knowsAll(source: CertificateSource): boolean {
  if (source.list === undefined || source.ready !== undefined) return false;
  return !isIndexed(source) || source[UNLOADED]() !== undefined;
}

const TELLING_SOURCES = 3;

/** Where our own sources have looked for a name in vain, to be put behind what was said of it; empty when none can say. */
export function lookedFor(sources: readonly CertificateSource[], serverName: string): string {
  const places = sources.filter(isSearching).map((source) => source[LOOKED_FOR](serverName));
  return [...new Set(places)]
    .slice(0, TELLING_SOURCES)
    .map((place) => `; ${place}`)
    .join('');
}

function isSearching(source: CertificateSource): source is CertificateSource & SearchingSource {
  return LOOKED_FOR in source;
}

function isIndexed(source: CertificateSource): source is CertificateSource & IndexedSource {
  return UNLOADED in source;
}

interface Reading<Entry> {
  readonly member: string;
  readonly entries: () => Iterable<Entry> | undefined;
  readonly accept: (entry: Entry) => Entry | undefined;
}

function read<Entry>(
  source: CertificateSource,
  report: ReportFinding,
  { member, entries, accept }: Reading<Entry>,
): Entry[] {
  const name = nameOfSource(source);
  try {
    const all = [...(entries() ?? [])];
    const accepted = all.map(accept).filter((entry) => entry !== undefined);
    const dropped = all.length - accepted.length;
    if (dropped > 0) report(failed(name, `${member} gave ${dropped} that tlsmith has not proven`));
    return accepted;
  } catch (error) {
    report(failed(name, `${member} failed: ${messageOf(error)}`));
    return [];
  }
}

function failed(source: string, what: string): Finding {
  return {
    code: 'SOURCE_FAILED',
    severity: 'error',
    source,
    message: `Source ${source} cannot say which certificates it has: ${what}.`,
    hint: 'Mend the source; its certificates are missing from status(), metrics() and expiry warnings meanwhile.',
  };
}

function isManagedCertificate(entry: unknown): entry is ManagedCertificate {
  const { names, credential, nextRenewal, nextAttempt } = entry as Partial<ManagedCertificate>;
  return (
    Array.isArray(names) &&
    (credential === undefined || isProvenCredential(credential)) &&
    (nextRenewal === undefined || isInstant(nextRenewal.at)) &&
    (nextAttempt === undefined || isInstant(nextAttempt))
  );
}

/** Whether it can be written as a date: the range of ECMAScript's time values. */
function isInstant(value: unknown): boolean {
  return typeof value === 'number' && Math.abs(value) <= 8.64e15;
}
