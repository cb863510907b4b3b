/**
 * The working parts of a server, loaded when it first starts: half of the library's code, which a program that only
 * imports it, or only makes a server, does not wait for.
 */
import type { ServerCore } from './server-core.js';

/** Loads and keeps the core of one server. */
export class LazyCore {
  readonly #load: () => Promise<ServerCore>;
  readonly #onLoaded: (core: ServerCore) => void;
  #loading: Promise<ServerCore> | undefined;
  #current: ServerCore | undefined;

  /**
   * @param load - imports the code and makes the core
   * @param onLoaded - called in the turn from which on there is a `current` one
   */
  constructor(load: () => Promise<ServerCore>, onLoaded: (core: ServerCore) => void) {
    this.#load = load;
    this.#onLoaded = onLoaded;
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
    this.#loading ??= this.#loadOnce().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #loadOnce(): Promise<ServerCore> {
    const core = await this.#load();
    this.#onLoaded(core);
    this.#current = core;
    return core;
  }
}
