// What a folder watch notices by notifications alone: real folders, the system's clock, and no poll within a test.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, open, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { compiled } from '../support/programs.js';
import { type TemporaryFolder, withTemporaryFolder } from '../support/temporary-folder.js';
import { PATIENCE_MS, until } from '../support/until.js';
import { inotifyWatches, namesIn, NEVER_MS, textOf, withWatch } from './support/watched.js';

const run = promisify(execFile);
/** A child that stays longer is kept by something. */

describe('In a watched folder', () => {
  it('a new file, a renamed one and a removed one are noticed', async () => {
    await withTemporaryFolder(async (folder) => {
      await withWatch({ folders: [folder.path], see: () => namesIn(folder.path) }, async ({ sees }) => {
        await writeFile(folder.file('a'), '1');
        await sees(['a']);
        await rename(folder.file('a'), folder.file('b'));
        await sees(['b']);
        await rm(folder.file('b'));
        await sees([]);
      });
    });
  });

  it('a file that is renamed over another is noticed, every time', async () => {
    await withTemporaryFolder(async (folder) => {
      await writeFile(folder.file('a'), '0');
      await withWatch({ folders: [folder.path], see: () => textOf(folder.file('a')) }, async ({ sees }) => {
        for (const text of ['1', '2', '3']) {
          await put(folder.file('a'), text);
          await sees(text);
        }
      });
    });
  });

  it('a rewrite in place is noticed, every time, also by a handle that stays open', async () => {
    await withTemporaryFolder(async (folder) => {
      const file = await open(folder.file('a'), 'w');
      try {
        await withWatch({ folders: [folder.path], see: () => textOf(folder.file('a')) }, async ({ sees }) => {
          for (const text of ['1', '2', '3']) {
            await file.write(text, 0);
            await sees(text);
          }
        });
      } finally {
        await file.close();
      }
    });
  });

  it('a file that vanishes for a moment is noticed when it is back', async () => {
    await withTemporaryFolder(async (folder) => {
      await writeFile(folder.file('a'), '0');
      await withWatch({ folders: [folder.path], see: () => textOf(folder.file('a')) }, async ({ sees }) => {
        await rm(folder.file('a'));
        await sees(undefined);
        await writeFile(folder.file('a'), '1');
        await sees('1');
      });
    });
  });

  it('the mode of a file is noticed', async () => {
    await withTemporaryFolder(async (folder) => {
      await writeFile(folder.file('a'), '');
      await withWatch(
        { folders: [folder.path], see: () => namesIn(folder.path) },
        async ({ looks, sees }) => {
          const before = looks.length;
          await run('chmod', ['600', folder.file('a')]);
          await sees(['a']);
          await until(() => looks.length > before, 'a look');
          expect(looks.at(-1)).toBe('notified');
        },
      );
    });
  });
});

describe('Links', () => {
  it("Kubernetes' swap of `..data` is noticed, every time", async () => {
    await withTemporaryFolder(async (folder) => {
      await publish(folder, '0');
      await symlink(join('..data', 'tls.crt'), folder.file('tls.crt'));
      await withWatch(
        { folders: [folder.path], see: () => textOf(folder.file('tls.crt')) },
        async ({ sees }) => {
          for (const text of ['1', '2', '3']) {
            await publish(folder, text);
            await sees(text);
          }
        },
      );
    });
  });

  it('that certbot leads elsewhere one after the other are noticed to the last', async () => {
    await withTemporaryFolder(async (folder) => {
      const live = folder.file('live', 'a.test');
      const archive = folder.file('archive', 'a.test');
      await mkdir(live, { recursive: true });
      await mkdir(archive, { recursive: true });
      await renew({ live, archive }, 1);
      const see = (): unknown => LINKS.map((name) => textOf(join(live, `${name}.pem`)));
      await withWatch({ folders: [live, archive], see }, async ({ sees }) => {
        for (const version of [2, 3]) {
          await renew({ live, archive }, version);
          await sees(LINKS.map((name) => `${name} ${version}`));
        }
        // Written into what a link already leads to: nothing changes in live.
        await writeFile(join(archive, 'cert3.pem'), 'again');
        await sees(['again', 'privkey 3', 'chain 3', 'fullchain 3']);
      });
    });
  });

  it('a folder reached through a link is noticed when the link leads elsewhere', async () => {
    await withTemporaryFolder(async (folder) => {
      for (const name of ['v1', 'v2']) {
        await mkdir(folder.file(name));
        await writeFile(folder.file(name, 'a'), name);
      }
      const relink = async (target: string): Promise<void> => {
        await symlink(target, folder.file('new'));
        await rename(folder.file('new'), folder.file('current'));
      };
      await relink('v1');
      const see = (): unknown => textOf(folder.file('current', 'a'));
      await withWatch({ folders: [folder.file('current')], see }, async ({ sees, looks }) => {
        await relink('v2');
        await sees('v2');
        await until(() => looks.length >= 3);
        await writeFile(folder.file('v2', 'a'), 'changed');
        await sees('changed');
      });
    });
  });
});

describe('A watched folder itself', () => {
  /** Everything here has to leave `watched` with a file in it that is rewritten afterwards. */
  const ways: readonly [string, (folder: TemporaryFolder) => Promise<unknown>][] = [
    ['is removed and made again', (folder) => remake(folder.file('up', 'watched'))],
    [
      'is replaced by rename',
      async (folder) => {
        await fill(folder.file('new'));
        await rename(folder.file('up', 'watched'), folder.file('old'));
        await rename(folder.file('new'), folder.file('up', 'watched'));
      },
    ],
    [
      'is renamed away and back',
      async (folder) => {
        await rename(folder.file('up', 'watched'), folder.file('old'));
        await rename(folder.file('old'), folder.file('up', 'watched'));
      },
    ],
    [
      'is exchanged for another',
      async (folder) => {
        await fill(folder.file('new'));
        // mv --exchange is younger than the oldest Debian in use.
        const exchange =
          'import ctypes,sys;a,b=(p.encode() for p in sys.argv[1:]);' +
          'sys.exit(ctypes.CDLL(None).renameat2(-100,a,-100,b,2))';
        await run('python3', ['-c', exchange, folder.file('new'), folder.file('up', 'watched')]);
      },
    ],
    ['goes with its parent, and both come back', (folder) => remake(folder.file('up'), 'watched')],
  ];
  it.each(ways)('is watched anew when it %s', async (_, replace) => {
    await withTemporaryFolder(async (folder) => {
      const watched = folder.file('up', 'watched');
      await fill(watched);
      await withWatch(
        { folders: [watched], see: () => textOf(join(watched, 'a')) },
        async ({ sees, looks }) => {
          for (const round of [1, 2, 3]) {
            const before = looks.length;
            await replace(folder);
            // One look for the replacement, one once the new folder is watched.
            await until(() => looks.length >= before + 2);
            await writeFile(join(watched, 'a'), `round ${round}`);
            await sees(`round ${round}`);
            await rm(folder.file('old'), { recursive: true, force: true });
            await rm(folder.file('new'), { recursive: true, force: true });
          }
        },
      );
    });
  });

  it('is seen to go', async () => {
    await withTemporaryFolder(async (folder) => {
      await fill(folder.file('up', 'watched'));
      const see = (): unknown => namesIn(folder.file('up', 'watched'));
      await withWatch({ folders: [folder.file('up', 'watched')], see }, async ({ sees }) => {
        await sees(['a']);
        await rm(folder.file('up'), { recursive: true });
        await sees(undefined);
      });
    });
  });

  it('may be missing at first, with several above it', async () => {
    await withTemporaryFolder(async (folder) => {
      const watched = folder.file('x', 'y', 'z');
      await withWatch(
        { folders: [watched], see: () => textOf(join(watched, 'a')) },
        async ({ sees, looks }) => {
          for (const part of [['x'], ['x', 'y'], ['x', 'y', 'z']]) {
            const before = looks.length;
            await mkdir(folder.file(...part));
            await until(() => looks.length >= before + 2);
          }
          await writeFile(join(watched, 'a'), '1');
          await sees('1');
        },
      );
    });
  });

  it('that is a file is watched once it is a folder', async () => {
    await withTemporaryFolder(async (folder) => {
      await writeFile(folder.file('x'), '');
      await withWatch(
        { folders: [folder.file('x')], see: () => namesIn(folder.file('x')) },
        async ({ sees, looks }) => {
          await rm(folder.file('x'));
          const before = looks.length;
          await mkdir(folder.file('x'));
          await until(() => looks.length >= before + 2);
          await writeFile(folder.file('x', 'a'), '');
          await sees(['a']);
        },
      );
    });
  });
});

describe('Folder watches', () => {
  it('in one process do not disturb each other', async () => {
    await withTemporaryFolder(async (folder) => {
      const options = { folders: [folder.path], see: () => namesIn(folder.path) };
      await withWatch(options, async (one) => {
        await withWatch(options, async (other) => {
          await writeFile(folder.file('a'), '');
          await Promise.all([one.sees(['a']), other.sees(['a'])]);
        });
        await writeFile(folder.file('b'), '');
        await one.sees(['a', 'b']);
      });
    });
  });

  it('leave no inotify watch behind', async () => {
    await withTemporaryFolder(async (folder) => {
      await mkdir(folder.file('real'));
      await symlink('real', folder.file('link'));
      const before = inotifyWatches();
      const folders = [folder.file('real'), folder.file('link'), folder.file('missing', 'too')];
      await withWatch({ folders, see: () => '' }, () => {
        expect(inotifyWatches()).toBe(before + 2);
        return Promise.resolve();
      });
      expect(inotifyWatches()).toBe(before);
    });
  });

  it.each(['open', 'closed'])('keep no process alive, whether %s', async (state) => {
    await withTemporaryFolder(async ({ path }) => {
      const program = compiled(__dirname, 'children', 'watch-folder.ts');
      const args = [program, path, state, String(NEVER_MS)];
      await run(process.execPath, args, { timeout: PATIENCE_MS, killSignal: 'SIGKILL' });
    });
  });
});

const LINKS = ['cert', 'privkey', 'chain', 'fullchain'];

/** What certbot does: new files in archive, then every link in live is removed and made again. */
async function renew({ live, archive }: { live: string; archive: string }, version: number): Promise<void> {
  for (const name of LINKS) await writeFile(join(archive, `${name}${version}.pem`), `${name} ${version}`);
  for (const name of LINKS) {
    await rm(join(live, `${name}.pem`), { force: true });
    await symlink(join('..', '..', 'archive', 'a.test', `${name}${version}.pem`), join(live, `${name}.pem`));
  }
}

/** What the kubelet does: a new folder with the files, and `..data` renamed over to lead there. */
async function publish(folder: TemporaryFolder, text: string): Promise<void> {
  const version = await mkdtemp(folder.file('..2026_'));
  await writeFile(join(version, 'tls.crt'), text);
  await symlink(version.slice(folder.path.length + 1), folder.file('..data_tmp'));
  await rename(folder.file('..data_tmp'), folder.file('..data'));
  const old = (namesIn(folder.path) ?? []).filter(
    (name) => name.startsWith('..2026_') && !version.endsWith(name),
  );
  for (const name of old) await rm(folder.file(name), { recursive: true });
}

async function put(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

async function fill(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'a'), '0');
}

async function remake(path: string, ...below: string[]): Promise<void> {
  await rm(path, { recursive: true });
  await fill(join(path, ...below));
}
