/** The generation of a certificate that serves, and the telling of each change of it. */
import { type Credential, isInDate } from '../credential/credential.js';
import type { SourceHost } from '../sources/certificate-source.js';
import type { StoredGeneration } from './stored-generation.js';

/** How a generation has come. */
export type Arrival = 'loaded' | 'issued' | 'renewed' | 'reloaded';

/** Who is told. */
export interface LiveTools {
  readonly names: readonly string[];
  readonly host: SourceHost;
  /** Told before the host is of a credential that serves from now on. */
  readonly changed: (credential: Credential) => void;
}

/** What serves for one certificate. */
export class LiveGeneration {
  readonly #tools: LiveTools;
  #generation: StoredGeneration | undefined;
  #isStandIn = false;

  constructor(tools: LiveTools) {
    this.#tools = tools;
  }

  /** The credential that serves. */
  get credential(): Credential | undefined {
    return this.#generation?.credential;
  }

  /** Who has issued it, if not the issuer that is asked. */
  get issuerId(): string | undefined {
    return this.#generation?.issuerId;
  }

  /** What is wanted: a stand-in and what is revoked serve, but are replaced as soon as that can be. */
  get own(): StoredGeneration | undefined {
    return this.#isStandIn || this.#generation?.isRevoked === true ? undefined : this.#generation;
  }

  /** Whether it is what the user wants to have, and in date. */
  get isUsable(): boolean {
    const { own } = this;
    return own !== undefined && isInDate(own.credential, this.#tools.host.clock.now());
  }

  /** Serves, until there is another one, what another issuer has issued, or the one before a revoked one. */
  serveStandIn(generation: StoredGeneration): void {
    this.#isStandIn = true;
    this.#serve(generation, 'loaded');
  }

  /** Serves it; the very one that serves already is no change. */
  serve(generation: StoredGeneration, arrival: Arrival): void {
    this.#isStandIn = false;
    this.#serve(generation, arrival);
  }

  #serve(generation: StoredGeneration, action: Arrival): void {
    const { names, host, changed } = this.#tools;
    const previous = this.credential;
    const { credential } = generation;
    this.#generation = generation;
    if (previous?.id === credential.id) return;
    changed(credential);
    host.changed(names);
    host.notify({ type: 'certificate', action, credential, ...(previous === undefined ? {} : { previous }) });
  }
}
