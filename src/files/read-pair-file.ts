/** A file of a pair as it was read: its content and, from the same open file, whose it is and who may read it. */
import { close, fstat, open, read, type Stats } from 'node:fs';
import { resolve } from 'node:path';
import { isTlsmithError, TlsmithError } from '../errors.js';
import { fileError } from './file-errors.js';

/** Far above any chain; a path such as `/dev/zero` ends here. */
const LARGEST_BYTES = 1_048_576;

/** What a path is for in messages, such as `Private key`. */
export type FileRole = string;

/** Where the file that a path leads to lies now. */
export type Locate = (path: string) => Promise<string>;

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
  locate: Locate = asGiven,
): Promise<PairFile> {
  const path = resolve(givenPath);
  try {
    const location = await locate(path);
    const file = await opened(location);
    try {
      return { path, location, ...(await readWhole(file, `${role} ${path}`)) };
    } finally {
      await closed(file);
    }
  } catch (error) {
    throw isTlsmithError(error) ? error : await fileError(error, path, role);
  }
}

function asGiven(path: string): Promise<string> {
  return Promise.resolve(path);
}

/** By pieces, because a pipe says nothing about its length. Of an ordinary file a piece that is not full is the last. */
async function readWhole(file: number, origin: string): Promise<{ bytes: Buffer; stats: Stats }> {
  const stats = await statOf(file);
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
