// When a folder watch looks, with a clock and notifications made by the tests.
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { FolderWatch, type FolderWatchOptions, type LookReason } from '../../src/files/folder-watch.js';
import { type ManualClock, manualClock, settled } from '../support/manual-clock.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { type FakeNotify, fakeNotify } from './support/watched.js';

const POLL_MS = 1_000;
const DEBOUNCED_MS = 75;

interface Bench {
  readonly path: string;
  readonly clock: ManualClock;
  readonly fake: FakeNotify;
  readonly looks: LookReason[];
  readonly watch: FolderWatch;
}

/** Gives `use` a watch on a folder of its own, not yet started. */
async function withBench(
  use: (bench: Bench) => Promise<void>,
  { fake = fakeNotify(), ...options }: Partial<FolderWatchOptions> & { readonly fake?: FakeNotify } = {},
): Promise<void> {
  await withTemporaryFolder(async ({ path }) => {
    const clock = manualClock();
    const looks: LookReason[] = [];
    const watch = new FolderWatch({
      clock,
      folders: () => [path],
      pollMs: () => POLL_MS,
      notify: fake.notify,
      ...options,
      look: async (why) => {
        looks.push(why);
        await options.look?.(why);
      },
    });
    try {
      await use({ path, clock, fake, looks, watch });
    } finally {
      await watch.close();
    }
    expect(clock.pendingTimers).toBe(0);
    expect(fake.open()).toEqual([]);
  });
}

/** Starts the watch and waits for its first look, which comes when it stands. */
async function stands({ watch, fake, clock, looks }: Bench): Promise<void> {
  watch.start();
  await until(() => fake.open().length > 0, 'the watch');
  await clock.advance(DEBOUNCED_MS);
  looks.length = 0;
}

/** A look that lasts until the test ends it. */
function slowLook() {
  const ends: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const look = async (): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise<void>((resolve) => ends.push(resolve));
    running -= 1;
  };
  return { look, end: () => ends.shift()?.(), running: () => running, most: () => most };
}

describe('A folder watch', () => {
  it('looks once it stands: what has changed before was not notified', async () => {
    await withBench(async ({ watch, fake, clock, looks }) => {
      watch.start();
      await until(() => fake.open().length > 0);
      await clock.advance(DEBOUNCED_MS);
      expect(looks).toEqual(['notified']);
    });
  });

  it('polls after the time that is asked for each time', async () => {
    let pollMs = POLL_MS;
    await withBench(
      async (bench) => {
        await stands(bench);
        await bench.clock.advance(3 * POLL_MS);
        expect(bench.looks).toEqual(['polled', 'polled', 'polled']);
        pollMs = 30 * POLL_MS;
        await bench.clock.advance(20 * POLL_MS);
        expect(bench.looks).toHaveLength(4);
      },
      { pollMs: () => pollMs },
    );
  });

  it('polls as often when the clock is set back', async () => {
    await withBench(async (bench) => {
      await stands(bench);
      bench.clock.jump(-86_400_000);
      await bench.clock.advance(3 * POLL_MS);
      expect(bench.looks).toHaveLength(3);
    });
  });

  it('looks within 75 ms of a notification, and once for many', async () => {
    await withBench(async (bench) => {
      await stands(bench);
      for (let count = 0; count < 1_000; count += 1) bench.fake.emit(bench.path, 'change', `f${count}`);
      await bench.clock.advance(DEBOUNCED_MS);
      expect(bench.looks).toEqual(['notified']);
    });
  });

  it('never looks twice at a time, and looks again for what came during a look', async () => {
    const slow = slowLook();
    await withBench(
      async ({ watch, fake, path, clock, looks }) => {
        watch.start();
        await until(() => fake.open().length > 0);
        await clock.advance(DEBOUNCED_MS);
        expect(slow.running()).toBe(1);
        fake.emit(path, 'change', 'a');
        const asked = watch.lookNow();
        await clock.advance(5 * POLL_MS);
        expect(looks).toHaveLength(1);
        slow.end();
        await until(() => looks.length === 2);
        slow.end();
        await asked;
        await clock.advance(DEBOUNCED_MS);
        while (slow.running() > 0) {
          slow.end();
          await settled();
        }
        expect(slow.most()).toBe(1);
      },
      { look: slow.look },
    );
  });

  it('tells of files by name while a look is running, and of many not at all', async () => {
    const slow = slowLook();
    const told: string[][] = [];
    await withBench(
      async ({ watch, fake, path, clock }) => {
        watch.start();
        await until(() => fake.open().length > 0, 'the watch');
        await clock.advance(DEBOUNCED_MS);
        expect(slow.running()).toBe(1);
        for (const name of ['a.crt', 'a.key', 'a.crt']) fake.emit(path, 'change', name);
        await clock.advance(DEBOUNCED_MS);
        expect(told).toEqual([[join(path, 'a.crt'), join(path, 'a.key')]]);
        for (let count = 0; count <= 100; count += 1) fake.emit(path, 'change', `f${count}`);
        await clock.advance(DEBOUNCED_MS);
        fake.emit(path, 'change', 'b.crt');
        await clock.advance(DEBOUNCED_MS);
        expect(told.slice(1)).toEqual([[join(path, 'b.crt')]]);
        slow.end();
        await until(() => slow.running() === 0, 'the end of the look');
        await clock.advance(DEBOUNCED_MS);
        slow.end();
      },
      { look: slow.look, named: (paths) => told.push([...paths].sort()) },
    );
  });

  it('rests as long as the look took, so that a storm never has it looking all the time', async () => {
    const bench: { clock?: ManualClock } = {};
    await withBench(
      async (made) => {
        bench.clock = made.clock;
        await stands(made);
        await made.clock.advance(3_000);
        made.looks.length = 0;
        for (let at = 0; at < 10_000; at += 20) {
          made.fake.emit(made.path, 'change', 'a');
          await made.clock.advance(20);
        }
        // Each look takes 500 ms and is followed by a rest of 500 ms.
        expect(made.looks.length).toBeGreaterThan(10);
        expect(made.looks.length).toBeLessThan(25);
      },
      {
        pollMs: () => 3_600_000,
        look: () => {
          bench.clock?.jump(500);
          return Promise.resolve();
        },
      },
    );
  });

  it('goes on after a look that fails, and leaves no rejection unhandled', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      await withBench(
        async (bench) => {
          await stands(bench);
          bench.fake.emit(bench.path, 'change', 'a');
          await bench.clock.advance(2 * POLL_MS);
          expect(bench.looks).toEqual(['notified', 'polled', 'polled']);
        },
        { look: () => Promise.reject(new Error('no luck')) },
      );
      await withBench(
        async (bench) => {
          await stands(bench);
          await bench.clock.advance(2 * POLL_MS);
          expect(bench.looks).toEqual(['polled', 'polled']);
        },
        {
          look: () => {
            throw new Error('at once');
          },
        },
      );
      await settled();
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});

describe('Looking now', () => {
  it('waits for the look in flight, then looks, once for all who wait', async () => {
    const slow = slowLook();
    await withBench(
      async ({ watch, looks }) => {
        const first = watch.lookNow();
        await until(() => slow.running() === 1);
        let isDone = false;
        const others = [watch.lookNow(), watch.lookNow(), watch.lookNow()];
        void others[0]?.then(() => {
          isDone = true;
        });
        slow.end();
        await first;
        await until(() => looks.length === 2);
        expect(isDone).toBe(false);
        slow.end();
        await Promise.all(others);
        expect(looks).toEqual(['notified', 'notified']);
      },
      { look: slow.look },
    );
  });

  it('tells whoever asked that the look has failed, and nobody else', async () => {
    let isBroken = true;
    await withBench(
      async ({ watch }) => {
        await expect(watch.lookNow()).rejects.toThrow('no luck');
        isBroken = false;
        await watch.lookNow();
      },
      { look: () => (isBroken ? Promise.reject(new Error('no luck')) : Promise.resolve()) },
    );
  });

  it('does not wait for the rest after a look', async () => {
    const bench: { clock?: ManualClock } = {};
    await withBench(
      async (made) => {
        bench.clock = made.clock;
        await made.watch.lookNow();
        await made.watch.lookNow();
        expect(made.looks).toHaveLength(2);
      },
      {
        look: () => {
          bench.clock?.jump(1_000);
          return Promise.resolve();
        },
      },
    );
  });

  it('does nothing once it is closed', async () => {
    await withBench(async ({ watch, looks }) => {
      await watch.close();
      await watch.lookNow();
      expect(looks).toEqual([]);
    });
  });
});

describe('Closing a folder watch', () => {
  it('waits for the look in flight, and drops the one that is due', async () => {
    const slow = slowLook();
    await withBench(
      async ({ watch, looks }) => {
        const first = watch.lookNow();
        await until(() => slow.running() === 1);
        const second = watch.lookNow();
        let isClosed = false;
        const closing = watch.close().then(() => {
          isClosed = true;
        });
        await settled();
        expect(isClosed).toBe(false);
        slow.end();
        await Promise.all([first, second, closing]);
        expect(slow.running()).toBe(0);
        expect(looks).toHaveLength(1);
      },
      { look: slow.look },
    );
  });

  it('leaves no watch behind that was being made', async () => {
    await withTemporaryFolder(async ({ path }) => {
      let isAsked = false;
      const folders = (): string[] => {
        isAsked = true;
        return [path];
      };
      await withBench(
        async ({ watch, fake }) => {
          watch.start();
          // No turn of the event loop goes by, so nothing about the folder can be known yet.
          while (!isAsked) await Promise.resolve();
          await watch.close();
          expect(fake.calls()).toBe(0);
        },
        { folders },
      );
    });
  });

  it('is over for good, also when it is started or closed again', async () => {
    await withBench(async (bench) => {
      await stands(bench);
      await Promise.all([bench.watch.close(), bench.watch.close()]);
      expect(bench.clock.pendingTimers).toBe(0);
      bench.watch.start();
      await bench.watch.close();
      await bench.clock.advance(10 * POLL_MS);
      expect(bench.looks).toEqual([]);
    });
  });

  it('is possible without a start', async () => {
    await withBench(async ({ watch }) => {
      await watch.close();
    });
  });
});

describe('Without notifications', () => {
  it.each(['ENOSPC', 'EMFILE', 'ENOSYS', 'EACCES'])(
    'a watch refused with %s leaves polling alone',
    async (code) => {
      const fake = fakeNotify(() => code);
      await withBench(
        async ({ watch, clock, looks }) => {
          watch.start();
          await clock.advance(3 * POLL_MS);
          expect(looks).toEqual(['polled', 'polled', 'polled']);
        },
        { fake },
      );
    },
  );

  it('it is watched as soon as that is possible again, and looked at then', async () => {
    let isFull = true;
    const fake = fakeNotify(() => (isFull ? 'ENOSPC' : undefined));
    await withBench(
      async ({ watch, clock, looks, path }) => {
        watch.start();
        await until(() => fake.calls() === 1);
        isFull = false;
        await clock.advance(POLL_MS);
        await until(() => fake.open().length === 1);
        await clock.advance(DEBOUNCED_MS);
        expect(looks).toEqual(['polled', 'notified']);
        expect(fake.open()).toEqual([path]);
      },
      { fake },
    );
  });

  it('of a file system that never notifies, every poll still looks', async () => {
    await withBench(async (bench) => {
      await stands(bench);
      await bench.clock.advance(2 * POLL_MS);
      expect(bench.looks).toEqual(['polled', 'polled']);
    });
  });

  it('a replaced folder is watched anew by the next poll', async () => {
    await withBench(async (bench) => {
      const { path, fake, clock, looks } = bench;
      await stands(bench);
      await rename(path, `${path}-old`);
      await mkdir(path);
      try {
        await clock.advance(POLL_MS);
        await until(() => fake.calls() === 2, 'the second watch');
        expect(fake.open()).toEqual([path]);
        await clock.advance(DEBOUNCED_MS);
        expect(looks).toEqual(['polled', 'notified']);
      } finally {
        await rm(`${path}-old`, { recursive: true });
      }
    });
  });
});

describe('A folder that is missing', () => {
  it('is looked for where it would appear, and nothing else there matters', async () => {
    await withTemporaryFolder(async (folder) => {
      await withBench(
        async (bench) => {
          const { fake, clock, looks } = bench;
          await stands(bench);
          expect(fake.open()).toEqual([folder.path]);
          fake.emit(folder.path, 'rename', 'y');
          fake.emit(folder.path, 'change', 'other');
          await clock.advance(DEBOUNCED_MS);
          expect(looks).toEqual([]);
          fake.emit(folder.path, 'rename', 'x');
          await clock.advance(DEBOUNCED_MS);
          expect(looks).toEqual(['notified']);
        },
        { folders: () => [folder.file('x', 'y')] },
      );
    });
  });
});

describe('A watch that breaks', () => {
  it('is made again at once', async () => {
    await withBench(async (bench) => {
      await stands(bench);
      bench.fake.fail(bench.path);
      expect(bench.fake.open()).toEqual([]);
      await bench.clock.advance(DEBOUNCED_MS);
      await until(() => bench.fake.open().length === 1, 'the new watch');
    });
  });

  it('again and again is left alone until the next poll', async () => {
    await withBench(async (bench) => {
      const { fake, path, clock } = bench;
      await stands(bench);
      fake.fail(path);
      await clock.advance(DEBOUNCED_MS);
      await until(() => fake.open().length === 1);
      fake.fail(path);
      await clock.advance(POLL_MS / 2);
      expect(fake.calls()).toBe(2);
      await clock.advance(POLL_MS / 2);
      await until(() => fake.calls() === 3, 'the watch that the poll makes');
    });
  });
});

describe('The folders to watch', () => {
  it('are asked for again after every look: new ones are watched, and those gone are not', async () => {
    await withTemporaryFolder(async (folder) => {
      await Promise.all([mkdir(folder.file('a')), mkdir(folder.file('b')), mkdir(folder.file('c'))]);
      let folders = [folder.file('a'), folder.file('b')];
      await withBench(
        async (bench) => {
          await stands(bench);
          folders = [folder.file('b'), folder.file('c')];
          await bench.watch.lookNow();
          await until(() => bench.fake.open().includes(folder.file('c')), 'the new folder');
          expect(bench.fake.open()).toEqual([folder.file('b'), folder.file('c')]);
          expect(bench.fake.calls()).toBe(3);
          // What happened in it before it was watched is looked at, too.
          await bench.clock.advance(DEBOUNCED_MS);
          expect(bench.looks).toEqual(['notified', 'notified']);
        },
        { folders: () => folders },
      );
    });
  });

  it('stay the same when they cannot be told', async () => {
    let isBroken = false;
    await withTemporaryFolder(async ({ path }) => {
      await withBench(
        async (bench) => {
          await stands(bench);
          isBroken = true;
          await bench.clock.advance(2 * POLL_MS);
          expect(bench.looks).toEqual(['polled', 'polled']);
          expect(bench.fake.open()).toEqual([path]);
        },
        {
          folders: () => {
            if (isBroken) throw new Error('no luck');
            return [path];
          },
        },
      );
    });
  });
});
