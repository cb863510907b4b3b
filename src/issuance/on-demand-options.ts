/** The option `onDemand` of `acme()`: which names get a certificate at their first handshake, and how many. */
import { assertKnownOptions } from '../known-options.js';

const ORDERS_PER_NAME = 5;
const NAMES_PER_DOMAIN = 50;

/** Certificates for names that are not known beforehand. */
export interface OnDemandOptions {
  /**
   * Whether a certificate is to be ordered for this name, which anybody may have made up: lower-case ASCII, never an
   * address. Look it up in your own records. Asked before the first order and before each renewal; a `false` is
   * remembered for a minute, then twice as long each time, at most an hour. What it throws refuses, and is not remembered.
   */
  readonly allow: (name: string) => boolean | Promise<boolean>;
  /**
   * How many orders there may be for one name within an hour before it has a certificate.
   * @defaultValue 5
   */
  readonly ordersPerName?: number;
  /**
   * How many new names of one registered domain (`example.com`, `example.co.uk`) there may be within a week.
   * @defaultValue 50
   */
  readonly namesPerDomain?: number;
}

/** The same, complete. */
export type ParsedOnDemand = Required<OnDemandOptions>;

/** @throws TypeError that names the option */
export function parseOnDemand(onDemand: OnDemandOptions | undefined): ParsedOnDemand | undefined {
  if (onDemand === undefined) return undefined;
  const given: unknown = onDemand;
  if (typeof given !== 'object' || given === null)
    throw new TypeError('acme: `onDemand` must be an object with `allow`.');
  assertKnownOptions('acme', given, {
    known: ['allow', 'ordersPerName', 'namesPerDomain'],
    prefix: 'onDemand.',
  });
  const { allow, ordersPerName, namesPerDomain } = onDemand;
  if (typeof (allow as unknown) !== 'function') {
    throw new TypeError(
      'acme: `onDemand` must have `allow`, a function that says which names get a certificate: without it, anybody could have them ordered for any name.',
    );
  }
  return {
    allow,
    ordersPerName: parseCount(ordersPerName, { option: 'ordersPerName', otherwise: ORDERS_PER_NAME }),
    namesPerDomain: parseCount(namesPerDomain, { option: 'namesPerDomain', otherwise: NAMES_PER_DOMAIN }),
  };
}

function parseCount(
  count: number | undefined,
  { option, otherwise }: { option: string; otherwise: number },
): number {
  if (count === undefined) return otherwise;
  if (count === Infinity || (Number.isInteger(count) && count > 0)) return count;
  throw new TypeError(`acme: \`onDemand.${option}\` must be a whole number from 1, or Infinity.`);
}
