/** What `status()` answers: JSON-serialisable, without secrets, instants in ISO 8601. */
import type { Credential } from './credential/credential.js';
import { firstWarning, type Validity, watchedOf } from './expiry.js';
import type { Finding } from './credential/findings.js';
import { credentialsOf, managedOf, type ReportFinding, unloadedOf } from './source-readings.js';
import {
  type CertificateSource,
  type ListenerAddress,
  type ManagedCertificate,
  nameOfSource,
  type UnloadedCertificate,
} from './sources/certificate-source.js';

/** The state of a certificate. */
export type CertificateState = 'valid' | 'expiring' | 'expired' | 'pending' | 'failed';

/** One certificate, at hand or to come. */
export interface CertificateStatus {
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  /** The name of the source it comes from. */
  readonly source: string;
  readonly state: CertificateState;
  /** The issuer's common name; absent, like the fingerprint, while a certificate of a large folder is not loaded. */
  readonly issuer?: string;
  /** The serial number, upper-case hexadecimal. */
  readonly serialNumber?: string;
  /** SHA-256 of the leaf, as `AB:CD:…`. */
  readonly fingerprint256?: string;
  readonly notBefore?: string;
  readonly notAfter?: string;
  /** Days of validity left, rounded down; negative when it has expired. */
  readonly daysLeft?: number;
  /** An intermediate of the chain that ends before the certificate does; with it `state` is `expiring`, and never `expired`. */
  readonly intermediate?: { readonly subject: string; readonly notAfter: string };
  /** When it will be renewed, and by which rule; managed certificates only. */
  readonly nextRenewal?: { readonly at: string; readonly why: string };
  /** Failed attempts in a row; managed certificates only. */
  readonly attempts?: number;
  /** The last failure, until a success. */
  readonly lastError?: { readonly code: string; readonly message: string };
  /** When the next attempt is due. */
  readonly nextAttempt?: string;
}

/** What {@link SecureServer.status} answers. */
export interface ServerStatus {
  readonly certificates: readonly CertificateStatus[];
  /** What a person should know, latest last; `count` says how often handshakes have met it. */
  readonly findings: readonly (Finding & { readonly count?: number })[];
  /** Where the server listens. */
  readonly listeners: readonly ListenerAddress[];
}

const DAY_MS = 86_400_000;

/** The certificates of a source at `now`; a source that cannot be read is reported and has none. */
export function certificatesOf(
  source: CertificateSource,
  now: number,
  report: ReportFinding,
): CertificateStatus[] {
  const name = nameOfSource(source);
  const managed = managedOf(source, report);
  const ids = new Set(managed.map((certificate) => certificate.credential?.id));
  const others = credentialsOf(source, report).filter((credential) => !ids.has(credential.id));
  return [
    ...managed.map((certificate) => managedStatus(certificate, name, now)),
    ...others.map((credential) => credentialStatus(credential, name, { now })),
    ...Array.from(unloadedOf(source), (certificate) => knownStatus(certificate, name, { now })),
  ];
}

function managedStatus(certificate: ManagedCertificate, source: string, now: number): CertificateStatus {
  const { credential, nextRenewal, lastError, nextAttempt } = certificate;
  const missing = {
    names: certificate.names,
    source,
    state: certificate.isFailed ? 'failed' : 'pending',
  } as const;
  return {
    ...(credential === undefined
      ? missing
      : credentialStatus(credential, source, {
          now,
          ...(nextRenewal === undefined ? {} : { plannedRenewal: nextRenewal.at }),
        })),
    ...(nextRenewal === undefined
      ? {}
      : { nextRenewal: { at: isoOf(nextRenewal.at), why: nextRenewal.why } }),
    attempts: certificate.attempts,
    ...(lastError === undefined ? {} : { lastError }),
    ...(nextAttempt === undefined ? {} : { nextAttempt: isoOf(nextAttempt) }),
  };
}

interface StateOptions {
  readonly now: number;
  readonly plannedRenewal?: number;
}

function credentialStatus(credential: Credential, source: string, options: StateOptions): CertificateStatus {
  const { issuer, fingerprint256 } = credential;
  return { ...knownStatus(credential, source, options), issuer, fingerprint256 };
}

/** A certificate whose chain ends soon, or has ended, may be of no use to clients before its own end. */
function stateWithChain(
  state: CertificateState,
  certificate: UnloadedCertificate,
  { now, plannedRenewal }: StateOptions,
): CertificateState {
  const plan = plannedRenewal === undefined ? {} : { plannedRenewal };
  const [, chain] = watchedOf(certificate, { source: '', ...plan });
  if (chain === undefined || state !== 'valid') return state;
  return now >= firstWarning(chain.certificate, chain.plannedRenewal) ? 'expiring' : state;
}

function knownStatus(
  certificate: UnloadedCertificate,
  source: string,
  options: StateOptions,
): CertificateStatus {
  const { names, serialNumber, notBefore, notAfter, shortIntermediate } = certificate;
  const status = {
    names,
    source,
    state: stateOf(certificate, options),
    serialNumber,
    notBefore: isoOf(notBefore),
    notAfter: isoOf(notAfter),
    daysLeft: Math.floor((notAfter - options.now) / DAY_MS),
  };
  if (shortIntermediate === undefined) return status;
  const { subject, notAfter: end } = shortIntermediate;
  return {
    ...status,
    state: stateWithChain(status.state, certificate, options),
    intermediate: { subject, notAfter: isoOf(end) },
  };
}

/** `expiring` from the first warning on (see expiry.ts); a certificate that is not yet valid is `pending`. */
function stateOf(validity: Validity, { now, plannedRenewal }: StateOptions): CertificateState {
  if (now >= validity.notAfter) return 'expired';
  if (now < validity.notBefore) return 'pending';
  return now >= firstWarning(validity, plannedRenewal) ? 'expiring' : 'valid';
}

function isoOf(instant: number): string {
  return new Date(instant).toISOString();
}
