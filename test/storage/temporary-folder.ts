// Temporary folders of a test file, removed when it ends.
import { afterAll } from '@jest/globals';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders: string[] = [];

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tlsmith-storage-'));
  folders.push(folder);
  return folder;
}

/** The paths of all files and folders below `folder`, whose names match. */
export async function pathsIn(folder: string, name = /./): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => name.test(entry.name)).map((entry) => join(entry.parentPath, entry.name));
}

afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});
