/** Clearing up the folder of a key: staged writes that can no longer win, generations beyond the newest two. */
import { readdir, rm, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../errors.js';
import {
  type GenerationName,
  type KeyFolder,
  damagedPath,
  generationPath,
  readKeyFolder,
} from './key-folder.js';

/** The newest is served; the one before it stands in when the newest is found damaged. */
const KEPT_GENERATIONS = 2;
/** Evidence for a person. */
const KEPT_DAMAGED = 2;

/**
 * Removes what is no longer needed. The order matters: staged writes first (see generations.ts), then oldest
 * generations first, so that being killed in between never brings an older value back.
 */
export async function sweep(folder: string): Promise<void> {
  const found = await readKeyFolder(folder);
  for (const { path, after } of found.staged) if (after < found.top) await rm(path, { force: true });
  const kept = keptNumbers(found);
  for (const generation of found.generations.toReversed()) {
    if (!kept.has(generation.number)) await removeGeneration(folder, generation);
  }
  const keptDamaged = found.isDeleted ? 0 : KEPT_DAMAGED;
  for (const number of found.damaged.slice(keptDamaged))
    await rm(damagedPath(folder, number), { force: true });
}

/** The top always stays, whatever it is: its number must not be given out twice. */
function keptNumbers({ top, generations, damaged }: KeyFolder): Set<number> {
  const kept = new Set([top]);
  let intact = 0;
  for (const { number, isTombstone } of generations) {
    if (isTombstone || intact === KEPT_GENERATIONS) break;
    if (damaged.includes(number)) continue;
    kept.add(number);
    intact += 1;
  }
  return kept;
}

async function removeGeneration(folder: string, { number, isTombstone }: GenerationName): Promise<void> {
  const path = generationPath(folder, number);
  try {
    if (!isTombstone) {
      await unlink(path);
      return;
    }
    for (const name of await readdir(path)) await rm(join(path, name), { force: true });
    await rmdir(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTEMPTY') throw error;
  }
}
