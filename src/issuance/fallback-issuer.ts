/**
 * Two issuers as one: the second is asked when the first keeps failing, or will not be asked for a while (a rate limit, a
 * pause, a refusal that no retry mends). Each renewal begins with the first one again. What one of them has said of when
 * to come back holds for that one alone, through a restart (`issuer-holds.ts`).
 */
import type { RenewalInfo } from '../acme/renewal-info.js';
import type { Credential } from '../credential/credential.js';
import { TlsmithError } from '../errors.js';
import type { SourceHost } from '../sources/certificate-source.js';
import type { Storage } from '../storage/storage.js';
import type { AcmeIssuer } from './acme-issuer.js';
import type { Issued, IssueRequest } from './issuer.js';
import { asIssuanceError } from './failure-record.js';
import { heldUntil, IssuerHolds } from './issuer-holds.js';

/** The failure in a row at which the second is asked in the same attempt. */
const FALLBACK_AT_FAILURE = 3;

/** What both need; `storage` is that of the certificates. */
export interface FallbackHost extends Pick<SourceHost, 'clock' | 'logger'> {
  readonly storage: Storage;
}

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
  readonly #holds: IssuerHolds;

  constructor(first: AcmeIssuer, second: AcmeIssuer, host: FallbackHost) {
    this.id = first.id;
    this.#first = first;
    this.#second = second;
    this.#host = host;
    this.#holds = new IssuerHolds({ ...host, issuerId: first.id });
  }

  async issue(request: IssueRequest): Promise<Issued> {
    const held = await this.#holds.reason(this.#first.id, request);
    if (held !== undefined) return this.#fallBack(request, { error: held, wasAsked: false });
    try {
      return await this.#ask(this.#first, request);
    } catch (thrown) {
      const error = asIssuanceError(thrown, request.names);
      const isHeld = heldUntil(error, this.#host.clock.now()) > 0;
      const isTime = isHeld || (request.failures ?? 0) + 1 >= FALLBACK_AT_FAILURE;
      if (!isTime || request.signal.aborted) throw thrown;
      return this.#fallBack(request, { error, wasAsked: true });
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

  /** Asks one of them; what it has failed with is kept, if it is a reason not to ask it for a while. */
  async #ask(issuer: AcmeIssuer, request: IssueRequest): Promise<Issued> {
    try {
      const issued = await issuer.issue(request);
      await this.#holds.lift(issuer.id, request);
      return issued;
    } catch (thrown) {
      const error = asIssuanceError(thrown, request.names);
      if (!request.signal.aborted) await this.#holds.note(issuer.id, error, request);
      throw thrown;
    }
  }

  async #fallBack(request: IssueRequest, first: Failed): Promise<Issued> {
    const { names, signal } = request;
    const held = await this.#holds.reason(this.#second.id, request);
    if (held !== undefined) throw this.#bothFailed(first, { error: held, wasAsked: false }, names);
    try {
      const { previousIssuer = this.#first.id } = request;
      const issued = await this.#ask(this.#second, { ...request, previousIssuer });
      this.#host.logger.warn(
        { names },
        `The certificate for ${names.join(', ')} comes from the \`fallback\`, because of ${first.error.code}: ${first.error.message}`,
      );
      return { ...issued, issuerId: issued.issuerId ?? this.#second.id };
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      throw this.#bothFailed(first, { error: asIssuanceError(thrown, names), wasAsked: true }, names);
    }
  }

  /** What the first said, and what became of the second. Only what both forbid is forbidden, until the first of them may be asked. */
  #bothFailed(first: Failed, second: Failed, names: readonly string[]): TlsmithError {
    const now = this.#host.clock.now();
    const both = [first.error, second.error];
    const retryAfter = Math.min(
      ...both.map((error) => Math.max(heldUntil(error, now), Number(error['retryAfter'] ?? 0))),
    );
    const isLimited = retryAfter > 0 && Number.isFinite(retryAfter);
    const isBoth = (fact: string): boolean => both.every((error) => error[fact] === true);
    const { error } = first;
    return new TlsmithError(
      error.code,
      `${error.message} The \`fallback\` failed as well, with ${second.error.code}: ${second.error.message}`,
      {
        names,
        cause: second.error,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        ...(isLimited ? { retryAfter } : {}),
        ...(isBoth('isPermanent') ? { isPermanent: true } : {}),
        ...(isBoth('isHeld') ? { isHeld: true } : {}),
        ...(isLimited && !first.wasAsked && !second.wasAsked ? { isPostponement: true } : {}),
      },
    );
  }
}

/** What an issuer has failed with, or is held with since an earlier attempt. */
interface Failed {
  readonly error: TlsmithError;
  readonly wasAsked: boolean;
}
