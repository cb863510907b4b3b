/** Errors of the file system, turned into what a person needs to know: which folder, whose, with which mode, and who we are. */
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TlsmithError, codeOf, messageOf } from '../errors.js';

/** Runs `operation`; an error of the file system becomes `STORAGE_UNREADABLE`. */
export async function reading<T>(folder: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (!isOfFileSystem(error)) throw error;
    throw new TlsmithError(
      'STORAGE_UNREADABLE',
      `The storage folder ${folder} could not be read by ${who()} (${messageOf(error)}). ${await describe(folder)}`,
      { path: folder, cause: error, hint: hintFor(codeOf(error)) },
    );
  }
}

/** Runs `operation`; an error of the file system becomes `STORAGE_NOT_WRITABLE`. */
export async function writing<T>(folder: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (!isOfFileSystem(error)) throw error;
    throw new TlsmithError(
      'STORAGE_NOT_WRITABLE',
      `The storage folder ${folder} could not be written by ${who()} (${messageOf(error)}). ${await describe(folder)}`,
      { path: folder, cause: error, hint: hintFor(codeOf(error)) },
    );
  }
}

function isOfFileSystem(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'syscall' in error && codeOf(error) !== undefined;
}

function who(): string {
  return process.getuid ? `uid ${process.getuid()}` : 'this user';
}

/** Owner and mode of the folder, or of the nearest one above it that exists. */
async function describe(folder: string): Promise<string> {
  const { path, stats } = await nearestExisting(folder);
  if (stats === undefined) return `${path} does not exist.`;
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
  const kind = stats.isDirectory() ? '' : ' and is no folder';
  const missing = path === folder ? '' : ', the nearest folder that exists,';
  return `${path}${missing} has mode ${mode}, owner uid ${stats.uid}, group gid ${stats.gid}${kind}.`;
}

async function nearestExisting(path: string): Promise<{ path: string; stats?: Stats }> {
  try {
    return { path, stats: await stat(path) };
  } catch {
    return dirname(path) === path ? { path } : nearestExisting(dirname(path));
  }
}

function hintFor(code: string | undefined): string {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'The disk or the quota is full: free some space. What was stored before is intact.';
    case 'EROFS':
      return 'The file system is mounted read-only: mount a writable volume there or name another folder, fileStorage(directory).';
    case 'ENOTDIR':
      return 'A file is where a folder should be: move it away or name another folder, fileStorage(directory).';
    case 'ENOTSUP':
    case 'ENOSYS':
    case 'EMLINK':
      return 'The file system must support hard links (FAT and some network shares do not): name a folder elsewhere, fileStorage(directory).';
    case 'EACCES':
    case 'EPERM':
      return 'Give the folder and what is in it to the user of this process (chown -R), or name another folder, fileStorage(directory). A file system without hard links also answers EPERM.';
    default:
      return 'Check the disk, its mount and the limits of this process, or name another folder, fileStorage(directory).';
  }
}
