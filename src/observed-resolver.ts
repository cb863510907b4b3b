/** The resolver with an eye on its answers: who is served what, and which names nobody has. */
import type { Credential } from './credential/credential.js';
import type { KeyAlternatives } from './key-alternatives.js';
import {
  CredentialResolver,
  isPromise,
  type ResolverOptions,
  type Selection,
  type SelectionOptions,
} from './handshake/credential-resolver.js';

/** Who is told of the answers; called in every handshake, and not to throw. */
export interface ResolverObserver {
  /** A credential is about to be served. */
  readonly served: (credential: Credential) => void;
  /** No source has a credential for this name. */
  readonly unmatched: (serverName: string) => void;
}

/** A resolver that tells an observer of its answers. */
export class ObservedResolver extends CredentialResolver {
  readonly #observer: ResolverObserver;
  /** Undefined with one source, which knows by itself what belongs together. */
  readonly #alternatives: KeyAlternatives | undefined;
  readonly #defaultName: string | undefined;

  constructor(options: ResolverOptions, observer: ResolverObserver, alternatives?: KeyAlternatives) {
    super(options);
    this.#observer = observer;
    this.#alternatives = alternatives;
    this.#defaultName = options.defaultName;
  }

  override find(serverName: string, options?: SelectionOptions): Selection {
    const selection = super.find(serverName, options);
    if (isPromise(selection)) {
      void selection.then((credential) => {
        this.#found(credential, serverName, options);
      });
    } else {
      this.#found(selection, serverName, options);
    }
    return this.#completed(selection, serverName);
  }

  override default(localAddress: string | undefined, options?: SelectionOptions): Selection {
    const selection = super.default(localAddress, options);
    if (isPromise(selection)) void selection.then(this.#served);
    else this.#served(selection);
    return this.#completed(selection);
  }

  /** With a credential of the other key kind beside it, where there is one for the name. */
  #completed(selection: Selection, serverName?: string): Selection {
    const alternatives = this.#alternatives;
    if (alternatives === undefined || selection === undefined) return selection;
    if (!isPromise(selection)) return alternatives.complete(selection, serverName);
    return selection.then((credential) =>
      credential === undefined ? undefined : alternatives.complete(credential, serverName),
    );
  }

  readonly #served = (credential: Credential | undefined): void => {
    if (credential !== undefined) this.#observer.served(credential);
  };

  #found(
    credential: Credential | undefined,
    serverName: string,
    options: SelectionOptions | undefined,
  ): void {
    if (credential !== undefined) this.#observer.served(credential);
    // Who may not wait passes over sources that are not ready; and clients without a name ask for the default one.
    else if (options?.mayWait !== false && serverName !== this.#defaultName)
      this.#observer.unmatched(serverName);
  }
}
