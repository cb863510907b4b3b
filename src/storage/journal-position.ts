/** How far the journals of a storage had been written at some moment: the bytes of each, by its name. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const NAME = /^\d{10}$/;

/** Bytes of each journal, by its name. */
export type JournalPosition = ReadonlyMap<string, number>;

/** The folder of a storage's journals. `~` is in no folder of a key. */
export function journalIn(root: string): string {
  return join(root, '~changes');
}

/** Whether a file in that folder is a journal. */
export function isJournal(name: string): boolean {
  return NAME.test(name);
}

/** Where the journals stand now. Synchronous, so that a change right after `watch()` is not taken for an old one. */
export function journalPosition(folder: string): JournalPosition {
  try {
    return new Map(
      readdirSync(folder)
        .filter(isJournal)
        .map((name) => [name, statSync(join(folder, name)).size]),
    );
  } catch {
    return new Map();
  }
}
