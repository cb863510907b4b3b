/** One folder and the `fs.watch` handles on it, kept up as long as the folder is of interest. */
import type { FSWatcher, watch } from 'node:fs';
import { basename, join } from 'node:path';
import { codeOf } from '../errors.js';
import { placesFor, type Place } from './folder-places.js';

/** Told of every notification, with the path of the file in the folder that it names. */
export type OnNotified = (path?: string) => void;

/** `fs.watch`. */
export type Notify = typeof watch;

/** `exhausted`: the process or the user has used up what the system allows. */
export type ArmOutcome = 'armed' | 'unchanged' | 'failed' | 'exhausted';

const EXHAUSTED = new Set(['ENOSPC', 'EMFILE', 'ENFILE', 'ENOMEM']);

/** A folder that is watched where it can be. */
export class WatchedFolder {
  readonly #path: string;
  readonly #notify: Notify;
  readonly #onNotified: OnNotified;
  #places: readonly Place[] = [];
  #watchers: FSWatcher[] = [];
  #isSuspect = true;
  #isComplete = false;
  #hasErred = false;
  #isClosed = false;

  constructor(path: string, notify: Notify, onNotified: OnNotified) {
    this.#path = path;
    this.#notify = notify;
    this.#onNotified = onNotified;
  }

  /** Whether it was never armed, or something has happened that may have ended a watch. */
  get isSuspect(): boolean {
    return this.#isSuspect;
  }

  /** Whether it is watched wherever it is to be. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Watches what is at the path now, unless that is watched already. Never rejects. */
  async arm(): Promise<ArmOutcome> {
    const wasSuspect = this.#isSuspect;
    // What comes in from here on makes it suspect again.
    this.#isSuspect = false;
    if (!wasSuspect) this.#hasErred = false;
    const places = await placesFor(this.#path);
    if (this.#isClosed) return 'unchanged';
    if (!wasSuspect && this.#isComplete && samePlaces(places, this.#places)) return 'unchanged';
    return this.#watch(places);
  }

  /** Ends the watch for good. */
  close(): void {
    this.#isClosed = true;
    this.#closeWatchers();
  }

  #watch(places: readonly Place[]): ArmOutcome {
    this.#closeWatchers();
    this.#places = places;
    this.#isComplete = false;
    for (const place of places) {
      try {
        this.#watchers.push(this.#listen(place));
      } catch (error) {
        return EXHAUSTED.has(codeOf(error) ?? '') ? 'exhausted' : 'failed';
      }
    }
    this.#isComplete = true;
    return 'armed';
  }

  #listen({ path, entry }: Place): FSWatcher {
    const ownName = entry ?? basename(path);
    const watcher = this.#notify(path, { persistent: false }, (type, name) => {
      if (this.#isClosed || (entry !== undefined && name !== null && name !== entry)) return;
      // The watched folder itself has its name in notifications of its removal and renaming.
      if (type === 'rename' && (name === null || name === ownName)) this.#isSuspect = true;
      this.#onNotified(entry === undefined && name !== null ? join(path, name) : undefined);
    });
    watcher.on('error', () => {
      this.#onError(watcher);
    });
    return watcher;
  }

  /** Tried again at once, but after a second error only with the next poll. */
  #onError(watcher: FSWatcher): void {
    if (!this.#watchers.includes(watcher)) return;
    this.#isComplete = false;
    watcher.close();
    if (this.#hasErred) return;
    this.#hasErred = true;
    this.#isSuspect = true;
    this.#onNotified();
  }

  #closeWatchers(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }
}

function samePlaces(some: readonly Place[], others: readonly Place[]): boolean {
  return (
    some.length === others.length &&
    some.every((place, index) => {
      const other = others[index];
      return other?.path === place.path && other.identity === place.identity && other.entry === place.entry;
    })
  );
}
