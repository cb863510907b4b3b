// A complete certificate source: secrets in a store on the network, read when their name is first asked for, read
// again when the store has a new version, and kept in use while the store is down.
import {
  type CertificateSource,
  createCredential,
  type Credential,
  type CredentialInput,
  type Found,
  type SourceHost,
  type SourceQuery,
} from 'tlsmith';

/** What the source needs of the store's client. */
export interface SecretStore {
  /** The version of every secret, by server name. */
  versions(): Promise<ReadonlyMap<string, string>>;
  /** Certificate and key of one. */
  read(name: string): Promise<CredentialInput>;
}

const LOOK_EVERY_MS = 30_000;

/** Serves what a secret store has; `defaultName` is for clients without SNI. */
export class SecretStoreSource implements CertificateSource {
  readonly name = 'secret-store';
  readonly #store: SecretStore;
  readonly #defaultName: string;
  readonly #credentials = new Map<string, Credential>();
  readonly #reading = new Map<string, Promise<Credential>>();
  #versions: ReadonlyMap<string, string> = new Map();
  #host: SourceHost | undefined;
  #timer: unknown;

  constructor(store: SecretStore, defaultName: string) {
    this.#store = store;
    this.#defaultName = defaultName;
  }

  /** A store that cannot be reached now fails the start of the server. */
  async start(host: SourceHost): Promise<void> {
    this.#versions = await this.#store.versions();
    this.#host = host;
    this.#look(host);
  }

  /** For names that are not in the store the answer is at hand: strangers cost nothing. */
  find({ serverName }: Pick<SourceQuery, 'serverName'>): Found | undefined {
    if (!this.#versions.has(serverName)) return undefined;
    // `pending` says: mine, but not here yet. The connection waits, and the time limit is the store client's.
    return this.#credentials.get(serverName) ?? { pending: this.#read(serverName) };
  }

  default(): Found | undefined {
    return this.find({ serverName: this.#defaultName });
  }

  list(): Iterable<Credential> {
    return this.#credentials.values();
  }

  /** Also what `secure.reload()` calls; there a rejection reaches the caller. */
  async reload(): Promise<void> {
    const before = this.#versions;
    const versions = await this.#store.versions();
    this.#versions = versions;
    for (const name of [...this.#credentials.keys()]) {
      if (!versions.has(name)) this.#forget(name);
      else if (versions.get(name) !== before.get(name)) await this.#read(name);
    }
    this.#host?.resolved('SOURCE_FAILED');
  }

  close(): void {
    this.#host?.clock.clearTimeout(this.#timer);
    this.#host = undefined;
  }

  /** Looks for new versions from now on. A failure is reported, and what was read before goes on serving. */
  #look(host: SourceHost): void {
    this.#timer = host.clock.setTimeout(() => {
      this.reload()
        .catch((error: unknown) => {
          const message = `The secret store could not be asked for new versions: ${String(error)}.`;
          host.report({ code: 'SOURCE_FAILED', severity: 'warning', message });
        })
        .finally(() => {
          if (this.#host === host) this.#look(host);
        });
    }, LOOK_EVERY_MS);
  }

  /** However many ask for a name meanwhile, its secret is read once. */
  #read(name: string): Promise<Credential> {
    let reading = this.#reading.get(name);
    if (reading === undefined) {
      reading = this.#load(name).finally(() => this.#reading.delete(name));
      this.#reading.set(name, reading);
    }
    return reading;
  }

  async #load(name: string): Promise<Credential> {
    // Throws when certificate and key are no pair: then the one before stays.
    const credential = createCredential(await this.#store.read(name), {
      cert: `The certificate in secret ${name}`,
      key: `The key in secret ${name}`,
    });
    const previous = this.#credentials.get(name);
    this.#credentials.set(name, credential);
    this.#host?.notify({
      type: 'certificate',
      action: previous === undefined ? 'loaded' : 'reloaded',
      credential,
      ...(previous === undefined ? {} : { previous }),
    });
    this.#host?.changed([name]);
    return credential;
  }

  #forget(name: string): void {
    this.#credentials.delete(name);
    this.#host?.changed([name]);
  }
}
