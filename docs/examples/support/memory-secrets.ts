// Stands for the client of a secret store, for the program and the tests that need one.
import type { CredentialInput } from 'tlsmith';
import type { SecretStore } from '../secret-store-source.js';
import { demoPair } from './demo-pair.js';

/** Secrets in memory; `isDown` makes it fail as a network does. */
export class MemorySecrets implements SecretStore {
  isDown = false;
  reads = 0;
  readonly #secrets = new Map<string, CredentialInput>();
  readonly #versions = new Map<string, string>();

  /** Makes a new version of the secret for `name`. */
  async renew(name: string): Promise<void> {
    this.#secrets.set(name, await demoPair(name));
    this.#versions.set(name, String(Number(this.#versions.get(name) ?? 0) + 1));
  }

  async versions(): Promise<ReadonlyMap<string, string>> {
    await this.#connect();
    return new Map(this.#versions);
  }

  async read(name: string): Promise<CredentialInput> {
    await this.#connect();
    this.reads += 1;
    const secret = this.#secrets.get(name);
    if (secret === undefined) throw new Error(`there is no secret ${name}`);
    return secret;
  }

  async #connect(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (this.isDown) throw new Error('the secret store does not answer');
  }
}
