import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileStorage } from '../../src/storage/file-storage.js';
import { startChild } from './child.js';
import { pathsIn, temporaryFolder } from './temporary-folder.js';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe('the folder', () => {
  it('and all in it is private although the umask is 0', async () => {
    const before = process.umask(0);
    try {
      const folder = join(await temporaryFolder(), 'a', 'b');
      const storage = fileStorage(folder);
      const lease = await storage.lock('locks/k');
      await storage.put('values/k', Buffer.from('x'), { lease });
      await storage.delete('values/k');
      await storage.put('values/K/deeper', Buffer.from('x'));
      const paths = await pathsIn(join(folder, '..'));
      expect(paths.length).toBeGreaterThan(8);
      for (const path of paths)
        expect(`${await modeOf(path)} ${path}`).toMatch((await stat(path)).isDirectory() ? /^700 / : /^600 /);
      await lease.release();
    } finally {
      process.umask(before);
    }
  });

  it('is not made by opening, reading, listing or watching', async () => {
    const folder = join(await temporaryFolder(), 'later');
    const storage = fileStorage(folder);
    const stop = storage.watch?.('', () => undefined);
    expect(await storage.get('k')).toBeUndefined();
    for await (const key of storage.list('')) throw new Error(`found ${key}`);
    stop?.();
    await expect(stat(folder)).rejects.toThrow('ENOENT');
  });

  it('keeps its mode when it was there before', async () => {
    const folder = await temporaryFolder();
    await chmod(folder, 0o750);
    await fileStorage(folder).put('k', Buffer.from('x'));
    expect(await modeOf(folder)).toBe('750');
  });

  it('must be named by a path', () => {
    expect(() => fileStorage('')).toThrow(TypeError);
    expect(() => fileStorage(7 as never)).toThrow('fileStorage: directory');
  });

  it('holds the newest two generations of a value and nothing of a deleted one', async () => {
    const folder = await temporaryFolder();
    const storage = fileStorage(folder);
    for (let round = 0; round < 6; round += 1) await storage.put('a/k', Buffer.from(String(round)));
    expect(await pathsIn(join(folder, 'a', 'k'))).toHaveLength(2);
    await storage.delete('a/k');
    expect(await pathsIn(folder, /^(?!~changes|\d{10}$)/)).toEqual([]);
  });
});

describe('a user without rights', () => {
  const stranger = async (folder: string) => {
    const child = startChild('stranger', folder, String(NOBODY));
    const said = [];
    for (let step = 0; step < 5; step += 1) said.push(await child.line());
    return said;
  };

  (isRoot ? it : it.skip)('is told which folder cannot be written, and whose it is', async () => {
    const folder = await temporaryFolder();
    await chmod(folder, 0o755);
    const [put, lock, remove, get, list] = await stranger(folder);
    expect(put).toMatch(/^STORAGE_NOT_WRITABLE .*uid 65534/);
    expect(put).toContain(`${folder} has mode 0755, owner uid 0`);
    expect(lock).toMatch(/^STORAGE_NOT_WRITABLE /);
    expect([remove, get, list]).toEqual(['fine', 'fine', 'fine']);
  });

  (isRoot ? it : it.skip)('is told that what is stored cannot be read', async () => {
    const folder = await temporaryFolder();
    await fileStorage(folder).put('k', Buffer.from('x'));
    const [put, lock, remove, get, list] = await stranger(folder);
    for (const said of [put, lock, remove]) expect(said).toMatch(/^STORAGE_NOT_WRITABLE /);
    for (const said of [get, list]) expect(said).toMatch(/^STORAGE_UNREADABLE .*mode 0700, owner uid 0/);
  });

  it('is told so when a file is where the folder should be', async () => {
    const path = join(await temporaryFolder(), 'file');
    await writeFile(path, '');
    const storage = fileStorage(path);
    await expect(storage.put('k', Buffer.from('x'))).rejects.toMatchObject({
      code: 'STORAGE_NOT_WRITABLE',
      path,
    });
    await expect(storage.get('k')).rejects.toMatchObject({ code: 'STORAGE_UNREADABLE', path });
  });
});

describe('a full disk', () => {
  (isRoot && process.platform === 'linux' ? it : it.skip)(
    'refuses the write and keeps the value',
    async () => {
      const folder = join(await temporaryFolder(), 'tiny');
      await mkdir(folder);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
      try {
        const storage = fileStorage(folder);
        await storage.put('k', Buffer.from('kept'));
        const refused = storage.put('k', Buffer.alloc(200_000));
        await expect(refused).rejects.toMatchObject({
          code: 'STORAGE_NOT_WRITABLE',
          hint: expect.stringContaining('full'),
        });
        expect(Buffer.from((await storage.get('k'))?.bytes ?? []).toString()).toBe('kept');
        expect(await pathsIn(folder, /~tmp$/)).toEqual([]);
      } finally {
        execFileSync('umount', [folder]);
      }
    },
  );
});

describe('a damaged generation', () => {
  const damages: Record<string, (path: string) => Promise<void>> = {
    'cut off': async (path) => truncate(path, (await stat(path)).size - 1),
    'cut off in its first line': (path) => truncate(path, 10),
    empty: (path) => truncate(path, 0),
    garbled: async (path) => {
      const file = await readFile(path);
      file.writeUInt8(file.readUInt8(file.length - 1) ^ 1, file.length - 1);
      await writeFile(path, file);
    },
    'full of zeros': async (path) => writeFile(path, Buffer.alloc((await stat(path)).size)),
  };
  const prepared = async (values: string[]) => {
    const folder = await temporaryFolder();
    const reported: string[] = [];
    const storage = fileStorage(folder, {
      onDamaged: (key, path) => {
        reported.push(`${key} ${path}`);
        throw new Error('a callback that fails');
      },
    });
    for (const value of values) await storage.put('a/k', Buffer.from(value));
    const files = (await pathsIn(folder, /~gen$/)).sort();
    return { folder, storage, reported, files };
  };
  const textOf = (value: { bytes: Uint8Array } | undefined) => value && Buffer.from(value.bytes).toString();

  for (const [how, damage] of Object.entries(damages)) {
    it(`that is ${how} is set aside, reported once, and the one before it is served`, async () => {
      const { folder, storage, reported, files } = await prepared(['first', 'second']);
      await damage(files[1] ?? '');
      expect(textOf(await storage.get('a/k'))).toBe('first');
      expect(textOf(await fileStorage(folder).get('a/k'))).toBe('first');
      expect(textOf(await storage.get('a/k'))).toBe('first');
      const [kept = ''] = await pathsIn(folder, /~damaged$/);
      expect(reported).toEqual([`a/k ${kept}`]);
    });
  }

  it('does not stand in the way of the next write, and is kept for a person to look at', async () => {
    const { folder, storage, files } = await prepared(['first', 'second']);
    await truncate(files[1] ?? '', 0);
    const version = (await storage.get('a/k'))?.version ?? null;
    await storage.put('a/k', Buffer.from('third'), { ifVersion: version });
    expect(textOf(await storage.get('a/k'))).toBe('third');
    expect(await pathsIn(folder, /~damaged$/)).toHaveLength(1);
    await storage.put('a/k', Buffer.from('fourth'));
    expect(await pathsIn(folder, /~gen$/)).toHaveLength(2);
  });

  it('is an error when nothing intact remains, until the key is written or deleted', async () => {
    const { storage, files } = await prepared(['first', 'second']);
    for (const file of files) await truncate(file, 5);
    await expect(storage.get('a/k')).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' });
    await expect(storage.put('a/k', Buffer.from('x'), { ifVersion: null })).rejects.toMatchObject({
      code: 'STORAGE_CORRUPT',
    });
    await storage.delete('a/k');
    expect(await storage.get('a/k')).toBeUndefined();
    await storage.put('a/k', Buffer.from('anew'), { ifVersion: null });
    expect(textOf(await storage.get('a/k'))).toBe('anew');
  });
});

describe('locking', () => {
  it('does not believe the time that a holder wrote, only that it changes', async () => {
    const folder = await temporaryFolder();
    const lease = await fileStorage(folder).lock('k', { leaseMs: 60_000 });
    await utimes(join(folder, 'k', '0000000001~held', 'beat'), 0, 0);
    const tooLong = AbortSignal.timeout(400);
    await expect(fileStorage(folder).lock('k', { signal: tooLong, leaseMs: 50 })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    await fileStorage(folder).put('k', Buffer.from('mine'), { lease });
    await lease.release();
  });

  it('refuses what is no duration', async () => {
    for (const leaseMs of [0, -1, Number.NaN, Infinity]) {
      await expect(fileStorage(await temporaryFolder()).lock('k', { leaseMs })).rejects.toThrow('leaseMs');
    }
  });

  it('is refused with a code where a file is in the place of the folder', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'k'), 'a file where a key would be');
    await expect(fileStorage(folder).lock('k')).rejects.toMatchObject({ code: 'STORAGE_NOT_WRITABLE' });
  });
});
