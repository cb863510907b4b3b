/** A file of a pair as it was read: its content and, from the same open file, whose it is and who may read it. */
import type { Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
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
    const file = await open(location);
    try {
      return { path, location, bytes: await readWhole(file, `${role} ${path}`), stats: await file.stat() };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw isTlsmithError(error) ? error : await fileError(error, path, role);
  }
}

function asGiven(path: string): Promise<string> {
  return Promise.resolve(path);
}

/** By pieces, because a pipe says nothing about its length. */
async function readWhole(file: FileHandle, origin: string): Promise<Buffer> {
  const { size } = await file.stat();
  if (size > LARGEST_BYTES) throw tooLarge(origin);
  const pieces: Buffer[] = [];
  let length = 0;
  for (;;) {
    const piece = Buffer.alloc(Math.max(4_096, size - length + 1));
    const { bytesRead } = await file.read(piece, 0, piece.length, null);
    if (bytesRead === 0) return Buffer.concat(pieces);
    length += bytesRead;
    if (length > LARGEST_BYTES) throw tooLarge(origin);
    pieces.push(piece.subarray(0, bytesRead));
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
