/** Private folders (0700) and files (0600) that survive a power failure: everything is fsync-ed, folders too. */
import { chmod, mkdir, open, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../errors.js';

/** Makes the folder and what is missing above it, each private whatever the umask. An existing folder is left as it is. */
export async function ensureFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
    await chmod(path, 0o700);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await ensureFolder(dirname(path));
    await ensureFolder(path);
    return;
  }
  await syncFolder(dirname(path));
}

/** Writes a new private file and brings it to the disk; rejects with EEXIST when there is one already. */
export async function writeNewFile(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Brings names that were made or removed in the folder to the disk. */
export async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder for this; NTFS keeps its own journal of names.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    // Some network and FUSE file systems have no fsync for folders.
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOTSUP') throw error;
  } finally {
    await folder.close();
  }
}

/** Removes `folder` and the folders above it as long as they are empty, up to `root`, which stays. */
export async function removeEmptyFolders(folder: string, root: string): Promise<void> {
  for (let path = folder; path !== root; path = dirname(path)) {
    try {
      await rmdir(path);
    } catch {
      return;
    }
  }
}
