import { describe, expect, it } from '@jest/globals';
import { WatchedFolder } from '../../src/files/folder-watched.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { fakeNotify } from './support/watched.js';

describe('A watched folder', () => {
  it('asks to be watched again after an error, and after a second one waits for the next poll', async () => {
    await withTemporaryFolder(async ({ path }) => {
      const fake = fakeNotify();
      let notified = 0;
      const folder = new WatchedFolder(path, fake.notify, () => (notified += 1));
      await folder.arm();
      fake.fail(path);
      expect([notified, folder.isSuspect]).toEqual([1, true]);
      await folder.arm();
      fake.fail(path);
      expect([notified, folder.isSuspect, folder.isComplete]).toEqual([1, false, false]);
      expect(await folder.arm()).toBe('armed');
      folder.close();
      expect(fake.open()).toEqual([]);
    });
  });
});
