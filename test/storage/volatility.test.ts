import { describe, expect, it } from '@jest/globals';
import { mkdir } from 'node:fs/promises';
import { fileStorage } from '../../src/storage/file-storage.js';
import { memoryStorage } from '../../src/storage/memory-storage.js';
import { type Storage, VOLATILE, type VolatileStorage } from '../../src/storage/storage.js';
import { reasonFor, volatilityOf } from '../../src/storage/volatility.js';
import { mayMount, withMounts } from '../sources/support/mounting.js';

const [EXT4, TMPFS, RAMFS, OVERLAY] = [0xef53, 0x01021994, 0x858458f6, 0x794c7630];

function reasonOf(storage: Storage): Promise<string | undefined> | undefined {
  const known: Partial<VolatileStorage> = storage;
  return known[VOLATILE]?.();
}

describe('A storage', () => {
  it.each([
    ['in memory', TMPFS, false, '/x is in memory (tmpfs)'],
    ['in memory, by a number that came out negative', RAMFS | 0, false, '/x is in memory (ramfs)'],
    ['of a container', OVERLAY, true, '/x is part of the container, and goes with it'],
  ])('%s does not last', (_, type, isInContainer, reason) => {
    expect(reasonFor('/x', { type, isInContainer })).toBe(reason);
  });

  it.each([
    ['on a disk', EXT4, false],
    ['on a volume of a container', EXT4, true],
    ['on an overlay that is no container, as on a router', OVERLAY, false],
  ])('%s may last', (_, type, isInContainer) => {
    expect(reasonFor('/x', { type, isInContainer })).toBeUndefined();
  });

  it('in a folder that is not there is not known of', async () => {
    expect(await volatilityOf('/nowhere/at/all')).toBeUndefined();
  });

  it('of the process ends with it', async () => {
    expect(await reasonOf(memoryStorage())).toContain('as long as the process');
  });

  (mayMount ? it : it.skip)('of a folder on a tmpfs says so itself', () =>
    withMounts(async (folder, mount) => {
      await mount('-t', 'tmpfs', 'tmpfs', folder.path);
      const path = folder.file('storage');
      await mkdir(path);
      expect(await reasonOf(fileStorage(path))).toBe(`${path} is in memory (tmpfs)`);
    }),
  );
});
