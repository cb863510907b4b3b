// A file pair while its files change, by real files, the system's clock and the system's notifications.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { chmod, mkdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { filePair } from '../../src/sources/file-pair.js';
import { recordingHost } from '../issuance/support/source-host.js';
import { type LeafRequest, testCa, type TestPair } from '../support/certificates.js';
import { manualClock, settled } from '../support/manual-clock.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { withoutPolls } from '../support/without-polls.js';
import { SWAPPINGS } from './support/pair-swaps.js';
import { type WatchedPair, withWatchedPair } from './support/watched-pair.js';

const { signal } = new AbortController();
let first: TestPair;
let second: TestPair;

beforeAll(async () => {
  [first, second] = [await pairOf('1001'), await pairOf('1002')];
});

function pairOf(serialNumber: string, request: Partial<LeafRequest> = {}): Promise<TestPair> {
  return testCa().then((ca) => ca.issue({ names: ['a.test'], serialNumber, ...request }));
}

function codes({ host }: WatchedPair): string[] {
  return host.findings.map(({ code }) => code);
}

describe('files that are replaced while the server runs', () => {
  it.each(Object.keys(SWAPPINGS))('are loaded without a word of complaint when they are %s', async (name) => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { replace, ...files } = await SWAPPINGS[name]!(folder, first);
      await withWatchedPair(
        files,
        async (pair) => {
          expect(pair.serial()).toBe('1001');
          // More than once: what a watch is attached to may be gone after the first time. No poll comes to its help.
          for (const [round, next] of [second, first, second].entries()) {
            await replace(next);
            await until(() => pair.serial() === (next === first ? '1001' : '1002'), 'it serves');
            await until(() => pair.host.events.length === round + 2, 'it is told');
          }
          expect(codes(pair)).toEqual([]);
          expect(pair.host.events.slice(1)).toMatchObject(Array(3).fill({ action: 'reloaded' }) as unknown[]);
        },
        { clock: withoutPolls },
      );
    });
  });

  it('are read by polling where nobody is notified', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { certFile, keyFile } = await first.writeTo(folder, 'pair');
      const clock = manualClock(); // Notifications wait for it, too: only the poll comes to look.
      const source = filePair({ certFile, keyFile });
      const host = recordingHost({ clock });
      await source.start?.(host);
      await second.writeTo(folder, 'pair');
      await clock.advance(1_000);
      await until(() => host.events.length === 2, 'the reload');
      expect([...(source.list?.() ?? [])]).toMatchObject([{ serialNumber: '1002' }]);
      await source.close?.();
      expect(clock.pendingTimers).toBe(0);
    });
  });

  it('make no event when their content is the same', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { certFile, keyFile } = await first.writeTo(folder, 'pair');
      await withWatchedPair({ certFile, keyFile }, async ({ source, host }) => {
        const before = await source.default?.();
        await first.writeTo(folder, 'pair');
        await utimes(certFile, 1, 1);
        await wait(400);
        await source.reload?.({ signal });
        expect(await source.default?.()).toBe(before);
        expect(host.events).toHaveLength(1);
      });
    });
  });

  it('are told of as changed for the names of both certificates', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { certFile, keyFile } = await first.writeTo(folder, 'pair');
      await withWatchedPair({ certFile, keyFile }, async ({ source, host }) => {
        await (await pairOf('1003', { names: ['b.test'] })).writeTo(folder, 'pair');
        await source.reload?.({ signal });
        expect(host.changes.at(-1)).toEqual(['a.test', 'b.test']);
      });
    });
  });
});

describe('a replacement that cannot serve', () => {
  it('leaves the old pair in place, is told with its reason once it lasts, and taken back once mended', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { certFile, keyFile } = await first.writeTo(folder, 'pair');
      await withWatchedPair({ certFile, keyFile }, async (pair) => {
        const began = performance.now();
        await writeFile(certFile, second.cert); // Its key never comes.
        await until(() => codes(pair).includes('RELOAD_REJECTED'), 'it is told');
        expect(performance.now() - began).toBeGreaterThan(900);
        const [finding] = pair.host.findings;
        expect(finding).toMatchObject({ severity: 'error', names: ['a.test'] });
        expect(finding?.message).toContain('TLS_KEY_MISMATCH');
        expect(finding?.message).toContain(keyFile);
        expect(finding?.message).toMatch(/serial 1001\) still serves; it is valid until 20\d\d-/);
        expect(pair.serial()).toBe('1001');
        await writeFile(keyFile, second.key);
        await until(() => pair.serial() === '1002', 'it serves');
        expect(pair.host.resolvedCodes).toEqual(['RELOAD_REJECTED']);
      });
    });
  });

  it.each<readonly [string, string, (files: { certFile: string; keyFile: string }) => Promise<void>]>([
    ['is missing', 'TLS_FILE_NOT_FOUND', ({ keyFile }) => rm(keyFile)],
    ['is empty', 'TLS_FILE_EMPTY', ({ certFile }) => writeFile(certFile, '')],
    ['is cut off', 'TLS_PEM_INVALID', ({ certFile }) => writeFile(certFile, second.cert.slice(0, 300))],
    [
      'is a folder now',
      'TLS_FILE_IS_DIRECTORY',
      async ({ keyFile }) => {
        await rm(keyFile);
        await mkdir(keyFile);
      },
    ],
    [
      'and its folder are gone',
      'TLS_FILE_NOT_FOUND',
      ({ keyFile }) => rm(join(keyFile, '..'), { recursive: true }),
    ],
  ])('is named when a file %s', async (_what, code, spoil) => {
    await withTemporaryFolder(async ({ path }) => {
      const folder = join(path, 'certs');
      const { certFile, keyFile } = await first.writeTo(folder, 'pair');
      await withWatchedPair({ certFile, keyFile }, async (pair) => {
        await spoil({ certFile, keyFile });
        await until(() => codes(pair).includes('RELOAD_REJECTED'), 'it is told');
        expect(pair.host.findings[0]?.message).toContain(code);
        expect(pair.serial()).toBe('1001');
        await rm(folder, { recursive: true, force: true });
        await second.writeTo(folder, 'pair');
        await until(() => pair.serial() === '1002', 'it serves again');
      });
    });
  });

  it('is told once for each reason, however often it is looked at', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { certFile, keyFile } = await first.writeTo(folder, 'pair');
      await withWatchedPair({ certFile, keyFile }, async (pair) => {
        await writeFile(certFile, '');
        await until(() => pair.host.findings.length > 0, 'it is told');
        for (let touch = 0; touch < 3; touch += 1) {
          await writeFile(certFile, '\n'.repeat(touch));
          await wait(100);
        }
        await wait(1_200);
        expect(codes(pair)).toEqual(['RELOAD_REJECTED']);
        await writeFile(certFile, 'garbage');
        await until(() => pair.host.findings.length === 2, 'the other reason is told');
        expect(pair.host.resolvedCodes).toEqual(['RELOAD_REJECTED']);
      });
    });
  });

  it('rejects reload() at once, and is a finding, too', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { certFile, keyFile } = await first.writeTo(folder, 'pair');
      await withWatchedPair({ certFile, keyFile }, async (pair) => {
        await writeFile(keyFile, second.key);
        await expect(pair.source.reload?.({ signal })).rejects.toMatchObject({ code: 'TLS_KEY_MISMATCH' });
        expect(codes(pair)).toEqual(['RELOAD_REJECTED']);
        expect(pair.serial()).toBe('1001');
      });
    });
  });

  it('includes, in strict mode, one that would have kept the server from starting', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { certFile, keyFile } = await first.writeTo(folder, 'pair');
      const watch = async (pair: WatchedPair): Promise<void> => {
        await (await pairOf('1003', { names: [], commonName: 'nobody' })).writeTo(folder, 'pair');
        await expect(pair.source.reload?.({ signal })).rejects.toThrow('strict:');
        expect(pair.serial()).toBe('1001');
      };
      await withWatchedPair({ certFile, keyFile }, watch, { strict: true });
    });
  });
});

describe('a file pair that is closed', () => {
  it('leaves no timer behind while a fault is waited out', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { certFile, keyFile } = await first.writeTo(folder, 'pair');
      const clock = manualClock();
      const source = filePair({ certFile, keyFile });
      const host = recordingHost({ clock });
      await source.start?.(host);
      await writeFile(certFile, '');
      await clock.advance(1_000);
      await until(() => clock.pendingTimers > 1, 'the fault');
      await source.close?.();
      expect(clock.pendingTimers).toBe(0);
      await settled();
      expect(host.findings).toEqual([]);
      expect(await source.default?.()).toMatchObject({ serialNumber: '1001' });
    });
  });

  it('while it starts does not start', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { certFile, keyFile } = await first.writeTo(folder, 'pair');
      const clock = manualClock();
      const source = filePair({ certFile, keyFile });
      const starting = Promise.resolve(source.start?.(recordingHost({ clock })));
      const closing = source.close?.();
      await expect(starting).rejects.toMatchObject({ code: 'CLOSED' });
      await closing;
      expect(clock.pendingTimers).toBe(0);
    });
  });

  it('can be started again, and reads what is there then', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { certFile, keyFile } = await first.writeTo(folder, 'pair');
      const clock = manualClock();
      const source = filePair({ certFile, keyFile });
      await source.start?.(recordingHost({ clock }));
      await source.close?.();
      await second.writeTo(folder, 'pair');
      await source.start?.(recordingHost({ clock }));
      expect(await source.default?.()).toMatchObject({ serialNumber: '1002' });
      await source.close?.();
      expect(clock.pendingTimers).toBe(0);
    });
  });
});

describe('findings about the files themselves', () => {
  it('come and go with the mode of the key', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      await chmod(folder, 0o755);
      const { certFile, keyFile } = await first.writeTo(folder, 'pair');
      await withWatchedPair({ certFile, keyFile }, async (pair) => {
        await chmod(keyFile, 0o644);
        await until(() => codes(pair).includes('TLS_KEY_WORLD_READABLE'), 'it is told');
        await chmod(keyFile, 0o600);
        await until(() => pair.host.resolvedCodes.includes('TLS_KEY_WORLD_READABLE'), 'it is taken back');
        expect(pair.host.events).toHaveLength(1);
      });
    });
  });

  it('never make it write beside the files', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { certFile, keyFile } = await first.writeTo(folder, 'pair');
      await withWatchedPair({ certFile, keyFile }, async ({ source }) => {
        const before = await readFile(keyFile, 'utf8');
        await rename(certFile, `${certFile}.kept`);
        await source.reload?.({ signal }).catch(() => undefined);
        expect(await readFile(keyFile, 'utf8')).toBe(before);
        await expect(readFile(certFile)).rejects.toMatchObject({ code: 'ENOENT' });
      });
    });
  });
});
