/** When a certificate is renewed. Pure: validity in, instant out; the looking and the renewing happen elsewhere. */

const DAY_MS = 86_400_000;
const SHORT_LIFETIME_MS = 10 * DAY_MS;
const LONGEST_LOOK_INTERVAL_MS = 600_000;
const LOOKS_PER_LIFETIME = 200;
const EMERGENCY_FRACTION = 1 / 20;

/** When a certificate begins and ceases to be valid, milliseconds since the epoch. */
export interface Validity {
  /** Start of validity. */
  readonly notBefore: number;
  /** End of validity. */
  readonly notAfter: number;
}

/** When to renew, and by which rule. */
export interface RenewalInstant {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The rule, for people. */
  readonly why: string;
}

/**
 * When a certificate with this validity is to be renewed: when 1/3 of its lifetime is left, 1/2 when it lives
 * less than 10 days.
 *
 * @param fractionLeft - renew when this share of the lifetime is left instead; never later than at 1/20 (the
 * emergency band), whatever is asked for
 */
export function renewalInstant(validity: Validity, fractionLeft?: number): RenewalInstant {
  const { notAfter } = validity;
  const lifetimeMs = lifetimeOf(validity);
  if (fractionLeft !== undefined) {
    return fractionLeft <= EMERGENCY_FRACTION
      ? { at: notAfter - lifetimeMs * EMERGENCY_FRACTION, why: 'emergency: 1/20 of the lifetime left' }
      : {
          at: notAfter - lifetimeMs * fractionLeft,
          why: `${Math.round(fractionLeft * 100)} % of the lifetime left`,
        };
  }
  return lifetimeMs < SHORT_LIFETIME_MS
    ? { at: notAfter - lifetimeMs / 2, why: '1/2 of the lifetime left' }
    : { at: notAfter - lifetimeMs / 3, why: '1/3 of the lifetime left' };
}

/**
 * How long to wait, in milliseconds, before looking at the clock again: 10 minutes, or 1/200 of the lifetime when
 * that is shorter. Clocks jump and laptops sleep, so no timer is trusted for longer.
 */
export function lookIntervalMs(validity?: Validity): number {
  if (validity === undefined) return LONGEST_LOOK_INTERVAL_MS;
  return Math.min(LONGEST_LOOK_INTERVAL_MS, Math.max(1, lifetimeOf(validity) / LOOKS_PER_LIFETIME));
}

/**
 * The earliest instant at which a certificate that was issued at `issuedAt` may be renewed again: one minute
 * later, or a quarter of its lifetime when that is shorter. It keeps an issuer that answers with an almost
 * expired certificate from being asked in a loop.
 */
export function earliestRenewal(validity: Validity, issuedAt: number): number {
  return issuedAt + Math.max(5_000, Math.min(60_000, lifetimeOf(validity) / 4));
}

function lifetimeOf({ notBefore, notAfter }: Validity): number {
  return Math.max(0, notAfter - notBefore);
}
