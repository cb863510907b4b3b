/**
 * Which of several issuers is not asked for one certificate for now, and why. What has an end is kept in storage, so that
 * a restart asks no earlier; what a person has to mend is forgotten by a restart, which may be how he says that it is mended.
 */
import type { Clock } from '../clock.js';
import type { TlsmithError } from '../errors.js';
import type { Storage } from '../storage/storage.js';
import { certificateSegment, issuerPrefix } from './certificate-store.js';
import { errorOf, failureIn, type FailureRecord, rebased } from './failure-record.js';
import type { IssueRequest } from './issuer.js';
import { parseRecord } from './stored-generation.js';

const FORMAT = 1;
/** Waits that are shorter are waited out. */
const LONG_WAIT_MS = 600_000;
const DAY_MS = 86_400_000;

/** Where holds are kept. */
export interface HoldOptions {
  readonly clock: Clock;
  readonly storage: Storage;
  /** The issuer under whose name the certificates are stored. */
  readonly issuerId: string;
}

/** By issuer: why it is not asked, and until when. */
type Held = ReadonlyMap<string, FailureRecord>;

/** The holds on issuers, by certificate. */
export class IssuerHolds {
  readonly #options: HoldOptions;
  /** By certificate, as far as this process knows. */
  readonly #known = new Map<string, Held>();

  constructor(options: HoldOptions) {
    this.#options = options;
  }

  /** Why this issuer is not to be asked; undefined when it may be. What only a person can mend counts until he asks himself. */
  async reason(issuerId: string, request: IssueRequest): Promise<TlsmithError | undefined> {
    const now = this.#options.clock.now();
    const record = (await this.#read(request.names)).get(issuerId);
    if (record === undefined) return undefined;
    const isMended = request.isForced === true && record.retryAfter === undefined;
    return isMended || endOf(rebased(record, now)) <= now ? undefined : errorOf(record, request.names);
  }

  /** Keeps what an issuer has failed with, if that is a reason not to ask it for a while. */
  async note(issuerId: string, error: TlsmithError, request: IssueRequest): Promise<void> {
    await this.#write(issuerId, holdFor(error, this.#options.clock.now()), request);
  }

  /** Forgets it: the issuer has issued. */
  async lift(issuerId: string, request: IssueRequest): Promise<void> {
    await this.#write(issuerId, undefined, request);
  }

  async #read(names: readonly string[]): Promise<Held> {
    const { storage } = this.#options;
    const segment = certificateSegment(names);
    const known = this.#known.get(segment);
    if (known !== undefined) return known;
    // One that cannot be read is only asked too early.
    const stored = await storage.get(this.#key(segment)).catch(() => undefined);
    const held = stored === undefined ? new Map<string, FailureRecord>() : decode(stored.bytes);
    if (held.size > 0) this.#known.set(segment, held);
    return held;
  }

  async #write(issuerId: string, record: FailureRecord | undefined, request: IssueRequest): Promise<void> {
    const { names, lease } = request;
    const before = await this.#read(names);
    if (record === undefined && !before.has(issuerId)) return;
    const others = [...before].filter(([id]) => id !== issuerId);
    const held = new Map(record === undefined ? others : [...others, [issuerId, record] as const]);
    const segment = certificateSegment(names);
    if (held.size === 0) this.#known.delete(segment);
    else this.#known.set(segment, held);
    const terms = lease === undefined ? {} : { lease };
    const lasting = [...held].filter(([, { retryAfter }]) => retryAfter !== undefined);
    const { storage } = this.#options;
    const key = this.#key(segment);
    const stored =
      lasting.length === 0 ? storage.delete(key, terms) : storage.put(key, encode(lasting), terms);
    // What cannot be stored is still remembered by this process.
    await stored.catch(() => undefined);
  }

  #key(segment: string): string {
    return `${issuerPrefix(this.#options.issuerId)}${segment}/held`;
  }
}

/** Until when an issuer that has failed with this is not asked; 0 when the ladder alone decides. */
export function heldUntil(error: TlsmithError, now: number): number {
  if (error['isHeld'] === true) return Infinity;
  if (error['isPermanent'] === true) return now + DAY_MS;
  const retryAfter = Number(error['retryAfter'] ?? 0);
  return retryAfter > now + LONG_WAIT_MS ? retryAfter : 0;
}

function holdFor(error: TlsmithError, now: number): FailureRecord | undefined {
  const until = heldUntil(error, now);
  if (until === 0) return undefined;
  const isHeld = error['isHeld'] === true;
  const isPermanent = error['isPermanent'] === true;
  return {
    ...{ attempts: 1, failingSince: now, failedAt: now, nextAttempt: until, isPermanent },
    ...(isHeld ? { isHeld } : {}),
    ...(isHeld || isPermanent ? {} : { retryAfter: until }),
    error: { code: error.code, message: error.message },
  };
}

function endOf({ isHeld, nextAttempt }: FailureRecord): number {
  return isHeld === true ? Infinity : nextAttempt;
}

function encode(held: readonly (readonly [string, FailureRecord])[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ format: FORMAT, held: Object.fromEntries(held) }));
}

/** Whatever is not understood is no hold. */
function decode(bytes: Uint8Array): Held {
  const { format, held } = parseRecord(bytes);
  if (format !== FORMAT || typeof held !== 'object' || held === null) return new Map();
  const entries = Object.entries(held).map(([issuerId, record]) => [issuerId, failureIn(record)] as const);
  return new Map(entries.filter((entry): entry is [string, FailureRecord] => entry[1] !== undefined));
}
