/**
 * What is in the folder of a key, read from the names alone:
 * - `0000000007~gen`: generation 7, a file; or a folder, when generation 7 says "deleted"
 * - `0000000007~damaged`: a second name of generation 7, which failed its checksum and is skipped
 * - `0000000007.<random>~tmp`: a write that is to become generation 8
 * Names of leases (file-lease.ts) and the folders of longer keys live beside them.
 */
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../errors.js';

/** The generations of a key. */
export interface KeyFolder {
  /** The highest number in use; 0 when there is none. */
  readonly top: number;
  /** Whether the highest generation says "deleted". */
  readonly isDeleted: boolean;
  /** Newest first. */
  readonly generations: readonly GenerationName[];
  /** Numbers of the generations set aside, newest first. */
  readonly damaged: readonly number[];
  /** Writes under way or left behind by a killed process. */
  readonly staged: readonly StagedName[];
}

/** A generation, by its name. */
export interface GenerationName {
  readonly number: number;
  /** Whether it says "deleted". */
  readonly isTombstone: boolean;
}

/** A write that is not yet a generation. */
export interface StagedName {
  readonly path: string;
  /** The generation it is to follow. */
  readonly after: number;
}

const NAME = /^(\d{10,16})(?:~(gen|damaged)|\.[0-9a-f]+~(tmp))$/;

/** Reads the folder of a key; a folder that does not exist is an empty one. */
export async function readKeyFolder(folder: string): Promise<KeyFolder> {
  const generations: GenerationName[] = [];
  const damaged: number[] = [];
  const staged: StagedName[] = [];
  for (const entry of await entriesOf(folder)) {
    const [, digits, kind, tmp] = NAME.exec(entry.name) ?? [];
    const number = Number(digits);
    if (kind === 'gen') generations.push({ number, isTombstone: entry.isDirectory() });
    if (kind === 'damaged') damaged.push(number);
    if (tmp !== undefined) staged.push({ path: join(folder, entry.name), after: number });
  }
  generations.sort((a, b) => b.number - a.number);
  damaged.sort((a, b) => b - a);
  const newest = generations[0];
  const top = Math.max(newest?.number ?? 0, damaged[0] ?? 0);
  return {
    top,
    isDeleted: newest?.isTombstone === true && newest.number === top,
    generations,
    damaged,
    staged,
  };
}

/** The names in a folder; none when it does not exist. */
export async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Where generation `number` is. */
export function generationPath(folder: string, number: number): string {
  return join(folder, `${digitsOf(number)}~gen`);
}

/** Where generation `number` is kept once it was found damaged. */
export function damagedPath(folder: string, number: number): string {
  return join(folder, `${digitsOf(number)}~damaged`);
}

/**
 * A new place to prepare what is to follow the top generation. Upon a tombstone it is inside the tombstone, so
 * that a tombstone on which someone builds cannot be removed.
 */
export function stagingPath(folder: string, { top, isDeleted }: KeyFolder): string {
  const name = `${digitsOf(top)}.${randomBytes(8).toString('hex')}~tmp`;
  return isDeleted ? join(generationPath(folder, top), name) : join(folder, name);
}

/** Padded, so that a listing is in order. */
function digitsOf(number: number): string {
  return String(number).padStart(10, '0');
}
