/**
 * What tells a file from the one before, cheaply: a folder of 10,000 pairs is 20,000 of them at every look. (The
 * signature of file-signature.ts is more exact to the nanosecond and costs five times as much.)
 */
import { stat, type Stats, statSync } from 'node:fs';
import { codeOf } from '../../errors.js';

/** Kernels stamp files with the time of their last tick; what has just changed may change again within it. */
const TICK_MS = 20;
/** FAT and old network file systems count seconds, or every second one. */
const COARSE_TICK_MS = 2_500;

/** The stamp of a file that is not there. */
export const MISSING = '-';
/** The stamp of what could never be read to an end: a pipe, a device. */
export const SPECIAL = '!special';

/** Changes whenever the file does, links followed. Never rejects. */
export function stampOf(path: string): Promise<string> {
  return new Promise((resolve) => {
    stat(path, (error, stats) => {
      resolve(error === null ? stampFrom(stats) : stampOfError(error));
    });
  });
}

/** Whether the first of the stamps in `stamps` is that of the file now. Without a promise: it is asked 10,000 times. */
export function sameStamp(path: string, stamps: string, answered: (isSame: boolean) => void): void {
  stat(path, (error, stats) => {
    answered(stamps.startsWith(`${error === null ? stampFrom(stats) : stampOfError(error)}|`));
  });
}

/** The same at once, for files on a local disk. */
export function sameStampNow(path: string, stamps: string): boolean {
  return stamps.startsWith(`${stampNow(path)}|`);
}

/** What the stamps of all files on the same device begin with; nothing when there was no file. */
export function deviceOf(stamp: string): string {
  return stamp.slice(0, stamp.indexOf('.') + 1);
}

/** {@link stampOf} at once, for files on a local disk. */
export function stampNow(path: string): string {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats === undefined ? MISSING : stampFrom(stats);
  } catch (error) {
    return stampOfError(error);
  }
}

function stampOfError(error: unknown): string {
  const code = codeOf(error) ?? '';
  return code === 'ENOENT' || code === 'ENOTDIR' ? MISSING : `!${code}`;
}

function stampFrom(stats: Stats): string {
  if (!stats.isFile() && !stats.isDirectory()) return SPECIAL;
  const { dev, ino, size, mtimeMs, ctimeMs } = stats;
  const fields = [dev, ino, size, microseconds(mtimeMs), microseconds(ctimeMs)];
  // Joined, and in few digits: a template would be kept as the tree of all its pieces, for each of 20,000 files.
  return fields.map((field) => field.toString(36)).join('.') + (mayChangeUnseen(stats) ? '~' : '');
}

function microseconds(ms: number): number {
  return Math.round(ms * 1_000);
}

/** Whether a further change now might leave the same times; then the stamp changes once more when the tick is over. */
function mayChangeUnseen({ mtimeMs, ctimeMs }: Stats): boolean {
  const tickMs = mtimeMs % 1_000 === 0 && ctimeMs % 1_000 === 0 ? COARSE_TICK_MS : TICK_MS;
  // Not the server's clock: files are stamped by the system's.
  return Math.abs(Date.now() - Math.max(mtimeMs, ctimeMs)) < tickMs;
}
