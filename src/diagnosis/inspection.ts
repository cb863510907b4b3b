/** What every rule of the inspection is given, and how findings call the certificate they are about. */
import type { Credential } from '../credential/credential.js';
import type { Finding } from '../credential/findings.js';
import type { CertificateReading } from './certificate-reading.js';

/** A credential under inspection. */
export interface Inspection {
  readonly credential: Credential;
  readonly leaf: CertificateReading;
  /** What is sent besides the leaf, its issuer first. */
  readonly intermediates: readonly CertificateReading[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** What to call it at the beginning of a sentence. */
  readonly title: string;
  /** The file that the certificate was read from. */
  readonly certFile: string | undefined;
  /** The file that the private key was read from. */
  readonly keyFile: string | undefined;
  /** Names that clients are known to use. */
  readonly names: readonly string[];
  /** Whether tlsmith renews it by itself. */
  readonly isManaged: boolean;
}

/** One kind of fault, looked for. */
export type Rule = (inspection: Inspection) => readonly Finding[];

const MOST_NAMES = 5;

/** Names for a sentence, the first few of them. */
export function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return more > 0 ? `${names.slice(0, MOST_NAMES).join(', ')} and ${more} more` : names.join(', ');
}

/** An instant as people and other programs write it. */
export function isoOf(instant: number): string {
  return new Date(instant).toISOString();
}

/** A subject of one line, cut to what a log line can take. */
export function briefSubject(subject: string): string {
  return subject.length > 120 ? `${subject.slice(0, 120)}…` : subject;
}
