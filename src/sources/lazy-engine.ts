/** What does the work of a source, loaded when the source is started: every import of the package would pay for it. */
import { TlsmithError } from '../errors.js';

/** What can be started and closed, once each. */
export interface Engine {
  start(): Promise<void>;
  close(): Promise<void>;
}

/** The engine of a source that may be started and closed any number of times, also in the middle of a start. */
export class LazyEngine<E extends Engine> {
  #current: E | undefined;
  /** Counts starts and closes: what one begins, the next one ends. */
  #era = 0;

  /** The engine of the last start, also while it starts and when it has been closed. */
  get current(): E | undefined {
    return this.#current;
  }

  /**
   * Loads a new engine, closes the one before and starts the new one.
   * @param sourceName - for the message when it is closed meanwhile
   * @throws {@link TlsmithError} `CLOSED` when it is, and what the engine's start rejects with
   */
  async start(sourceName: string, load: () => Promise<E>): Promise<void> {
    const era = (this.#era += 1);
    const earlier = this.#current;
    const engine = await load();
    await earlier?.close();
    if (era !== this.#era)
      throw new TlsmithError('CLOSED', `The ${sourceName} was closed while it was starting.`);
    this.#current = engine;
    await engine.start();
  }

  /** Closes the engine, and keeps one that is being loaded from starting. */
  async close(): Promise<void> {
    this.#era += 1;
    await this.#current?.close();
  }
}
