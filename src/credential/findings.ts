/**
 * A finding: something about the configuration or a certificate that a person should know. Written once here,
 * read by the log, `status()`, events and the command line.
 */

import type { TlsmithErrorCode } from '../errors.js';

/** How much a finding matters: `info` was mended silently, `warning` will hurt somebody, `error` is not served. */
export type Severity = 'info' | 'warning' | 'error';

/** Something a person should know, in three parts: what, why, and what to do. */
export interface Finding {
  /** The stable code, in the same list as error codes (docs/errors.md). */
  readonly code: TlsmithErrorCode;
  /** How much it matters. */
  readonly severity: Severity;
  /** What was found, on what, and why it matters. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** The name of the source it belongs to. */
  readonly source?: string;
  /** The certificate names it concerns. */
  readonly names?: readonly string[];
}
