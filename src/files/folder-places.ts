/**
 * Where to listen for changes of a folder: in the folder itself, at the link that leads to it, or, while it is
 * missing, in the nearest folder above where it may appear.
 */
import type { BigIntStats } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

/** One folder to listen in. */
export interface Place {
  readonly path: string;
  /** Differs when another folder is at `path`. */
  readonly identity: string;
  /** The only entry of interest; without it, all are. */
  readonly entry?: string;
}

/** None when nothing can be found out, not even about the root. */
export async function placesFor(folder: string): Promise<readonly Place[]> {
  const { identity, isLink } = await seen(folder);
  if (identity === undefined) return placeAbove(folder);
  const own = { path: folder, identity };
  return isLink ? [own, ...(await placeAbove(folder))] : [own];
}

/** The nearest folder above `folder` that exists, waiting for what leads down to it. */
async function placeAbove(folder: string): Promise<readonly Place[]> {
  for (let entry = folder, path = dirname(entry); path !== entry; entry = path, path = dirname(entry)) {
    const { identity } = await seen(path);
    if (identity !== undefined) return [{ path, identity, entry: basename(entry) }];
  }
  return [];
}

interface Seen {
  /** Only of a folder, or of a link to one. */
  readonly identity?: string;
  readonly isLink: boolean;
}

async function seen(path: string): Promise<Seen> {
  try {
    const own = await lstat(path, { bigint: true });
    const isLink = own.isSymbolicLink();
    const stats = isLink ? await stat(path, { bigint: true }) : own;
    return stats.isDirectory() ? { identity: identityOf(stats), isLink } : { isLink };
  } catch {
    return { isLink: false };
  }
}

/** The time of birth, too: ext4 gives the inode of a removed folder to the next one made. */
function identityOf({ dev, ino, birthtimeNs }: BigIntStats): string {
  return `${dev.toString(36)}.${ino.toString(36)}.${birthtimeNs.toString(36)}`;
}
