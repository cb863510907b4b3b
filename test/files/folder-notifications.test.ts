// Many folders, and fewer watches than folders.
import { mkdir, rename } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { FolderNotifications } from '../../src/files/folder-notifications.js';
import { settled } from '../support/manual-clock.js';
import { type TemporaryFolder, withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { type FakeNotify, fakeNotify } from './support/watched.js';

interface Bench {
  readonly notifications: FolderNotifications;
  readonly fake: FakeNotify;
  /** How often a notification was passed on. */
  readonly notified: () => number;
}

async function withNotifications(
  folders: () => Iterable<string>,
  use: (bench: Bench) => Promise<void>,
  fake = fakeNotify(),
): Promise<void> {
  let count = 0;
  const onNotified = (): void => {
    count += 1;
  };
  const notifications = new FolderNotifications({ folders, onNotified, notify: fake.notify });
  try {
    await use({ notifications, fake, notified: () => count });
  } finally {
    await notifications.close();
  }
  expect(fake.open()).toEqual([]);
}

describe('The notifications of many folders', () => {
  it('begin with one that they are watched, not with one for each', async () => {
    await withFolders(100, async (_, paths) => {
      await withNotifications(
        () => paths,
        async ({ notifications, fake, notified }) => {
          notifications.check('all');
          await until(() => fake.open().length === 100);
          await until(() => notified() > 0);
          await settled();
          expect(notified()).toBe(1);
        },
      );
    });
  });

  it('are those of the first 4,096 only', async () => {
    const endless = function* (): Generator<string> {
      for (let index = 0; ; index += 1) yield `/missing-tlsmith/${index}`;
    };
    await withNotifications(endless, async ({ notifications, fake, notified }) => {
      notifications.check('suspects');
      await until(() => notified() > 0);
      expect(fake.open()).toHaveLength(4_096);
    });
  });

  it('do not ask for each of many watches that the system refuses', async () => {
    await withFolders(100, async (_, paths) => {
      const limited = fakeNotify((_path, open) => (open < 10 ? undefined : 'ENOSPC'));
      await withNotifications(
        () => paths,
        async ({ notifications, fake, notified }) => {
          notifications.check('all');
          await until(() => notified() === 1);
          expect(fake.open()).toEqual(paths.slice(0, 10));
          expect(fake.calls()).toBe(11);
        },
        limited,
      );
    });
  });

  it('stay with the folders that have a watch while others can have none', async () => {
    await withFolders(100, async (folder, paths) => {
      const limited = fakeNotify((_path, open) => (open < 90 ? undefined : 'EMFILE'));
      await withNotifications(
        () => paths,
        async ({ notifications, fake, notified }) => {
          notifications.check('all');
          await until(() => notified() === 1);
          await replace(folder, paths[5] ?? '');
          // Every folder has its turn within two checks; the replaced one gives its watch back first.
          for (const checks of [1, 2]) {
            notifications.check('all');
            await until(() => fake.calls() >= 90 + checks || notified() === 2);
            await settled();
          }
          await until(() => notified() === 2, 'the replaced folder to be watched anew');
          expect(fake.open()).toHaveLength(90);
        },
        limited,
      );
    });
  });

  it('of a refused folder do not end those of the others', async () => {
    await withFolders(3, async (_, paths) => {
      const refusing = fakeNotify((path) => (path === paths[0] ? 'EACCES' : undefined));
      await withNotifications(
        () => paths,
        async ({ notifications, fake, notified }) => {
          notifications.check('all');
          await until(() => notified() === 1);
          expect(fake.open()).toEqual(paths.slice(1));
        },
        refusing,
      );
    });
  });

  it('come back for each of 40 replaced folders: they take turns', async () => {
    await withFolders(40, async (folder, paths) => {
      await withNotifications(
        () => paths,
        async ({ notifications, fake, notified }) => {
          notifications.check('all');
          await until(() => notified() === 1);
          for (const path of paths) await replace(folder, path);
          for (const watched of [16, 32, 40]) {
            notifications.check('all');
            await until(() => fake.calls() === 40 + watched, `${watched} folders`);
            await until(() => notified() > 1);
            await settled();
          }
        },
      );
    });
  });

  it('tell that a folder may have been replaced by its name, and only then is it looked for', async () => {
    await withFolders(2, async (folder, [path = '', other = '']) => {
      await withNotifications(
        () => [path, other],
        async ({ notifications, fake, notified }) => {
          notifications.check('all');
          await until(() => notified() === 1);
          fake.emit(path, 'change', 'd000');
          fake.emit(path, 'rename', 'a.pem');
          notifications.check('suspects');
          await notifications.close();
          expect(notified()).toBe(3);
          expect(fake.calls()).toBe(2);
        },
      );
      await withNotifications(
        () => [path, other],
        async ({ notifications, fake, notified }) => {
          notifications.check('all');
          await until(() => notified() === 1);
          await replace(folder, path);
          fake.emit(path, 'rename', 'd000');
          notifications.check('suspects');
          await until(() => notified() === 3);
          fake.emit(other, 'rename', null);
          notifications.check('suspects');
          await until(() => notified() === 5);
          expect(fake.calls()).toBe(4);
        },
      );
    });
  });
});

async function withFolders(
  count: number,
  use: (folder: TemporaryFolder, paths: readonly string[]) => Promise<void>,
): Promise<void> {
  await withTemporaryFolder(async (folder) => {
    const paths = Array.from({ length: count }, (_, index) =>
      folder.file(`d${String(index).padStart(3, '0')}`),
    );
    for (const path of paths) await mkdir(path);
    await use(folder, paths);
  });
}

async function replace(folder: TemporaryFolder, path: string): Promise<void> {
  await mkdir(folder.file('old'), { recursive: true });
  await rename(path, folder.file('old', path.slice(folder.path.length + 1)));
  await mkdir(path);
}
