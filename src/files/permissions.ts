/** What owners and modes say about files, and the folders that lead to them. */
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';

/** The folders above `path`, the root first. */
export function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [] : [...foldersAbove(folder), folder];
}

/** As `ls` and `chmod` have it, such as `0644`. */
export function octalMode({ mode }: Pick<Stats, 'mode'>): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
