/** What goes along with a managed source: told of what serves, and closed with it. */
import type { Credential } from '../credential/credential.js';

/** Something that a managed source takes along; no method may throw. */
export interface Companion {
  /** The source has started. */
  started?(source: CompanionSource): void;
  /** This serves from now on for the certificate of these names. */
  served?(names: readonly string[], credential: Credential): void;
  /** The certificate of these names is no longer managed. */
  unmanaged?(names: readonly string[]): void;
  /** Resolves when all is at rest. */
  close(): Promise<void>;
}

/** What a companion may ask. */
export interface CompanionSource {
  /** Whether a certificate is managed, by its segment in storage keys. */
  readonly keeps: (segment: string) => boolean;
}
