/** Why a file could not be read, in words a person can act on. */
import type { Stats } from 'node:fs';
import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { codeOf, messageOf, TlsmithError } from '../errors.js';
import { foldersAbove, octalMode } from './permissions.js';

const NAMES_SHOWN = 8;
/** As many links as Linux follows. */
const LONGEST_CHAIN = 40;

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
          hint: `Check the path.${mountAdvice(dirname(resolve(path)))}`,
        },
      );
    case 'EISDIR':
      return new TlsmithError('TLS_FILE_IS_DIRECTORY', `${role} ${path} is a folder, not a file.`, {
        ...facts,
        hint: 'Docker creates an empty folder when the host file of a volume mapping is missing; check the left side of the mapping.',
      });
    case 'EACCES':
    case 'EPERM':
      return unreadable(path, role, error);
    case 'ELOOP':
      return new TlsmithError('TLS_FILE_UNREADABLE', `${role} ${path} is a link that leads back to itself.`, {
        ...facts,
        hint: `Follow it with: namei ${path}`,
      });
    default:
      return new TlsmithError('TLS_FILE_UNREADABLE', `${role} ${path} cannot be read: ${messageOf(error)}.`, {
        ...facts,
        hint: 'Look at the disk or network that it lies on; it is read again by itself.',
      });
  }
}

async function unreadable(path: string, role: string, cause: unknown): Promise<TlsmithError> {
  const closed = await closedFolder(path);
  // Of a link nobody's rights count but those of what it leads to.
  const stats = await stat(path).catch(() => lstat(path).catch(() => undefined));
  const why =
    closed === undefined
      ? describe(stats)
      : `the folder ${closed.path} is closed to it (${describe(closed.stats)})`;
  return new TlsmithError(
    'TLS_FILE_UNREADABLE',
    `${role} ${path} cannot be read: ${why}, ${ownIdentity()}.`,
    {
      path,
      cause,
      hint: closed === undefined ? fileHint(path, stats) : folderHint(closed.path),
    },
  );
}

function fileHint(path: string, stats: Stats | undefined): string {
  if (stats !== undefined && stats.uid === ownId('uid')) {
    return `chmod 600 ${path}: it belongs to the user of this process, but its mode keeps even him out.`;
  }
  return `Prefer: chown ${ownId('uid')} ${path}; or chgrp ${ownId('gid')} and chmod 640; in Kubernetes fsGroup with defaultMode 0440. Making it world-readable (644) works but lets every local user copy the key.`;
}

function folderHint(folder: string): string {
  const opening = `chgrp ${ownId('gid')} ${folder} and chmod 750, the key itself 640 with the same group`;
  if (!/\/(live|archive)(\/|$)/.test(folder)) return `Let the process in: ${opening}.`;
  return `certbot keeps live and archive for root alone. Let a deploy hook (certbot renew --deploy-hook) copy the pair to where this user may read it; or open both folders: ${opening}; or let acme() order the certificate.`;
}

/** Nobody mounts over the root. */
function mountAdvice(folder: string): string {
  const name = basename(folder);
  return name === '' ? '' : ` In a container, check that the folder is mounted: -v ./${name}:${folder}:ro`;
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

/** The first folder on the way to `path` that this process may not pass, links followed. */
async function closedFolder(
  path: string,
  linksLeft = LONGEST_CHAIN,
): Promise<{ path: string; stats: Stats } | undefined> {
  for (const folder of foldersAbove(path)) {
    const stats = await stat(folder).catch(() => undefined);
    if (stats === undefined) return behindLink(folder, linksLeft);
    if (!maySearch(stats)) return { path: folder, stats };
  }
  return behindLink(path, linksLeft);
}

async function behindLink(
  path: string,
  linksLeft: number,
): Promise<{ path: string; stats: Stats } | undefined> {
  const target = await readlink(path).catch(() => undefined);
  if (target === undefined || linksLeft === 0) return undefined;
  return closedFolder(resolve(dirname(path), target), linksLeft - 1);
}

function describe(stats: Stats | undefined): string {
  if (stats === undefined) return 'it may not even be looked at';
  return `owner ${stats.uid}:${stats.gid} mode ${octalMode(stats)}`;
}

/** By the modes alone: root without its capabilities, as in many containers, has no more rights than they say. */
function maySearch(stats: Stats): boolean {
  const shift = stats.uid === ownId('uid') ? 6 : (process.getgroups?.() ?? []).includes(stats.gid) ? 3 : 0;
  return ((stats.mode >> shift) & 1) === 1;
}

function ownIdentity(): string {
  return `this process is ${ownId('uid')}:${ownId('gid')}`;
}

function ownId(kind: 'uid' | 'gid'): number {
  return (kind === 'uid' ? process.getuid?.() : process.getgid?.()) ?? -1;
}
