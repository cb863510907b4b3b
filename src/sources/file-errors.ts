/** Why a file could not be read, in words a person can act on. */
import type { Stats } from 'node:fs';
import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { codeOf, messageOf, TlsmithError } from '../errors.js';

const NAMES_SHOWN = 8;

/** The coded form of an error of `readFile` on `path`, which plays `role` ("Private key"). */
export async function fileError(error: unknown, path: string, role: string): Promise<TlsmithError> {
  const facts = { path, cause: error };
  switch (codeOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new TlsmithError(
        'TLS_FILE_NOT_FOUND',
        `${role} ${path} does not exist. ${await surroundingsOf(path)}`,
        {
          ...facts,
          hint: `Check the path. In a container, check that the folder is mounted: -v ./${basename(dirname(path))}:${dirname(path)}:ro`,
        },
      );
    case 'EISDIR':
      return new TlsmithError('TLS_FILE_IS_DIRECTORY', `${role} ${path} is a folder, not a file.`, {
        ...facts,
        hint: 'Docker creates an empty folder when the host file of a volume mapping is missing; check the left side of the mapping.',
      });
    case 'EACCES':
    case 'EPERM':
      return new TlsmithError(
        'TLS_FILE_UNREADABLE',
        `${role} ${path} cannot be read: ${await ownershipOf(path)}.`,
        {
          ...facts,
          hint: `Prefer: chown ${ownId('uid')} ${path}; or chgrp ${ownId('gid')} and chmod 640; in Kubernetes fsGroup with defaultMode 0440. Making it world-readable (644) works but lets every local user copy the key.`,
        },
      );
    default:
      return new TlsmithError(
        'TLS_FILE_UNREADABLE',
        `${role} ${path} cannot be read: ${messageOf(error)}.`,
        facts,
      );
  }
}

async function surroundingsOf(path: string): Promise<string> {
  const target = await readlink(path).catch(() => undefined);
  if (target !== undefined) return `It is a link to ${target}, which is missing.`;
  const folder = dirname(path);
  const names = await readdir(folder).catch(() => undefined);
  if (names === undefined) return `The folder ${folder} does not exist or cannot be listed.`;
  if (names.length === 0) return `The folder ${folder} exists and is empty.`;
  const more = names.length > NAMES_SHOWN ? `, and ${names.length - NAMES_SHOWN} more` : '';
  return `The folder ${folder} exists and contains: ${names.slice(0, NAMES_SHOWN).join(', ')}${more}.`;
}

async function ownershipOf(path: string): Promise<string> {
  const process = `this process is ${ownId('uid')}:${ownId('gid')}`;
  for (const folder of foldersAbove(path)) {
    const stats = await stat(folder).catch(() => undefined);
    if (stats === undefined) break;
    if (!maySearch(stats)) return `the folder ${folder} is closed to it (${describe(stats)}), ${process}`;
  }
  const stats = await lstat(path).catch(() => undefined);
  return stats === undefined ? process : `${describe(stats)}, ${process}`;
}

function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [] : [...foldersAbove(folder), folder];
}

function describe(stats: Stats): string {
  return `owner ${stats.uid}:${stats.gid} mode ${(stats.mode & 0o7777).toString(8).padStart(4, '0')}`;
}

function maySearch(stats: Stats): boolean {
  if (ownId('uid') === 0) return true;
  const shift = stats.uid === ownId('uid') ? 6 : (process.getgroups?.() ?? []).includes(stats.gid) ? 3 : 0;
  return ((stats.mode >> shift) & 1) === 1;
}

function ownId(kind: 'uid' | 'gid'): number {
  return (kind === 'uid' ? process.getuid?.() : process.getgid?.()) ?? -1;
}
