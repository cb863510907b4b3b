/**
 * Notices that files have changed, whatever has changed them: notifications of the operating system for whole
 * folders, and polling for where there are none. Only folders are watched, because a watch on a file ends with the
 * first rename over it and never sees the `..data` swap of Kubernetes.
 *
 * No package does this. chokidar 4.0.3 watches every file (for 20,000 files: 20,001 inotify watches, 90 MB, 2 s of
 * CPU; here one watch, under 1 MB) and sees nothing more of a folder that was replaced by rename. @parcel/watcher is
 * native code, does not poll, refuses a folder that does not exist yet and is as blind after a replacement. Both tell
 * which files have changed, which nobody here needs: the source compares signatures on every poll anyway.
 */
import type { Clock } from '../clock.js';
import { Debounce } from './folder-debounce.js';
import { FolderNotifications, type Notify } from './folder-notifications.js';
import { NamedChanges } from './named-changes.js';

/** What is watched, and what is done about it. `folders` and `pollMs` are called often and must not throw. */
export interface FolderWatchOptions {
  readonly clock: Clock;
  /**
   * Absolute paths of the folders to be notified of, the first 4,096 of them; asked again after every look, so links
   * may lead elsewhere then.
   */
  readonly folders: () => Iterable<string>;
  /** Milliseconds until the next poll, asked each time. */
  readonly pollMs: () => number;
  /**
   * Looks at what has changed. Never called while an earlier call runs; calls are merged and debounced. `notified`
   * says that something may have changed since the last look, `polled` that nothing is known. Rejections are
   * dropped, except those of a look asked for by {@link FolderWatch.lookNow}: the next poll looks again.
   */
  readonly look: (why: LookReason) => Promise<void>;
  /**
   * Told of the files that notifications name, ahead of the look and also while one runs; not in a storm. Must not
   * throw.
   */
  readonly named?: (paths: ReadonlySet<string>) => void;
  /** Replaces `fs.watch`, in tests. */
  readonly notify?: Notify;
}

/** Why a look is due. */
export type LookReason = 'notified' | 'polled';

const SHORTEST_POLL_MS = 20;
const LONGEST_POLL_MS = 3_600_000;
/** After a look it rests as long as the look took, so that a storm never takes more than half of the time. */
const LONGEST_REST_MS = 2_000;

/** Keeps looking at folders, from {@link FolderWatch.start} until {@link FolderWatch.close}. Keeps no process alive. */
export class FolderWatch {
  readonly #options: FolderWatchOptions;
  readonly #notifications: FolderNotifications;
  readonly #debounce: Debounce;
  readonly #named: NamedChanges | undefined;
  #isStarted = false;
  #isClosed = false;
  /** The look that is due, with whoever waits for it. */
  #due: DueLook | undefined;
  #looking: Promise<void> | undefined;
  #pollTimer: unknown;
  #restsUntil = 0;

  constructor(options: FolderWatchOptions) {
    const { clock, folders, named, notify } = options;
    this.#options = options;
    this.#debounce = new Debounce({
      clock,
      isHeld: () => this.#looking !== undefined || this.#isResting(),
      onRipe: () => {
        this.#want('notified');
      },
    });
    if (named !== undefined) this.#named = new NamedChanges(clock, named);
    this.#notifications = new FolderNotifications({
      folders,
      onNotified: (path) => {
        if (path !== undefined) this.#named?.add(path);
        this.#debounce.notify();
      },
      ...(notify === undefined ? {} : { notify }),
    });
  }

  /** Begins to watch and to poll. What changes before the watch stands is seen by a look once it does. */
  start(): void {
    if (this.#isStarted || this.#isClosed) return;
    this.#isStarted = true;
    this.#notifications.check('all');
    this.#armPoll();
  }

  /**
   * Waits for a look in flight, then looks. Calls that wait share one look. Also works before `start()`; does
   * nothing after `close()`.
   * @throws whatever the look rejects with
   */
  lookNow(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#want('notified').waiting.push({ resolve, reject });
    });
  }

  /** Ends it for good, waiting for a look in flight (so `look` must not wait for it). May be called again. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#options.clock.clearTimeout(this.#pollTimer);
    this.#debounce.close();
    this.#named?.close();
    await Promise.all([this.#notifications.close(), this.#looking]);
  }

  #want(why: LookReason): DueLook {
    this.#due ??= { why, waiting: [] };
    if (why === 'notified') this.#due.why = why;
    const due = this.#due;
    this.#looking ??= this.#lookWhileDue();
    return due;
  }

  async #lookWhileDue(): Promise<void> {
    // Whoever asked is to see the look as in flight before it begins.
    await Promise.resolve();
    for (let due = this.#takeDue(); due !== undefined; due = this.#takeDue()) await this.#look(due);
    this.#looking = undefined;
  }

  #takeDue(): DueLook | undefined {
    const due = this.#due;
    this.#due = undefined;
    if (!this.#isClosed) return due;
    for (const { resolve } of due?.waiting ?? []) resolve();
    return undefined;
  }

  async #look({ why, waiting }: DueLook): Promise<void> {
    const { clock, look } = this.#options;
    const began = clock.now();
    try {
      await look(why);
      for (const { resolve } of waiting) resolve();
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
    const took = clock.now() - began;
    this.#restsUntil = clock.now() + Math.min(Math.max(took, 0), LONGEST_REST_MS);
    if (this.#isStarted) this.#notifications.check('suspects');
  }

  /** A clock that was set back must not make it rest for longer. */
  #isResting(): boolean {
    const leftMs = this.#restsUntil - this.#options.clock.now();
    return leftMs > 0 && leftMs <= LONGEST_REST_MS;
  }

  #armPoll(): void {
    if (this.#isClosed) return;
    const { clock, pollMs } = this.#options;
    const waitMs = Math.min(Math.max(pollMs(), SHORTEST_POLL_MS), LONGEST_POLL_MS);
    this.#pollTimer = clock.setTimeout(() => void this.#poll(), waitMs);
  }

  async #poll(): Promise<void> {
    this.#notifications.check('all');
    this.#want('polled');
    await this.#looking;
    this.#armPoll();
  }
}

interface DueLook {
  why: LookReason;
  readonly waiting: Waiting[];
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}
