/** A file of a pair as it was read: its content and, from the same open file, whose it is and who may read it. */
import { close, closeSync, constants, fstat, fstatSync, open, openSync, read, type Stats } from 'node:fs';
import { resolve } from 'node:path';
import { isTlsmithError, TlsmithError } from '../errors.js';
import { fileError } from './file-errors.js';

/** Far above any chain; a path such as `/dev/zero` ends here. */
const LARGEST_BYTES = 1_048_576;

/** What a path is for in messages, such as `Private key`. */
export type FileRole = string;

/** Where the file that a path leads to lies now. */
export type Locate = (path: string) => Promise<string>;

/** How to read a file. */
export interface ReadPairFileOptions {
  /** Undefined: the file is where its path says. */
  readonly locate?: Locate | undefined;
  /** Whether it was an ordinary file on a disk of this machine a moment ago: then only its content is waited for. */
  readonly isOnLocalDisk?: boolean;
}

/** A file that was read. */
export interface PairFile {
  /** As it was given, absolute. */
  readonly path: string;
  /** `path` behind all links, as far as {@link Locate} follows them. */
  readonly location: string;
  readonly bytes: Buffer;
  readonly stats: Stats;
}

/**
 * Reads a file whole.
 * @throws {@link TlsmithError} with `TLS_FILE_NOT_FOUND`, `TLS_FILE_IS_DIRECTORY`, `TLS_FILE_UNREADABLE`, or
 * `TLS_PEM_INVALID` for more than 1 MiB
 */
export async function readPairFile(
  givenPath: string,
  role: FileRole,
  { locate = asGiven, isOnLocalDisk = false }: ReadPairFileOptions = {},
): Promise<PairFile> {
  const path = resolve(givenPath);
  try {
    const location = await locate(path);
    const here = isOnLocalDisk ? await readNow(location, `${role} ${path}`) : undefined;
    return { path, location, ...(here ?? (await readLater(location, `${role} ${path}`))) };
  } catch (error) {
    throw isTlsmithError(error) ? error : await fileError(error, path, role);
  }
}

function asGiven(path: string): Promise<string> {
  return Promise.resolve(path);
}

/** What is in a file, and what is said about it. */
type Content = Pick<PairFile, 'bytes' | 'stats'>;

/** By threads alone, because nobody knows how long opening the file takes. */
async function readLater(location: string, origin: string): Promise<Content> {
  const file = await opened(location);
  try {
    return await readWhole(file, await statOf(file), origin);
  } finally {
    await closed(file);
  }
}

/**
 * What the kernel knows of a file that was looked at just before is in its memory: asking a thread for it would take
 * longer than the answer. Only the content may still have to come from the disk. Undefined when the file has become
 * something else, such as a pipe, which is not waited for here.
 */
async function readNow(location: string, origin: string): Promise<Content | undefined> {
  const file = openSync(location, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(file);
    return stats.isFile() ? await readWhole(file, stats, origin) : undefined;
  } finally {
    closeSync(file);
  }
}

/** By pieces, because a pipe says nothing about its length. Of an ordinary file a piece that is not full is the last. */
async function readWhole(file: number, stats: Stats, origin: string): Promise<Content> {
  const { size } = stats;
  if (size > LARGEST_BYTES) throw tooLarge(origin);
  const pieces: Buffer[] = [];
  let length = 0;
  for (;;) {
    const piece = Buffer.alloc(Math.max(4_096, size - length + 1));
    const byteCount = await readInto(piece, file);
    length += byteCount;
    if (length > LARGEST_BYTES) throw tooLarge(origin);
    pieces.push(piece.subarray(0, byteCount));
    if (byteCount === 0 || (stats.isFile() && byteCount < piece.length))
      return { bytes: Buffer.concat(pieces), stats };
  }
}

function tooLarge(origin: string): TlsmithError {
  return new TlsmithError(
    'TLS_PEM_INVALID',
    `${origin} is larger than 1 MiB, which no certificate or key is.`,
    {
      hint: 'Give the file with the certificate or key itself; trust stores and archives are not read.',
    },
  );
}

// A client waits for two of these files, and each step by a FileHandle would cost as much again as the system takes.

function opened(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, 'r', (error, file) => {
      if (error === null) resolve(file);
      else reject(error);
    });
  });
}

function statOf(file: number): Promise<Stats> {
  return new Promise((resolve, reject) => {
    fstat(file, (error, stats) => {
      if (error === null) resolve(stats);
      else reject(error);
    });
  });
}

function readInto(buffer: Buffer, file: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(file, buffer, 0, buffer.length, null, (error, byteCount) => {
      if (error === null) resolve(byteCount);
      else reject(error);
    });
  });
}

/** What was only read cannot be lost by closing it. */
function closed(file: number): Promise<void> {
  return new Promise((resolve) => {
    close(file, () => {
      resolve();
    });
  });
}
