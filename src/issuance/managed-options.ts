/** The options of a managed source, parsed into a complete object. Misuse is a TypeError that names the option. */
import type { Storage } from '../storage/storage.js';
import { certificateSegment } from './certificate-store.js';
import type { Companion } from './companion.js';
import { parseNames } from './configured-names.js';
import type { Issuer } from './issuer.js';
import { drawnShare, type RandomShare } from './random-share.js';

const DEFAULT_WAIT_MS = 30_000;
const ISSUER_ID = /^(?!\.{1,2}$)[A-Za-z0-9._*@+-]{1,200}$/;

/** Options of `managedSource`. */
export interface ManagedSourceOptions {
  /** The name of the source in log, status and metrics. */
  readonly name: string;
  /** What signs. Its `id` becomes part of storage keys. */
  readonly issuer: Issuer;
  /** One list of names for each certificate: DNS names, wildcards, IP addresses. */
  readonly names: readonly (readonly string[])[];
  /** Where certificates are kept; the server's storage if omitted. */
  readonly storage?: Storage;
  /** When to renew. */
  readonly renewal?: {
    /**
     * Renew when this share of the lifetime is left, above 0 and below 1; never later than at 1/20.
     * @defaultValue 1/3, or 1/2 for certificates that live less than 10 days
     */
    readonly fractionLeft?: number;
  };
  /**
   * How long a handshake waits for a certificate that is missing, in milliseconds; issuing goes on behind it.
   * @defaultValue 30 000
   */
  readonly waitMs?: number;
  /**
   * Where the jitter of schedules comes from, for simulations that are to be repeated exactly.
   * @defaultValue random
   */
  readonly random?: RandomShare;
  /** Told of each attempt that failed, after everybody else. */
  readonly failed?: (failure: FailedAttemptNotice) => void;
  /**
   * Whether certificates of another issuer, by its id, may serve while this one's first is on its way.
   * @defaultValue none
   */
  readonly mayPrecede?: (issuerId: string) => boolean;
  /** Told of a certificate in date, of an issuer that may not precede this one, that is left aside for these names. */
  readonly leftAside?: (names: readonly string[], issuerId: string) => void;
  /** What goes along with it, and is closed with it. */
  readonly companions?: readonly Companion[];
}

/** An attempt that failed. */
export interface FailedAttemptNotice {
  readonly names: readonly string[];
  /** Whether there is a certificate in date all the same. */
  readonly isUsable: boolean;
}

/** The same, complete. */
export interface ParsedManagedOptions {
  readonly name: string;
  readonly issuer: Issuer;
  readonly names: readonly (readonly string[])[];
  readonly storage: Storage | undefined;
  readonly fractionLeft: number | undefined;
  readonly waitMs: number;
  readonly random: RandomShare;
  readonly failed: ((failure: FailedAttemptNotice) => void) | undefined;
  readonly mayPrecede: ((issuerId: string) => boolean) | undefined;
  readonly leftAside: ((names: readonly string[], issuerId: string) => void) | undefined;
  readonly companions: readonly Companion[];
}

/** @throws TypeError that names the option */
export function parseManagedOptions(options: ManagedSourceOptions): ParsedManagedOptions {
  const {
    name,
    issuer,
    storage,
    waitMs = DEFAULT_WAIT_MS,
    random = drawnShare,
    failed,
    mayPrecede,
    leftAside,
    companions = [],
  } = options;
  const fractionLeft = options.renewal?.fractionLeft;
  if (!ISSUER_ID.test(issuer.id)) {
    throw new TypeError(
      `${name}: the issuer id ${JSON.stringify(issuer.id)} is no segment of a storage key.`,
    );
  }
  if (!Number.isFinite(waitMs) || waitMs < 0)
    throw new TypeError(`${name}: waitMs must be a number of milliseconds.`);
  if (fractionLeft !== undefined && !(fractionLeft > 0 && fractionLeft < 1)) {
    throw new TypeError(`${name}: renewal.fractionLeft must be above 0 and below 1.`);
  }
  const lists = options.names.map((list) => parseNames(name, list));
  const distinct = new Map(lists.map((list) => [certificateSegment(list), list]));
  return {
    name,
    issuer,
    names: [...distinct.values()],
    storage,
    fractionLeft,
    waitMs,
    random,
    failed,
    mayPrecede,
    leftAside,
    companions,
  };
}
