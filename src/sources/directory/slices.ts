/** Long work cut into slices, so that handshakes come in between, and not too much of it at once. */

/** Below the 10 ms of docs/design.md, because a slice ends only after the step that fills it. */
const SLICE_MS = 5;

/** Work that lets the event loop turn every few milliseconds, however many take part in it. */
export class Slices {
  #began = performance.now();
  #pause: Promise<void> | undefined;

  /** To be awaited before each step; resolves at once while the slice lasts. */
  async breathe(): Promise<void> {
    while (performance.now() - this.#began > SLICE_MS) await this.#nextTurn();
  }

  #nextTurn(): Promise<void> {
    this.#pause ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#began = performance.now();
        this.#pause = undefined;
        resolve();
      });
    });
    return this.#pause;
  }
}

/** Does `work` for each item, at most `limit` at a time; the first fault ends it once those under way are done. */
export async function forEachLimited<Item>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) await work(next.value);
  };
  const results = await Promise.allSettled(Array.from({ length: limit }, worker));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Lets so many pass at a time; the others wait in order. */
export class Gate {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Runs `work` once there is room. */
  async pass<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#inside >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#inside += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#inside -= 1;
      else next();
    }
  }
}
