/** What an authority says of when a certificate should be renewed (RFC 9773 §4.2), read without trust. */
import { TlsmithError } from '../errors.js';
import { headerInstant } from './retry-after.js';
import type { WireResponse } from './transport.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const SHORTEST_WAIT_MS = MINUTE_MS;
const LONGEST_WAIT_MS = 24 * HOUR_MS;
/** §4.3.3, for an answer without a usable Retry-After. */
const DEFAULT_WAIT_MS = 6 * HOUR_MS;

/** Both clocks may be a little wrong, and the answer has taken a while. */
const LEAST_DIFFERENCE_MS = MINUTE_MS;

/** When to renew, by the authority. Instants are milliseconds since the epoch. */
export interface RenewalInfo {
  /** Start of the suggested window. */
  readonly start: number;
  /** End of the suggested window. */
  readonly end: number;
  /** A page for people about why. */
  readonly explanationUrl?: string;
  /** When to ask again: not sooner, and not much later. */
  readonly askAgainAt: number;
  /**
   * How far the authority's clock is ahead of this machine's, in milliseconds, when that is more than a minute. Its window
   * is in its own time: a machine whose clock is slow would take one that is over for one to come.
   */
  readonly clockAheadMs?: number;
}

/** @throws {@link TlsmithError} `ACME_RESPONSE_INVALID`, also for a window that ends before it begins */
export function parseRenewalInfo({ data, headers }: WireResponse, now: number): RenewalInfo {
  const facts = (typeof data === 'object' && data !== null ? data : {}) as Record<string, unknown>;
  const window = (facts['suggestedWindow'] ?? {}) as Record<string, unknown>;
  const [start, end] = [instantOf(window['start']), instantOf(window['end'])];
  if (!(end > start)) {
    throw new TlsmithError(
      'ACME_RESPONSE_INVALID',
      'The certificate authority suggested a renewal window (RFC 9773) that is none.',
      { hint: 'Certificates are renewed by their lifetime; the authority is asked again in some hours.' },
    );
  }
  const url = facts['explanationURL'];
  const askAgainAt = headerInstant(headers['retry-after'], now) ?? now + DEFAULT_WAIT_MS;
  const clockAheadMs = clockDifference(headers['date'], now);
  return {
    start,
    end,
    ...(typeof url === 'string' && /^https?:\/\/[\x21-\x7e]{1,500}$/.test(url)
      ? { explanationUrl: url }
      : {}),
    askAgainAt: Math.min(Math.max(askAgainAt, now + SHORTEST_WAIT_MS), now + LONGEST_WAIT_MS),
    ...(clockAheadMs === undefined ? {} : { clockAheadMs }),
  };
}

/** Undefined for what the way of the answer explains. */
function clockDifference(date: string | undefined, now: number): number | undefined {
  const differenceMs = Date.parse(date ?? '') - now;
  return Math.abs(differenceMs) > LEAST_DIFFERENCE_MS ? differenceMs : undefined;
}

function instantOf(value: unknown): number {
  return typeof value === 'string' ? Date.parse(value) : NaN;
}
