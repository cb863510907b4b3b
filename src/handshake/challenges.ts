/**
 * The ACME challenges that are answered right now, keyed by what a validator asks for: an identifier (RFC 8737) or
 * a token (RFC 8555 §8.3). Many may be open at once, also several for one identifier (the latest answers).
 */
import { type Clock, systemClock } from '../clock.js';
import type { Credential } from '../credential/credential.js';
import { normalizeServerName } from '../credential/server-name.js';
import type { ChallengeAnswer, ChallengeLookup } from '../sources/certificate-source.js';
import { ChallengeLookups } from './challenge-lookups.js';
import { ACME_TLS_PROTOCOL, createValidationCredential } from './challenge-server.js';
import type { ClientHello } from './client-hello.js';

/** RFC 8555 §8.3: base64url. Nothing else is looked up anywhere. */
const TOKEN = /^[\w-]{16,200}$/;

/** Whether the client is a validator: `acme-tls/1` is all it offers (RFC 8737 §3). */
export function isValidator(hello: Pick<ClientHello, 'offersOnly'>): boolean {
  return hello.offersOnly(ACME_TLS_PROTOCOL);
}

/** The open challenges. */
export class Challenges {
  readonly #credentials = new Map<string, Credential[]>();
  readonly #keyAuthorizations = new Map<string, string>();
  readonly #lookups: ChallengeLookups;

  constructor(clock: Clock = systemClock) {
    this.#lookups = new ChallengeLookups(clock);
  }

  /** Answers a challenge until the returned function is called. */
  add(challenge: ChallengeAnswer): () => void {
    return challenge.type === 'http-01' ? this.#addToken(challenge) : this.#addIdentifier(challenge);
  }

  /** The validation certificate for an SNI as it was sent. */
  credentialFor(serverName: string | undefined): Credential | undefined {
    const identifier = serverName === undefined ? undefined : normalizeServerName(serverName);
    return identifier === undefined ? undefined : this.#credentials.get(identifier)?.at(-1);
  }

  /** What an `http-01` token is answered with. */
  keyAuthorizationFor(token: string): string | undefined {
    return this.#keyAuthorizations.get(token);
  }

  /** Asks `lookup` for challenges that are not open here, until the returned function is called. */
  addLookup(lookup: ChallengeLookup): () => void {
    return this.#lookups.add(lookup);
  }

  /** Whether a validator that sends this name may be looked up for. */
  mayBeElsewhere(serverName: string): boolean {
    return !this.#lookups.isEmpty && normalizeServerName(serverName) !== undefined;
  }

  /** The validation certificate of a challenge that is open elsewhere; undefined when there is nobody to ask. */
  credentialElsewhere(serverName: string | undefined): Promise<Credential | undefined> | undefined {
    if (this.#lookups.isEmpty || serverName === undefined) return undefined;
    const identifier = normalizeServerName(serverName);
    return identifier === undefined ? undefined : this.#lookups.credentialFor(identifier);
  }

  /** The same for a token, asked for under this host. */
  keyAuthorizationElsewhere(token: string, host?: string): Promise<string | undefined> | undefined {
    if (this.#lookups.isEmpty || !TOKEN.test(token)) return undefined;
    return this.#lookups.keyAuthorizationFor(token, host);
  }

  #addToken({ token, keyAuthorization }: ChallengeAnswer & { type: 'http-01' }): () => void {
    this.#keyAuthorizations.set(token, keyAuthorization);
    return () => this.#keyAuthorizations.delete(token);
  }

  #addIdentifier({ identifier, credential: input }: ChallengeAnswer & { type: 'tls-alpn-01' }): () => void {
    const credential = createValidationCredential(input);
    const open = this.#credentials.get(identifier) ?? [];
    this.#credentials.set(identifier, [...open, credential]);
    return () => {
      const left = (this.#credentials.get(identifier) ?? []).filter((other) => other !== credential);
      if (left.length === 0) this.#credentials.delete(identifier);
      else this.#credentials.set(identifier, left);
    };
  }
}
