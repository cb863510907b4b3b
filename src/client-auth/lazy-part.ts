/** Something that is loaded when it is started, and may be started and closed any number of times. */

interface Startable {
  start(): Promise<void>;
  close(): Promise<void>;
}

/** The part of the latest start. */
export class LazyPart<Part extends Startable> {
  current: Part | undefined;

  /** Loads a new one and starts it; one that cannot start is closed again. */
  async start(load: () => Promise<Part>): Promise<void> {
    await this.close();
    const part = await load();
    this.current = part;
    try {
      await part.start();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Closes it. */
  async close(): Promise<void> {
    const part = this.current;
    this.current = undefined;
    await part?.close();
  }
}
