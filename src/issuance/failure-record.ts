/**
 * What is remembered of failed attempts, so that a restart does not begin the ladder anew. Pure: the facts of a
 * failure, their stored form, and when the next attempt is due.
 */
import {
  codeOf,
  ERROR_CODES,
  isTlsmithError,
  messageOf,
  TlsmithError,
  type TlsmithErrorCode,
} from '../errors.js';
import { drawnShare, type RandomShare } from './random-share.js';
import { nextAttemptAt } from './retry-schedule.js';
import { parseRecord } from './stored-generation.js';

const FORMAT = 1;
const FALLBACK_CODE: TlsmithErrorCode = 'ISSUANCE_FAILED';

/** Failed attempts in a row. Instants are milliseconds since the epoch. */
export interface FailureRecord {
  /** How many. */
  readonly attempts: number;
  /** When the first one failed. */
  readonly failingSince: number;
  /** When the last one failed. */
  readonly failedAt: number;
  /** When the next one is due. */
  readonly nextAttempt: number;
  /** The earliest instant the issuer allows, also for a person who asks. */
  readonly retryAfter?: number;
  /** Whether no retry can mend it by itself. */
  readonly isPermanent: boolean;
  /** Whether a person has to act first, and asks for the next attempt himself: by `renew()`, or by a restart. */
  readonly isHeld?: true;
  /** What the last one failed with. */
  readonly error: { readonly code: string; readonly message: string };
}

/** What the record of a new failure is made from. */
export interface FailedAttempt {
  /** What was thrown. */
  readonly error: TlsmithError;
  /** When. */
  readonly now: number;
  /** The record so far. */
  readonly before: FailureRecord | undefined;
  /** The end of the certificate that serves meanwhile. */
  readonly liveUntil: number | undefined;
  /** For the jitter. */
  readonly random?: RandomShare;
}

/** The record with one more failure in it. */
export function recordFailure({
  error,
  now,
  before,
  liveUntil,
  random = drawnShare,
}: FailedAttempt): FailureRecord {
  const attempts = (before?.attempts ?? 0) + 1;
  const failingSince = Math.min(before?.failingSince ?? now, now);
  const isPermanent = error['isPermanent'] === true;
  const retryAfter = finite(error['retryAfter']);
  const facts = { now, attempts, failingSince, isPermanent };
  return {
    attempts,
    failingSince,
    failedAt: now,
    nextAttempt: nextAttemptAt(
      {
        ...facts,
        ...(liveUntil === undefined ? {} : { liveUntil }),
        ...(retryAfter === undefined ? {} : { retryAfter }),
      },
      random(),
    ),
    ...(retryAfter === undefined ? {} : { retryAfter }),
    isPermanent,
    ...(error['isHeld'] === true ? { isHeld: true } : {}),
    error: { code: error.code, message: error.message },
  };
}

/** The record of an attempt that was put off before anybody was asked: no failure, but not due before its time. */
export function recordPostponement({
  error,
  now,
  before,
}: Pick<FailedAttempt, 'error' | 'now' | 'before'>): FailureRecord {
  const retryAfter = finite(error['retryAfter']) ?? now;
  return {
    attempts: before?.attempts ?? 0,
    failingSince: Math.min(before?.failingSince ?? now, now),
    failedAt: now,
    nextAttempt: retryAfter,
    retryAfter,
    isPermanent: false,
    error: { code: error.code, message: error.message },
  };
}

/**
 * The record as it counts at `now`. One from the future means that the clock was ahead and has been set back:
 * its instants move back with it, or the next attempt might be a year away.
 */
export function rebased(record: FailureRecord, now: number): FailureRecord {
  const aheadMs = record.failedAt - now;
  if (aheadMs <= 0) return record;
  return {
    ...record,
    failingSince: Math.min(record.failingSince, now),
    failedAt: now,
    nextAttempt: record.nextAttempt - aheadMs,
    ...(record.retryAfter === undefined ? {} : { retryAfter: record.retryAfter - aheadMs }),
  };
}

/**
 * The record as a restart finds it. What no retry could mend may have been mended by the operator, and the restart
 * may be how he says so: then the ladder counts instead of the daily retry.
 */
export function afterRestart(record: FailureRecord): FailureRecord {
  if (!record.isPermanent && record.isHeld !== true) return record;
  const { attempts, failingSince, failedAt, retryAfter, error } = record;
  const byLadder = nextAttemptAt({ ...record, now: failedAt, isPermanent: false }, drawnShare());
  return {
    ...{ attempts, failingSince, failedAt, error, isPermanent: false },
    ...(retryAfter === undefined ? {} : { retryAfter }),
    nextAttempt: Math.min(record.nextAttempt, byLadder),
  };
}

/** Whatever was thrown, as a coded error that keeps `retryAfter` and `isPermanent`. */
export function asIssuanceError(thrown: unknown, names: readonly string[]): TlsmithError {
  if (isTlsmithError(thrown)) return thrown;
  const facts = typeof thrown === 'object' && thrown !== null ? thrown : {};
  const retryAfter = 'retryAfter' in facts ? finite(facts.retryAfter) : undefined;
  const causeCode = codeOf(thrown);
  return new TlsmithError(
    'ISSUANCE_FAILED',
    `Getting a certificate for ${names.join(', ')} failed: ${messageOf(thrown)}`,
    {
      cause: thrown,
      names,
      ...(causeCode === undefined ? {} : { causeCode }),
      ...(retryAfter === undefined ? {} : { retryAfter }),
      ...('isPermanent' in facts && facts.isPermanent === true ? { isPermanent: true } : {}),
    },
  );
}

/** The error a record stands for, when the original one was thrown before a restart or in another process. */
export function errorOf(record: FailureRecord, names: readonly string[]): TlsmithError {
  const code = ERROR_CODES.find((known) => known === record.error.code);
  return new TlsmithError(code ?? FALLBACK_CODE, record.error.message, {
    names,
    nextAttempt: record.nextAttempt,
    ...(record.retryAfter === undefined ? {} : { retryAfter: record.retryAfter }),
    ...(record.isPermanent ? { isPermanent: true } : {}),
    ...(record.isHeld === true ? { isHeld: true } : {}),
  });
}

/** When it is tried again; nothing when nobody does by himself. */
export function nextAttemptOf({ isHeld, nextAttempt }: FailureRecord): { readonly nextAttempt?: number } {
  return isHeld === true ? {} : { nextAttempt };
}

/** The stored form. */
export function encodeFailure(record: FailureRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ format: FORMAT, ...record }));
}

/** Reads the stored form; undefined when it is damaged, which only means that the ladder begins anew. */
export function decodeFailure(bytes: Uint8Array): FailureRecord | undefined {
  const value = parseRecord(bytes);
  return value['format'] === FORMAT ? failureIn(value) : undefined;
}

/** The record among what was read from storage; undefined when it is damaged. */
export function failureIn(stored: unknown): FailureRecord | undefined {
  const value: Readonly<Record<string, unknown>> =
    typeof stored === 'object' && stored !== null ? { ...stored } : {};
  const attempts = finite(value['attempts']);
  const failingSince = finite(value['failingSince']);
  const failedAt = finite(value['failedAt']);
  const nextAttempt = finite(value['nextAttempt']);
  if (attempts === undefined || failingSince === undefined) return undefined;
  if (failedAt === undefined || nextAttempt === undefined) return undefined;
  const retryAfter = finite(value['retryAfter']);
  return {
    attempts,
    failingSince,
    failedAt,
    nextAttempt,
    ...(retryAfter === undefined ? {} : { retryAfter }),
    isPermanent: value['isPermanent'] === true,
    ...(value['isHeld'] === true ? { isHeld: true } : {}),
    error: errorFacts(value['error']),
  };
}

function errorFacts(value: unknown): FailureRecord['error'] {
  const facts = typeof value === 'object' && value !== null ? value : {};
  return { code: codeOf(facts) ?? FALLBACK_CODE, message: messageOf(facts) };
}

function finite(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
