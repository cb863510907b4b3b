/**
 * The files that notifications have named, told as soon as it is quiet: a look at a whole folder takes its time, and a
 * single file that was replaced is not to wait for it. What is missed here (a storm, a file behind a link) is seen by
 * the look that every notification brings about.
 */
import type { Clock } from '../clock.js';
import { Debounce } from './folder-debounce.js';

/** Of more at a time a look makes less work. */
const MOST_PATHS = 100;

/** Gathers paths and tells them together. */
export class NamedChanges {
  readonly #debounce: Debounce;
  #paths = new Set<string>();

  /** @param tell - called with at most a hundred paths at a time */
  constructor(clock: Clock, tell: (paths: ReadonlySet<string>) => void) {
    this.#debounce = new Debounce({
      clock,
      isHeld: () => false,
      onRipe: () => {
        const paths = this.#paths;
        this.#paths = new Set();
        if (paths.size <= MOST_PATHS) tell(paths);
      },
    });
  }

  /** Something has happened to the file at `path`. */
  add(path: string): void {
    if (this.#paths.size <= MOST_PATHS) this.#paths.add(path);
    this.#debounce.notify();
  }

  /** Leaves no timer behind. */
  close(): void {
    this.#debounce.close();
  }
}
