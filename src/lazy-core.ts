/**
 * The working parts of a server, loaded when it first starts: half of the library's code, which a program that only
 * imports it, or only makes a server, does not wait for.
 */
import type { ServerCore } from './server-core.js';

/** Loads and keeps the core of one server. */
export class LazyCore {
  readonly #load: () => Promise<ServerCore>;
  #loading: Promise<ServerCore> | undefined;
  #current: ServerCore | undefined;

  /** @param load - imports the code and makes the core */
  constructor(load: () => Promise<ServerCore>) {
    this.#load = load;
  }

  /** The core, once it is loaded. */
  get current(): ServerCore | undefined {
    return this.#current;
  }

  /** The core of a server that has started. */
  get loaded(): ServerCore {
    if (this.#current === undefined) throw new Error('The server has never been started.');
    return this.#current;
  }

  /** Loads it, once; what has failed is tried again by the next call. */
  load(): Promise<ServerCore> {
    this.#loading ??= this.#load().then(
      (core) => (this.#current = core),
      (error: unknown) => {
        this.#loading = undefined;
        throw error;
      },
    );
    return this.#loading;
  }
}
