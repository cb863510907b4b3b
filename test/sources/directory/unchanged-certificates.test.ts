// Which of thousands of certificate files have been replaced: asked of a local disk at once, of others by threads.
import { link, rename, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { deviceOf } from '../../../src/sources/directory/file-stamp.js';
import { isOnLocalDisk } from '../../../src/sources/directory/local-disk.js';
import { PairEntry } from '../../../src/sources/directory/pair-entry.js';
import { stampOfEntry } from '../../../src/sources/directory/read-entry.js';
import { Slices } from '../../../src/sources/directory/slices.js';
import { withOtherCertificate } from '../../../src/sources/directory/unchanged-certificates.js';
import { folderPerTest } from '../../support/folder-per-test.js';

const LONG_AGO = new Date('2024-03-01T10:00:00.123Z');

const folder = folderPerTest();

describe.each(['local', 'other'])('of pairs on a %s file system', (kind) => {
  /** Pairs that were read a while after their files had been written. */
  async function read(count: number): Promise<PairEntry[]> {
    const entries: PairEntry[] = [];
    for (let index = 0; index < count; index += 1) {
      const [cert, key] = [`${index}.crt`, `${index}.key`];
      for (const name of [cert, key]) await put(name, 'first');
      const listed = { path: folder.path, relativePath: '', pairs: [], fileCount: 0, hasSnapshots: false };
      const names = { id: cert, stem: `${index}`, cert, key, chain: undefined, isOptional: false };
      entries.push(new PairEntry(listed, names));
    }
    for (const entry of entries) {
      entry.stamp = await settledStamp(entry);
      if (kind === 'local') entry.folder = { ...entry.folder, localDevice: deviceOf(entry.stamp) };
    }
    return entries;
  }

  async function put(name: string, text: string): Promise<void> {
    await writeFile(folder.file(name), text);
    await utimes(folder.file(name), LONG_AGO, LONG_AGO);
  }

  async function others(entries: readonly PairEntry[]): Promise<readonly string[]> {
    return (await withOtherCertificate(entries, new Slices())).map(({ names }) => names.cert);
  }

  it('none is named while nothing has changed, however many they are', async () => {
    const entries = await read(150);
    expect(await others(entries)).toEqual([]);
  });

  it.each<[how: string, change: (path: string) => Promise<void>]>([
    ['rewritten in place', (path) => writeFile(path, 'second')],
    ['rewritten with as many bytes and the time of before', rewrittenAlike],
    ['renamed over', renamedOver],
    ['removed', (path) => unlink(path)],
    ['made a link to another', linkedElsewhere],
    ['made a link to nothing', linkedNowhere],
    ['made a link to itself', linkedToItself],
  ])('those whose certificate was %s are named, in their order', async (_, change) => {
    const entries = await read(140);
    for (const at of [0, 70, 139]) await change(folder.file(`${at}.crt`));
    expect(await others(entries)).toEqual(['0.crt', '70.crt', '139.crt']);
  });

  it('those are always named that were not read, that failed, or that have a chain beside', async () => {
    const entries = await read(5);
    entries[1]!.stamp = undefined;
    entries[2]!.failure = { error: new Error('broken') as never, since: 0 };
    entries[3]!.names = { ...entries[3]!.names, chain: '3.chain' };
    expect(await others(entries)).toEqual(['1.crt', '2.crt', '3.crt']);
  });

  it('keys are not looked at', async () => {
    const entries = await read(3);
    await rm(folder.file('1.key'));
    expect(await others(entries)).toEqual([]);
  });

  async function rewrittenAlike(path: string): Promise<void> {
    await writeFile(path, 'FIRST');
    await utimes(path, LONG_AGO, LONG_AGO);
  }

  async function renamedOver(path: string): Promise<void> {
    await put('new', 'first');
    await rename(folder.file('new'), path);
  }

  async function linkedElsewhere(path: string): Promise<void> {
    const target = `${path}.target`;
    await link(path, target);
    await unlink(path);
    await writeFile(target, 'second');
    await symlink(target, path);
  }

  async function linkedNowhere(path: string): Promise<void> {
    await unlink(path);
    await symlink('nowhere', path);
  }

  async function linkedToItself(path: string): Promise<void> {
    await unlink(path);
    await symlink(path, path);
  }
});

/** Of files that do not count as just changed: their stamps would differ once more. */
async function settledStamp(entry: PairEntry): Promise<string> {
  for (;;) {
    const stamp = await stampOfEntry(entry);
    if (!stamp.includes('~')) return stamp;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('a folder', () => {
  it('is not on a local disk when it is none, or a file system that the kernel makes up', async () => {
    expect(await isOnLocalDisk(folder.file('missing'))).toBe(false);
    expect(await isOnLocalDisk('/proc')).toBe(false);
  });

  (process.platform === 'linux' ? it : it.skip)('is on one in /dev/shm, which is memory', async () => {
    expect(await isOnLocalDisk('/dev/shm')).toBe(true);
  });
});
