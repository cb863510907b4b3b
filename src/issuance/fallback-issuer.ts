/**
 * Two issuers as one: the second is asked when the first keeps failing, or will not be asked for a while (a rate limit, a
 * pause, a refusal that no retry mends). Each renewal begins with the first one again.
 */
import type { RenewalInfo } from '../acme/renewal-info.js';
import type { Credential } from '../credential/credential.js';
import { codeOf, isTlsmithError, messageOf, TlsmithError } from '../errors.js';
import type { SourceHost } from '../sources/certificate-source.js';
import { certificateSegment } from './certificate-store.js';
import type { AcmeIssuer } from './acme-issuer.js';
import type { Issued, IssueRequest } from './issuer.js';
import { asIssuanceError } from './failure-record.js';

/** The failure in a row at which the second is asked in the same attempt. */
const FALLBACK_AT_FAILURE = 3;
/** Waits that are shorter are waited out. */
const LONG_WAIT_MS = 600_000;
const DAY_MS = 86_400_000;

/** What both need. */
export type FallbackHost = Pick<SourceHost, 'clock' | 'logger'>;

/** The first issuer, with the second behind it. It is stored and told of under the name of the first. */
export function withFallback(first: AcmeIssuer, second: AcmeIssuer, host: FallbackHost): AcmeIssuer {
  return new FallbackIssuer(first, second, host);
}

class FallbackIssuer implements AcmeIssuer {
  readonly id: string;
  readonly isLocal = false;
  readonly #first: AcmeIssuer;
  readonly #second: AcmeIssuer;
  readonly #host: FallbackHost;
  /** By certificate: why the first is not asked, and until when. */
  readonly #held = new Map<string, { readonly error: TlsmithError; readonly until: number }>();

  constructor(first: AcmeIssuer, second: AcmeIssuer, host: FallbackHost) {
    this.id = first.id;
    this.#first = first;
    this.#second = second;
    this.#host = host;
  }

  async issue(request: IssueRequest): Promise<Issued> {
    const segment = certificateSegment(request.names);
    const held = this.#held.get(segment);
    if (held !== undefined && held.until > this.#host.clock.now()) return this.#fallBack(request, held.error);
    try {
      const issued = await this.#first.issue(request);
      this.#held.delete(segment);
      return issued;
    } catch (thrown) {
      const error = asIssuanceError(thrown, request.names);
      const until = this.#heldUntil(error);
      if (until > 0) this.#held.set(segment, { error, until });
      const isTime = until > 0 || (request.failures ?? 0) + 1 >= FALLBACK_AT_FAILURE;
      if (!isTime || request.signal.aborted) throw thrown;
      return this.#fallBack(request, error);
    }
  }

  async renewalInfo(
    credential: Credential,
    signal: AbortSignal,
    issuerId = this.id,
  ): Promise<RenewalInfo | undefined> {
    const issuer = issuerId === this.id ? this.#first : this.#second;
    return issuer.renewalInfo?.(credential, signal, issuerId);
  }

  /** Whichever has issued it can; what the first one says is told when none does. */
  async revoke(credential: Credential, signal: AbortSignal): Promise<void> {
    try {
      await this.#first.revoke(credential, signal);
    } catch (error) {
      await this.#second.revoke(credential, signal).catch(() => {
        throw error;
      });
    }
  }

  /** That of the first: the second has its own source to say it with. */
  rollOverAccountKey(): Promise<void> {
    return this.#first.rollOverAccountKey();
  }

  async close(): Promise<void> {
    await Promise.all([this.#first.close?.(), this.#second.close?.()]);
  }

  async #fallBack(request: IssueRequest, error: TlsmithError): Promise<Issued> {
    const { logger } = this.#host;
    try {
      const { previousIssuer = this.#first.id } = request;
      const issued = await this.#second.issue({ ...request, previousIssuer });
      logger.warn(
        { names: request.names },
        `The certificate for ${request.names.join(', ')} comes from the \`fallback\`, because of ${error.code}: ${error.message}`,
      );
      return { ...issued, issuerId: issued.issuerId ?? this.#second.id };
    } catch (second) {
      throw request.signal.aborted ? second : bothFailed(error, second, request.names);
    }
  }

  /** Until when the first is not to be asked; 0 when the ladder alone decides. */
  #heldUntil(error: TlsmithError): number {
    const now = this.#host.clock.now();
    if (error['isHeld'] === true || error['isPermanent'] === true) return now + DAY_MS;
    const retryAfter = Number(error['retryAfter'] ?? 0);
    return retryAfter > now + LONG_WAIT_MS ? retryAfter : 0;
  }
}

/** What the first said, and what became of the second. Only what both forbid is forbidden. */
function bothFailed(first: TlsmithError, thrown: unknown, names: readonly string[]): TlsmithError {
  const second = asIssuanceError(thrown, names);
  const retryAfter = Math.min(Number(first['retryAfter'] ?? 0), Number(second['retryAfter'] ?? 0));
  const isBoth = (fact: string): boolean => first[fact] === true && second[fact] === true;
  return new TlsmithError(
    first.code,
    `${first.message} The \`fallback\` failed as well, with ${codeOf(second) ?? 'an error'}: ${messageOf(second)}`,
    {
      names,
      cause: isTlsmithError(thrown) ? thrown : first,
      ...(first.hint === undefined ? {} : { hint: first.hint }),
      ...(retryAfter > 0 ? { retryAfter } : {}),
      ...(isBoth('isPermanent') ? { isPermanent: true } : {}),
      ...(isBoth('isHeld') ? { isHeld: true } : {}),
    },
  );
}
