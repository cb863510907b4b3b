/** An issuer from its start, which comes with the first request, on. */
import type { Credential } from '../credential/credential.js';
import { messageOf } from '../errors.js';
import type { SourceHost } from '../sources/certificate-source.js';
import type { Issued, Issuer, IssueRequest } from './issuer.js';

/** One run of an issuer. */
export class IssuerRun {
  readonly #issuer: Issuer;
  readonly #host: SourceHost;
  #start: Promise<void> | undefined;

  constructor(issuer: Issuer, host: SourceHost) {
    this.#issuer = issuer;
    this.#host = host;
  }

  /** Starts the issuer if it has not started, has revoked what is to be revoked, and issues. */
  async issue(request: IssueRequest): Promise<Issued> {
    this.#start ??= startOf(this.#issuer, this.#host).catch((error: unknown) => {
      this.#start = undefined;
      throw error;
    });
    await this.#start;
    if (request.revoked !== undefined) await this.#revoke(request.revoked, request.signal);
    return this.#issuer.issue(request);
  }

  /** What cannot be revoked is to be replaced all the same. */
  async #revoke(credential: Credential, signal: AbortSignal): Promise<void> {
    try {
      await this.#issuer.revoke?.(credential, signal);
    } catch (error) {
      const { names } = credential;
      const text = `The certificate for ${names.join(', ')} was not revoked: ${messageOf(error)}`;
      this.#host.logger.warn({ names, serialNumber: credential.serialNumber }, text);
    }
  }
}

/** Closes an issuer, also one that was never started; a fault in that is told of. */
export async function closeIssuer(issuer: Issuer, warn: (message: string) => void): Promise<void> {
  try {
    await issuer.close?.();
  } catch (error) {
    warn(`Closing the issuer failed: ${messageOf(error)}`);
  }
}

async function startOf(issuer: Issuer, host: SourceHost): Promise<void> {
  await issuer.start?.(host);
}
