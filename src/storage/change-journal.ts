/**
 * How processes on one folder hear of each other's writes: every write appends its key to a journal, and whoever
 * watches reads what was added, four times a second. That costs the same for ten keys as for ten thousand, and works
 * where notifications do not (network file systems, mounts of virtual machines).
 */
import { appendFile, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.js';
import { codeOf } from '../errors.js';
import { ensureFolder } from './durable-files.js';
import { type JournalPosition, isJournal } from './journal-position.js';

const POLL_MS = 250;
/** A full journal is followed by the next; the one before the newest stays for those still reading it. */
const FULL_BYTES = 262_144;
const FIRST = '0000000001';

/** Tells whoever watches that `key` has changed. Never rejects: the write itself is done. */
export async function announceChange(folder: string, key: string): Promise<void> {
  try {
    await ensureFolder(folder);
    await appendFile(join(folder, await openJournal(folder)), `${key}\n`, { mode: 0o600 });
  } catch {
    // A full disk: watchers learn of it with the next change.
  }
}

/** What a journal has to say to one follower, who must not throw. */
export interface Follower {
  /** Called with the keys written or deleted since the last call, each once. */
  onKeys(keys: ReadonlySet<string>): void;
  /** Called when changes may have been missed, because this process was stopped for long. */
  onGap(): void;
}

/** Where to read, from where on, and by whose time. */
export interface Reading {
  readonly folder: string;
  readonly position: JournalPosition;
  readonly clock: Clock;
}

/** Follows the journals in a folder from a position on. @returns a function that stops it */
export function followChanges({ folder, position, clock }: Reading, follower: Follower): () => void {
  let offsets = position;
  let isStopped = false;
  let timer: unknown;
  const poll = async (): Promise<void> => {
    try {
      const read = await readNews(folder, offsets);
      if (hasStopped()) return;
      const isGap = offsets.size > 0 && ![...offsets.keys()].some((name) => read.offsets.has(name));
      offsets = read.offsets;
      if (isGap) follower.onGap();
      if (read.keys.size > 0) follower.onKeys(read.keys);
    } catch {
      // Unreadable for the moment: what is missed now is read later, from the same offset.
    }
    arm();
  };
  const hasStopped = (): boolean => isStopped;
  const arm = (): void => {
    if (!isStopped) timer = clock.setTimeout(() => void poll(), POLL_MS);
  };
  arm();
  return () => {
    isStopped = true;
    clock.clearTimeout(timer);
  };
}

interface News {
  readonly keys: Set<string>;
  readonly offsets: Map<string, number>;
}

async function readNews(folder: string, known: JournalPosition): Promise<News> {
  const news: News = { keys: new Set(), offsets: new Map() };
  for (const name of await journals(folder)) {
    const { size } = await stat(join(folder, name));
    const last = known.get(name) ?? 0;
    const from = last > size ? 0 : last;
    const lines = size > from ? await readLines(join(folder, name), from, size) : '';
    for (const key of lines.split('\n')) if (key !== '') news.keys.add(key);
    news.offsets.set(name, from + lines.length);
  }
  return news;
}

/** Whole lines only. Keys are ASCII, so characters are bytes. */
async function readLines(path: string, from: number, to: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(to - from), 0, to - from, from);
    const text = buffer.toString('latin1', 0, bytesRead);
    return text.slice(0, text.lastIndexOf('\n') + 1);
  } finally {
    await file.close();
  }
}

async function openJournal(folder: string): Promise<string> {
  const names = await journals(folder);
  const newest = names.at(-1);
  if (newest === undefined) return FIRST;
  if ((await stat(join(folder, newest))).size < FULL_BYTES) return newest;
  for (const name of names.slice(0, -1)) await rm(join(folder, name), { force: true });
  return String(Number(newest) + 1).padStart(FIRST.length, '0');
}

/** Oldest first. */
async function journals(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter(isJournal).sort();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
