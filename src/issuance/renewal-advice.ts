/**
 * When the issuer wants a certificate to be renewed (RFC 9773), for one certificate: asked for in the background, kept
 * in storage, and at hand whenever the clock is looked at. Asking is never in anybody's way and never rejects.
 */
import type { RenewalInfo } from '../acme/renewal-info.js';
import type { Clock } from '../clock.js';
import type { Credential } from '../credential/credential.js';
import { codeOf, isTlsmithError, messageOf } from '../errors.js';
import type { Logger } from '../logger.js';
import type { RandomShare } from './random-share.js';
import type { RenewalInstant } from './renewal-schedule.js';
import { parseRecord } from './stored-generation.js';

const FORMAT = 1;
const HOUR_MS = 3_600_000;
/** RFC 9773 §4.3.3: after faults that may last. */
const AFTER_FAULT_MS = 6 * HOUR_MS;
/** The same for faults that pass: doubled each time, up to the above. */
const FIRST_RETRY_MS = 60_000;
const PASSING = new Set(['ACME_UNREACHABLE', 'ACME_SERVER_ERROR', 'ACME_RATE_LIMITED']);
/** §4.3.3 counts these among the faults that may last. */
const LASTING_CAUSES = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL']);
/** What an error may ask for. */
const LONGEST_WAIT_MS = 24 * HOUR_MS;
/** An issuer without an opinion may get one: some day its software is brought up to date. */
const WITHOUT_OPINION_MS = 24 * HOUR_MS;

/** What the advice is made with. */
export interface AdviceTools {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly random: RandomShare;
  /** Asks the issuer; undefined where it never has an opinion. */
  readonly ask:
    ((credential: Credential, signal: AbortSignal) => Promise<RenewalInfo | undefined>) | undefined;
  /** What is stored. */
  read(): Promise<Uint8Array | undefined>;
  write(bytes: Uint8Array): Promise<void>;
}

/** What is kept, and stored: for one certificate, by its fingerprint. Instants are milliseconds since the epoch. */
interface Advice {
  readonly certificate: string;
  readonly askAgainAt: number;
  /** Absent while the issuer has not said anything. */
  readonly window?: { readonly start: number; readonly end: number; readonly explanationUrl?: string };
  /** Chosen at random in the window, once for each window: choosing again and again would favour its beginning. */
  readonly selected?: number;
  /** How far the issuer's clock, by which window and instant are, is ahead of this machine's; 0 if absent. */
  readonly clockAheadMs?: number;
}

/** The issuer's advice on one certificate. */
export class RenewalAdvice {
  readonly #tools: AdviceTools;
  #advice: Advice | undefined;
  #faults = 0;
  /** Whether the issuer had none when it was asked last: that costs nobody anything, and is not stored. */
  #isWithoutOpinion = false;
  #asking: Promise<void> | undefined;

  constructor(tools: AdviceTools) {
    this.#tools = tools;
  }

  /** Reads what is stored, also by another process. */
  async load(): Promise<void> {
    // Advice is nothing that anybody depends on: damaged or unreadable it is asked for again.
    const bytes = await this.#tools.read().catch(() => undefined);
    const stored = bytes === undefined ? undefined : decode(bytes);
    if (stored !== undefined) this.#advice = stored;
  }

  /** When the issuer wants `credential` to be renewed; undefined when it has not said. */
  instantFor(credential: Credential): RenewalInstant | undefined {
    const advice = this.#of(credential);
    if (advice?.selected === undefined) return undefined;
    const url = advice.window?.explanationUrl;
    const at = advice.selected - (advice.clockAheadMs ?? 0);
    return { at, why: `asked for by the issuer${url === undefined ? '' : ` (${url})`}` };
  }

  /** When to ask next about `credential`; infinity when never. */
  askAt(credential: Credential): number {
    if (this.#tools.ask === undefined || this.#asking !== undefined) return Infinity;
    // RFC 9773 §4.3: not about what has expired.
    if (credential.notAfter <= this.#tools.clock.now()) return Infinity;
    return this.#of(credential)?.askAgainAt ?? 0;
  }

  /** Asks; resolves when there is an answer, or none. */
  ask(credential: Credential): Promise<void> {
    this.#asking ??= this.#ask(credential).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** Resolves when nothing is asked any more. */
  async settled(): Promise<void> {
    await this.#asking;
  }

  async #ask(credential: Credential): Promise<void> {
    const { clock, signal, ask } = this.#tools;
    // Another process may have asked meanwhile; where nobody was told anything, nothing is stored either.
    if (!this.#isWithoutOpinion) await this.load();
    if ((this.#of(credential)?.askAgainAt ?? 0) > clock.now() || ask === undefined) return;
    try {
      const info = await ask(credential, signal);
      this.#faults = 0;
      this.#isWithoutOpinion = info === undefined;
      const isNothingKnown = info === undefined && this.#of(credential)?.window === undefined;
      if (info === undefined) this.#advice = withoutOpinion(credential, clock.now());
      else this.#keep(credential, info);
      if (isNothingKnown) return;
    } catch (error) {
      if (signal.aborted) return;
      this.#faults += 1;
      this.#putOff(credential, error);
    }
    await this.#tools.write(encode(this.#advice)).catch(() => undefined);
  }

  #keep(credential: Credential, info: RenewalInfo): void {
    const { logger } = this.#tools;
    const certificate = credential.fingerprint256;
    const { askAgainAt, clockAheadMs = 0, ...window } = info;
    const before = this.#of(credential);
    const isSame = before?.window?.start === window.start && before.window.end === window.end;
    const selected = isSame && before.selected !== undefined ? before.selected : this.#instantIn(window);
    this.#advice = { certificate, askAgainAt, window, selected, clockAheadMs };
    if (before?.window === undefined || isSame) return;
    logger.warn(
      { names: credential.names, explanationUrl: window.explanationUrl },
      `The issuer wants the certificate for ${credential.names.join(', ')} to be renewed at another time: ${new Date(selected).toISOString()}.`,
    );
  }

  /** What was known goes on to count. */
  #putOff(credential: Credential, error: unknown): void {
    const { clock, logger } = this.#tools;
    const now = clock.now();
    const wanted = Math.min(retryAfterOf(error), now + LONGEST_WAIT_MS);
    const askAgainAt = Math.max(wanted, now + this.#pauseMs(error));
    this.#advice = { ...this.#of(credential), certificate: credential.fingerprint256, askAgainAt };
    logger.debug({ names: credential.names }, `The issuer did not say when to renew: ${messageOf(error)}`);
  }

  #pauseMs(error: unknown): number {
    if (!isPassing(error)) return AFTER_FAULT_MS;
    return Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.#faults - 1, 10), AFTER_FAULT_MS);
  }

  #instantIn({ start, end }: { readonly start: number; readonly end: number }): number {
    return Math.round(start + (end - start) * this.#tools.random());
  }

  #of({ fingerprint256 }: Credential): Advice | undefined {
    return this.#advice?.certificate === fingerprint256 ? this.#advice : undefined;
  }
}

function withoutOpinion({ fingerprint256 }: Credential, now: number): Advice {
  return { certificate: fingerprint256, askAgainAt: now + WITHOUT_OPINION_MS };
}

function isPassing(error: unknown): boolean {
  if (!PASSING.has(codeOf(error) ?? '')) return false;
  return !LASTING_CAUSES.has(codeOf((error as Error).cause) ?? '');
}

function retryAfterOf(error: unknown): number {
  const retryAfter = isTlsmithError(error) ? error['retryAfter'] : undefined;
  return typeof retryAfter === 'number' ? retryAfter : 0;
}

function encode(advice: Advice | undefined): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ format: FORMAT, ...advice }));
}

function decode(bytes: Uint8Array): Advice | undefined {
  const { format, certificate, askAgainAt, window, selected, clockAheadMs } = parseRecord(bytes);
  if (format !== FORMAT || typeof certificate !== 'string' || typeof askAgainAt !== 'number')
    return undefined;
  const { start, end, explanationUrl } = (window ?? {}) as Record<string, unknown>;
  if (typeof start !== 'number' || typeof end !== 'number' || typeof selected !== 'number')
    return { certificate, askAgainAt };
  const url = typeof explanationUrl === 'string' ? { explanationUrl } : {};
  const ahead = typeof clockAheadMs === 'number' ? { clockAheadMs } : {};
  return { certificate, askAgainAt, window: { start, end, ...url }, selected, ...ahead };
}
