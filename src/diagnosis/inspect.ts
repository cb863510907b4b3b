/**
 * Everything worth telling about a credential that serves, or is about to, beyond what was found while it was made.
 * Loaded by `import()` only: the packages that read certificates cost tens of milliseconds.
 */
import type { Credential } from '../credential/credential.js';
import type { Finding } from '../credential/findings.js';
import { leaveToSource } from '../credential/inspected.js';
import { parseCertificate } from '../credential/known-authorities.js';
import { certificateBlocks } from '../credential/pem.js';
import { readCertificate } from './certificate-reading.js';
import { chainRule } from './chain.js';
import { datesRule } from './dates.js';
import { extendedKeyUsageRule } from './extended-key-usage.js';
import { type Inspection, listed, type Rule } from './inspection.js';
import { keyStrengthRule } from './key-strength.js';
import { authorityRule, keyUsageRule } from './key-usage.js';
import { namesRule } from './names.js';
import { versionRule } from './version.js';

/** Absolute paths, for messages. */
export interface InspectedFiles {
  /** The file that the certificate was read from. */
  readonly certFile?: string;
  /** The file that the private key was read from. */
  readonly keyFile?: string;
}

/** What {@link inspect} is told besides the credential. */
export interface InspectOptions {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Where certificate and key came from. */
  readonly files?: InspectedFiles;
  /** Names that clients are known to use; each has to be covered. */
  readonly names?: readonly string[];
  /** Whether tlsmith renews the certificate by itself: then nobody has to be told that it is short. */
  readonly isManaged?: boolean;
}

const RULES: readonly Rule[] = [
  versionRule,
  keyUsageRule,
  authorityRule,
  extendedKeyUsageRule,
  namesRule,
  datesRule,
  keyStrengthRule,
  chainRule,
];

/** {@link examine}, for a source that tells the findings itself: the server will not inspect the credential again. */
export function inspect(credential: Credential, options: InspectOptions): readonly Finding[] {
  leaveToSource(credential);
  return examine(credential, options);
}

/** Findings about `credential`, the gravest kind first; severity `error` means that it must not be served. Never throws. */
export function examine(credential: Credential, options: InspectOptions): readonly Finding[] {
  const [leaf, ...intermediates] = certificateBlocks(credential.cert, 'The chain')
    .map((block) => readCertificate(parseCertificate(block)))
    .filter((reading) => reading !== undefined);
  if (leaf?.x509.fingerprint256 !== credential.fingerprint256) return [];
  const { files = {}, now, names = [], isManaged = false } = options;
  const inspection: Inspection = {
    credential,
    leaf,
    intermediates,
    now,
    title: titleOf(credential, files),
    certFile: files.certFile,
    keyFile: files.keyFile,
    names,
    isManaged,
  };
  return RULES.flatMap((rule) => rule(inspection));
}

function titleOf({ names, serialNumber }: Credential, { certFile }: InspectedFiles): string {
  if (certFile !== undefined) return `Certificate file ${certFile}`;
  return names.length === 0 ? `The certificate ${serialNumber}` : `The certificate for ${listed(names)}`;
}
