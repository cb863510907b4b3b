// Folders that are mounted: read-only, over another, and gone again.
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { type TemporaryFolder, withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { namesIn, textOf, withWatch } from './support/watched.js';

const run = promisify(execFile);

// Whether this user may mount, in a namespace that is gone at once.
const mayMount =
  process.platform === 'linux' &&
  process.getuid?.() === 0 &&
  spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
const why = mayMount ? '' : ' (skipped: mounting is not permitted here)';

(mayMount ? describe : describe.skip)(`A mounted folder${why}`, () => {
  it('that is read-only here is watched for what others write', async () => {
    await withMounts(async (folder, mount) => {
      await mount('--bind', folder.file('source'), folder.file('watched'));
      await mount('-o', 'remount,bind,ro', folder.file('watched'));
      await expect(writeFile(folder.file('watched', 'a'), '')).rejects.toMatchObject({ code: 'EROFS' });
      const see = (): unknown => textOf(folder.file('watched', 'a'));
      await withWatch({ folders: [folder.file('watched')], see }, async ({ sees }) => {
        await writeFile(folder.file('source', 'a'), '1');
        await sees('1');
        await writeFile(folder.file('source', 'new'), '2');
        await rename(folder.file('source', 'new'), folder.file('source', 'a'));
        await sees('2');
      });
    });
  });

  it('that is remounted read-only and writable again stays watched', async () => {
    await withMounts(async (folder, mount) => {
      await mount('-t', 'tmpfs', 'tmpfs', folder.file('watched'));
      const see = (): unknown => namesIn(folder.file('watched'));
      await withWatch({ folders: [folder.file('watched')], see }, async ({ sees }) => {
        await mount('-o', 'remount,ro', folder.file('watched'));
        await mount('-o', 'remount,rw', folder.file('watched'));
        await writeFile(folder.file('watched', 'a'), '');
        await sees(['a']);
      });
    });
  });

  it('is seen to come and to go by polls, and watched in between', async () => {
    await withMounts(async (folder, mount, unmount) => {
      const watched = folder.file('watched');
      await writeFile(folder.file('watched', 'below'), '');
      let pollMs = 50;
      await withWatch(
        { folders: [watched], pollMs: () => pollMs, see: () => namesIn(watched) },
        async (watch) => {
          await watch.sees(['below']);
          await mount('-t', 'tmpfs', 'tmpfs', watched);
          await watch.sees([]);
          // The notification that the folder is watched anew is the proof that a poll has noticed the mount.
          await notified(watch.looks);
          pollMs = 3_600_000;
          await writeFile(folder.file('watched', 'a'), '');
          await watch.sees(['a']);
          await unmount(watched);
          // The system tells that what it watched is unmounted.
          await watch.sees(['below']);
        },
      );
    });
  });
});

async function notified(looks: readonly string[]): Promise<void> {
  const before = looks.length;
  await until(() => looks.slice(before).includes('notified'), 'a notification');
}

/** Whether a command ends well. */
function succeeds(command: string, ...args: string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  );
}

type Mount = (...args: string[]) => Promise<void>;

/** Gives `use` the folders `source` and `watched`, and unmounts afterwards what it has mounted on `watched`. */
async function withMounts(
  use: (folder: TemporaryFolder, mount: Mount, unmount: Mount) => Promise<void>,
): Promise<void> {
  await withTemporaryFolder(async (folder) => {
    for (const name of ['source', 'watched']) await mkdir(folder.file(name));
    let mounted = 0;
    const unmount = async (): Promise<void> => {
      // Whoever looks into the folder just then keeps it busy.
      await until(() => succeeds('umount', folder.file('watched')), 'the folder to be unmounted');
      mounted -= 1;
    };
    const mount = async (...args: string[]): Promise<void> => {
      await run('mount', args);
      if (!args.some((arg) => arg.startsWith('remount'))) mounted += 1;
    };
    try {
      await use(folder, mount, unmount);
    } finally {
      while (mounted > 0) await unmount();
    }
  });
}
