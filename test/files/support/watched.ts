// A folder watch whose looks note what they see, so that a test can say which state has to be noticed.
import { EventEmitter } from 'node:events';
import { type FSWatcher, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../src/clock.js';
import type { Notify } from '../../../src/files/folder-watched.js';
import { FolderWatch, type FolderWatchOptions, type LookReason } from '../../../src/files/folder-watch.js';
import { until } from '../../support/until.js';

/** No poll comes within a test. */
export const NEVER_MS = 3_600_000;

/** A watch with what its looks have seen. */
export interface Watched {
  readonly watch: FolderWatch;
  readonly looks: readonly LookReason[];
  /** Waits until a look has seen this as the last thing. */
  readonly sees: (state: unknown) => Promise<void>;
}

/** What of a {@link FolderWatch} a test chooses; `see` is what its looks see. */
export interface WatchedOptions extends Partial<Omit<FolderWatchOptions, 'folders' | 'look'>> {
  readonly folders: readonly string[] | (() => Iterable<string>);
  readonly see: () => unknown;
}

/** Gives `use` a watch that stands, and closes it afterwards. It polls only when told to. */
export async function withWatch(
  options: WatchedOptions,
  use: (watched: Watched) => Promise<void>,
): Promise<void> {
  const started = await watched(options);
  try {
    await use(started);
  } finally {
    await started.watch.close();
  }
}

/** Starts a watch, which the caller closes; with the system's clock it stands when this resolves. */
export async function watched({ folders, see, ...options }: WatchedOptions): Promise<Watched> {
  const looks: LookReason[] = [];
  let seen: string | undefined;
  const watch = new FolderWatch({
    clock: systemClock,
    pollMs: () => NEVER_MS,
    ...options,
    folders: typeof folders === 'function' ? folders : () => folders,
    look: (why) => {
      looks.push(why);
      seen = JSON.stringify(see());
      return Promise.resolve();
    },
  });
  watch.start();
  if (options.clock === undefined) await until(() => looks.length > 0, 'the look after the start');
  return {
    watch,
    looks,
    sees: (state) => {
      const wanted = JSON.stringify(state);
      return until(() => seen === wanted, `a look that sees ${wanted}`);
    },
  };
}

/** The names in a folder, sorted; undefined when there is none. */
export function namesIn(folder: string): string[] | undefined {
  try {
    return readdirSync(folder).sort();
  } catch {
    return undefined;
  }
}

/** The text of a file; undefined when there is none. */
export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** How many inotify watches this process has. */
export function inotifyWatches(): number {
  const lines = readdirSync('/proc/self/fdinfo').flatMap(
    (fd) => textOf(join('/proc/self/fdinfo', fd))?.split('\n') ?? [],
  );
  return lines.filter((line) => line.startsWith('inotify wd:')).length;
}

/** A stand-in for `fs.watch`. */
export interface FakeNotify {
  readonly notify: Notify;
  /** The paths watched now. */
  readonly open: () => readonly string[];
  /** How often a watch was asked for, also in vain. */
  readonly calls: () => number;
  /** Notifies whoever watches `path`. */
  emit(path: string, type: 'rename' | 'change', name: string | null): void;
  /** Breaks the watch on `path`, as `fs.watch` does when a folder goes on Windows. */
  fail(path: string): void;
}

/** Never notifies of itself; throws an error with the code that `refuse` gives for a path. */
export function fakeNotify(
  refuse: (path: string, open: number) => string | undefined = () => undefined,
): FakeNotify {
  const watchers = new Map<
    EventEmitter,
    { path: string; listener: (type: string, name: string | null) => void }
  >();
  const on = (path: string) => [...watchers].filter(([, entry]) => entry.path === path);
  let calls = 0;
  const notify = (
    path: string,
    _: unknown,
    listener: (type: string, name: string | null) => void,
  ): FSWatcher => {
    calls += 1;
    const code = refuse(path, watchers.size);
    if (code !== undefined) throw Object.assign(new Error(`${code}: watch '${path}'`), { code });
    const watcher = Object.assign(new EventEmitter(), { close: () => watchers.delete(watcher) });
    watchers.set(watcher, { path, listener });
    return watcher as unknown as FSWatcher;
  };
  return {
    notify: notify as Notify,
    open: () => Array.from(watchers.values(), ({ path }) => path).sort(),
    calls: () => calls,
    emit: (path, type, name) => {
      for (const [, { listener }] of on(path)) listener(type, name);
    },
    fail: (path) => {
      for (const [watcher] of on(path)) watcher.emit('error', new Error('EPERM: watch'));
    },
  };
}
