import { describe, expect, it } from '@jest/globals';
import { appendFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.js';
import { announceChange, followChanges } from '../../src/storage/change-journal.js';
import { fileStorage } from '../../src/storage/file-storage.js';
import { journalPosition } from '../../src/storage/journal-position.js';
import { temporaryFolder } from './temporary-folder.js';

/** Collects what is heard, and lets a test wait for it. */
function listener() {
  const heard: string[] = [];
  const waiting = new Set<() => void>();
  return {
    heard,
    hear: (what: string) => {
      heard.push(what);
      for (const look of waiting) look();
    },
    has: (what: string) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (heard.includes(what)) resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

function follow(folder: string) {
  const { heard, hear, has } = listener();
  const reading = { folder, position: journalPosition(folder), clock: systemClock };
  const stop = followChanges(reading, {
    onKeys: (keys) => {
      for (const key of keys) hear(key);
    },
    onGap: () => {
      hear('a gap');
    },
  });
  return { heard, has, stop };
}

describe('the journal of changes', () => {
  it('goes on in a new file when one is full, and keeps no more than two', async () => {
    const folder = await temporaryFolder();
    const { heard, has, stop } = follow(folder);
    for (let file = 1; file <= 4; file += 1) {
      await announceChange(folder, `key-${file}`);
      await has(`key-${file}`);
      const newest = (await readdir(folder)).sort().at(-1) ?? '';
      await appendFile(join(folder, newest), 'filler\n'.repeat(40_000));
    }
    await has('filler');
    stop();
    expect(await readdir(folder)).toHaveLength(2);
    expect(heard).not.toContain('a gap');
  });

  it('tells a follower that was away for too long that something may be missing', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, '0000000001'), 'old\n');
    const { heard, has, stop } = follow(folder);
    await rm(join(folder, '0000000001'));
    await writeFile(join(folder, '0000000007'), 'recent\n');
    await has('a gap');
    await has('recent');
    stop();
    expect(heard).toEqual(['a gap', 'recent']);
  });

  it('does not read half a line', async () => {
    const folder = await temporaryFolder();
    const { heard, has, stop } = follow(folder);
    await appendFile(join(folder, '0000000001'), 'first\nsec');
    await has('first');
    await appendFile(join(folder, '0000000001'), 'ond\n');
    await has('second');
    stop();
    expect(heard).toEqual(['first', 'second']);
  });

  it('makes a watch tell of every key after a gap', async () => {
    const folder = await temporaryFolder();
    const storage = fileStorage(folder);
    await storage.put('a/one', Buffer.from('1'));
    await storage.put('b/two', Buffer.from('2'));
    const { heard, hear, has } = listener();
    const stop = storage.watch?.('a/', hear);
    await rm(join(folder, '~changes', '0000000001'));
    await writeFile(join(folder, '~changes', '0000000009'), '');
    await has('a/one');
    stop?.();
    expect(heard).toEqual(['a/one']);
  });
});
