import { chmod, link, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { fileSignature } from '../../src/files/file-signature.js';
import { type TemporaryFolder, withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

const LATER_MS = 60_000;
/** In seconds. */
const LONG_AGO = 1_000_000_000;

/** As if a minute had gone by since: no file has just changed. */
const settled = (path: string): Promise<string | undefined> => fileSignature(path, Date.now() + LATER_MS);

describe('The signature of a file', () => {
  it('stays while nothing changes, and is the same through a link', async () => {
    await withTemporaryFolder(async (folder) => {
      await writeFile(folder.file('a'), 'one');
      await symlink('a', folder.file('link'));
      const signature = await settled(folder.file('a'));
      expect(signature).toMatch(/^[0-9a-z.]+$/);
      expect(await settled(folder.file('a'))).toBe(signature);
      expect(await settled(folder.file('link'))).toBe(signature);
    });
  });

  const changes: readonly [string, (folder: TemporaryFolder) => Promise<void>][] = [
    ['a rewrite in place with as many bytes', (folder) => writeFile(folder.file('a'), 'two')],
    ['a rewrite that keeps the time of the content', (folder) => rewriteBackdated(folder.file('a'))],
    ['a rename over it', (folder) => replace(folder.file('a'), folder.file('new'))],
    ['a mode', (folder) => chmod(folder.file('a'), 0o640)],
    ['another name for it', (folder) => link(folder.file('a'), folder.file('b'))],
  ];
  it.each(changes)('changes with %s', async (_, change) => {
    await withTemporaryFolder(async (folder) => {
      await writeFile(folder.file('a'), 'one');
      await utimes(folder.file('a'), LONG_AGO, LONG_AGO);
      const before = await settled(folder.file('a'));
      await tickOver(folder.file('a'));
      await change(folder);
      expect(await settled(folder.file('a'))).not.toBe(before);
    });
  });

  it('changes with a link that leads elsewhere', async () => {
    await withTemporaryFolder(async (folder) => {
      await writeFile(folder.file('a'), 'one');
      await link(folder.file('a'), folder.file('same'));
      await writeFile(folder.file('b'), 'one');
      await symlink('a', folder.file('link'));
      const before = await settled(folder.file('link'));
      await symlink('same', folder.file('new'));
      await rename(folder.file('new'), folder.file('link'));
      expect(await settled(folder.file('link'))).toBe(before);
      await symlink('b', folder.file('new'));
      await rename(folder.file('new'), folder.file('link'));
      expect(await settled(folder.file('link'))).not.toBe(before);
    });
  });

  it('is missing where no file is, and comes back with the file', async () => {
    await withTemporaryFolder(async (folder) => {
      await symlink('nowhere', folder.file('dangling'));
      await writeFile(folder.file('a'), '');
      for (const path of ['missing', 'dangling', 'a/below'])
        expect(await settled(folder.file(path))).toBeUndefined();
      const before = await settled(folder.file('a'));
      await rename(folder.file('a'), folder.file('b'));
      expect(await settled(folder.file('a'))).toBeUndefined();
      await rename(folder.file('b'), folder.file('a'));
      expect(await settled(folder.file('a'))).not.toBe(before);
      await rm(folder.file('a'));
      expect(await settled(folder.file('a'))).toBeUndefined();
    });
  });

  it('is the error of a path that cannot be looked at', async () => {
    await withTemporaryFolder(async (folder) => {
      await symlink('loop', folder.file('loop'));
      expect(await fileSignature(folder.file('loop'))).toBe('ELOOP');
      expect(await fileSignature(folder.file('x'.repeat(300)))).toBe('ENAMETOOLONG');
      expect(await fileSignature('a\0b')).toBe('ERR_INVALID_ARG_VALUE');
    });
  });

  it('changes once more when the tick in which the file was changed is over', async () => {
    await withTemporaryFolder(async (folder) => {
      await writeFile(folder.file('a'), 'one');
      const { ctimeMs } = await stat(folder.file('a'));
      const fresh = await fileSignature(folder.file('a'), ctimeMs + 1);
      expect(await fileSignature(folder.file('a'), ctimeMs + 10)).toBe(fresh);
      const over = await fileSignature(folder.file('a'), ctimeMs + 100);
      expect(over).not.toBe(fresh);
      expect(await fileSignature(folder.file('a'), ctimeMs + LATER_MS)).toBe(over);
      // Of a clock that is ahead or behind by much, nothing can be said.
      expect(await fileSignature(folder.file('a'), ctimeMs - LATER_MS)).toBe(over);
    });
  });
});

/** Until then the kernel may stamp a further change with the same time. */
async function tickOver(path: string): Promise<void> {
  const { ctimeMs } = await stat(path);
  await until(() => Date.now() > ctimeMs + 20);
}

async function rewriteBackdated(path: string): Promise<void> {
  await writeFile(path, 'two');
  await utimes(path, LONG_AGO, LONG_AGO);
}

async function replace(path: string, by: string): Promise<void> {
  await writeFile(by, 'one');
  await rename(by, path);
}
