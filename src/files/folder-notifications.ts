/**
 * The notifications for a changing set of folders. What is no longer watched (removed, replaced, unmounted, out of
 * inotify watches) is noticed and watched again; that it cannot be is no fault, because whoever listens polls, too.
 */
import { watch } from 'node:fs';
import { WatchedFolder, type Notify, type OnNotified } from './folder-watched.js';

export type { Notify } from './folder-watched.js';

/** Which folders, and whom to tell. */
export interface FolderNotificationsOptions {
  /** The first 4,096 are watched. */
  readonly folders: () => Iterable<string>;
  /** Called for every notification, and when a folder is watched anew: changes may have been missed before. */
  readonly onNotified: OnNotified;
  readonly notify?: Notify;
}

/** `suspects` are folders that are new or may have been replaced; `all` also takes a look at the others. */
export type CheckScope = 'suspects' | 'all';

/** Each costs some 5 KB of memory and one of the user's inotify watches; folders beyond that are only polled. */
const MOST_FOLDERS = 4_096;
/**
 * How many folders that seem to be well one check looks at; with more, they take turns. With one check a second, 64
 * would cost 1.5 % of a core.
 */
const WELL_PER_CHECK = 16;

/** Watches folders, some of which may be missing. */
export class FolderNotifications {
  readonly #options: FolderNotificationsOptions;
  readonly #watched = new Map<string, WatchedFolder>();
  #due: CheckScope | undefined;
  #checking: Promise<void> | undefined;
  #turn = 0;
  #isClosed = false;

  constructor(options: FolderNotificationsOptions) {
    this.#options = options;
  }

  /** Asks again which folders matter, and sees to it in the background that they are watched. */
  check(scope: CheckScope): void {
    if (this.#isClosed) return;
    if (this.#due !== 'all') this.#due = scope;
    this.#checking ??= this.#checkWhileDue();
  }

  /** Leaves no watch behind. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const folder of this.#watched.values()) folder.close();
    await this.#checking;
  }

  async #checkWhileDue(): Promise<void> {
    let isNews = false;
    await Promise.resolve();
    for (let due = this.#takeDue(); due !== undefined; due = this.#takeDue()) {
      this.#follow();
      isNews = (await this.#arm(this.#toCheck(due))) || isNews;
    }
    this.#checking = undefined;
    if (isNews && !this.#isClosed) this.#options.onNotified();
  }

  #takeDue(): CheckScope | undefined {
    const due = this.#isClosed ? undefined : this.#due;
    this.#due = undefined;
    return due;
  }

  #follow(): void {
    const { notify = watch, onNotified } = this.#options;
    const wanted = this.#wanted();
    for (const [path, folder] of this.#watched) {
      if (wanted.has(path)) continue;
      folder.close();
      this.#watched.delete(path);
    }
    for (const path of wanted) {
      if (!this.#watched.has(path)) this.#watched.set(path, new WatchedFolder(path, notify, onNotified));
    }
  }

  /** The folders so far when they cannot be told: a fault in telling them ends neither the watch nor the process. */
  #wanted(): ReadonlySet<string> {
    const wanted = new Set<string>();
    try {
      for (const path of this.#options.folders()) {
        wanted.add(path);
        if (wanted.size === MOST_FOLDERS) break;
      }
      return wanted;
    } catch {
      return new Set(this.#watched.keys());
    }
  }

  #toCheck(scope: CheckScope): readonly WatchedFolder[] {
    const folders = [...this.#watched.values()];
    const suspects = folders.filter(({ isSuspect }) => isSuspect);
    if (scope === 'suspects') return suspects;
    const others = folders.filter(({ isSuspect }) => !isSuspect);
    if (this.#turn >= others.length) this.#turn = 0;
    const turn = others.slice(this.#turn, this.#turn + WELL_PER_CHECK);
    this.#turn += turn.length;
    return [...suspects, ...turn];
  }

  /** @returns whether any is watched anew */
  async #arm(folders: readonly WatchedFolder[]): Promise<boolean> {
    let isNews = false;
    let isExhausted = false;
    for (const folder of folders) {
      // No more watches to be had: asking for each of thousands would only cost time.
      if (isExhausted && !folder.isComplete) continue;
      const outcome = await folder.arm();
      isNews ||= outcome === 'armed';
      isExhausted ||= outcome === 'exhausted';
    }
    return isNews;
  }
}
