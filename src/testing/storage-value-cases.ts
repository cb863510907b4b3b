/** What a storage promises about values, versions and keys. */
import { deepEqual, equal, notEqual } from 'node:assert/strict';
import type { Storage } from '../storage/storage.js';
import { bytesOf, keysOf, type Promised, rejectsWith, textAt } from './conformance-case.js';

const WRITERS = 20;
const INVALID_KEYS = [
  '',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  'a/../b',
  'a\\b',
  'a b',
  'ä',
  'a\0',
  '~a',
  'x'.repeat(201),
  'x/'.repeat(256) + 'x',
];
const UNUSUAL_KEYS = [
  'a',
  'A',
  'a/b',
  '...',
  '.hidden',
  '*.example.com',
  'aux.example.com',
  'a.',
  'user@host+tag',
  'aB'.repeat(100),
  'x/'.repeat(255) + 'x',
];

/** Cases about values. */
export const storedValues: Promised[] = [
  {
    name: 'gives back what was put, to every handle',
    async check({ storage, another }) {
      const { version } = await storage.put('certificates/example.com', bytesOf('one'));
      equal(await textAt(storage, 'certificates/example.com'), 'one');
      const seen = await (await another()).get('certificates/example.com');
      equal(seen?.version, version);
    },
  },
  {
    name: 'has nothing at a key that was never put',
    async check({ storage }) {
      equal(await storage.get('absent/key'), undefined);
    },
  },
  {
    name: 'keeps every byte, also of an empty and of a large value',
    async check({ storage }) {
      const every = Uint8Array.from({ length: 256 }, (_, index) => index);
      const large = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7) % 251);
      for (const bytes of [every, new Uint8Array(), large]) {
        await storage.put('bytes', bytes);
        equal(Buffer.compare((await storage.get('bytes'))?.bytes ?? bytesOf('absent'), bytes), 0);
      }
    },
  },
  {
    name: 'keeps its own copy of what is put and gives out copies',
    async check({ storage }) {
      const bytes = bytesOf('original');
      await storage.put('copy', bytes);
      bytes.fill(0);
      (await storage.get('copy'))?.bytes.fill(0);
      equal(await textAt(storage, 'copy'), 'original');
    },
  },
  {
    name: 'serves the newest value after it was overwritten, with a new version each time',
    async check({ storage }) {
      const versions = new Set<string>();
      for (let round = 1; round <= 5; round += 1) {
        const { version } = await storage.put('k', bytesOf('same'));
        versions.add(version);
        equal((await storage.get('k'))?.version, version);
      }
      equal(versions.size, 5);
    },
  },
  {
    name: 'writes only if absent when ifVersion is null',
    async check({ storage }) {
      await storage.put('k', bytesOf('first'), { ifVersion: null });
      await rejectsWith('STORAGE_VERSION_CONFLICT', storage.put('k', bytesOf('second'), { ifVersion: null }));
      equal(await textAt(storage, 'k'), 'first');
    },
  },
  {
    name: 'replaces exactly the version named by ifVersion',
    async check({ storage }) {
      const first = await storage.put('k', bytesOf('first'));
      const second = await storage.put('k', bytesOf('second'), { ifVersion: first.version });
      await rejectsWith(
        'STORAGE_VERSION_CONFLICT',
        storage.put('k', bytesOf('x'), { ifVersion: first.version }),
      );
      await storage.delete('k');
      await rejectsWith(
        'STORAGE_VERSION_CONFLICT',
        storage.put('k', bytesOf('x'), { ifVersion: second.version }),
      );
      equal(await storage.get('k'), undefined);
    },
  },
  {
    name: 'never gives a version of a deleted value to its successor',
    async check({ storage }) {
      const before = await storage.put('k', bytesOf('same'));
      await storage.delete('k');
      const after = await storage.put('k', bytesOf('same'));
      notEqual(after.version, before.version);
    },
  },
  {
    name: 'lets one of twenty parallel creators win',
    async check({ storage, another }) {
      const handles = [storage, await another()];
      const texts = await winners(handles, (handle, index) =>
        handle.put('k', bytesOf(String(index)), { ifVersion: null }),
      );
      equal(texts.length, 1);
      equal(await textAt(storage, 'k'), String(texts[0]));
    },
  },
  {
    name: 'lets one of twenty parallel replacements of the same version win',
    async check({ storage, another }) {
      const handles = [storage, await another()];
      const { version } = await storage.put('k', bytesOf('start'));
      const won = await winners(handles, (handle, index) =>
        handle.put('k', bytesOf(String(index)), { ifVersion: version }),
      );
      equal(won.length, 1);
      equal(await textAt(storage, 'k'), String(won[0]));
    },
  },
  {
    name: 'takes parallel writes without conditions, and the last one stays',
    async check({ storage }) {
      const puts = Array.from({ length: 5 }, (_, index) => storage.put('k', bytesOf(String(index))));
      const versions = (await Promise.all(puts)).map(({ version }) => version);
      equal(new Set(versions).size, 5);
      equal(versions.includes((await storage.get('k'))?.version ?? ''), true);
    },
  },
  {
    name: 'lists the keys that start with a prefix, and no others',
    async check({ storage }) {
      for (const key of ['a', 'a/b', 'a/b/c', 'a/bc', 'ab', 'B/b']) await storage.put(key, bytesOf(key));
      deepEqual(await keysOf(storage, ''), ['B/b', 'a', 'a/b', 'a/b/c', 'a/bc', 'ab']);
      deepEqual(await keysOf(storage, 'a'), ['a', 'a/b', 'a/b/c', 'a/bc', 'ab']);
      deepEqual(await keysOf(storage, 'a/'), ['a/b', 'a/b/c', 'a/bc']);
      deepEqual(await keysOf(storage, 'a/b'), ['a/b', 'a/b/c', 'a/bc']);
      deepEqual(await keysOf(storage, 'a/b/c'), ['a/b/c']);
      deepEqual(await keysOf(storage, '../'), []);
    },
  },
  {
    name: 'deletes one key alone, and takes it for absent afterwards',
    async check({ storage, another }) {
      await storage.put('a', bytesOf('1'));
      await storage.put('a/b', bytesOf('2'));
      await storage.delete('a');
      await storage.delete('a');
      await storage.delete('never/there');
      equal(await (await another()).get('a'), undefined);
      deepEqual(await keysOf(storage, ''), ['a/b']);
      await storage.put('a', bytesOf('3'), { ifVersion: null });
      equal(await textAt(storage, 'a'), '3');
    },
  },
  {
    name: 'takes every valid key, however unusual, and tells capitals apart',
    async check({ storage }) {
      for (const key of UNUSUAL_KEYS) await storage.put(key, bytesOf(key));
      for (const key of UNUSUAL_KEYS) equal(await textAt(storage, key), key);
      deepEqual(await keysOf(storage, ''), [...UNUSUAL_KEYS].sort());
    },
  },
  {
    name: 'refuses what is no key',
    async check({ storage }) {
      for (const key of INVALID_KEYS) {
        await rejectsWith('STORAGE_KEY_INVALID', storage.get(key));
        await rejectsWith('STORAGE_KEY_INVALID', storage.put(key, bytesOf('x')));
        await rejectsWith('STORAGE_KEY_INVALID', storage.delete(key));
        await rejectsWith('STORAGE_KEY_INVALID', storage.lock(key));
      }
    },
  },
];

/** The numbers of the writers who did not lose; whoever loses must be told of the conflict. */
async function winners(
  handles: readonly Storage[],
  write: (handle: Storage, index: number) => Promise<unknown>,
): Promise<number[]> {
  const won: number[] = [];
  const attempts = Array.from({ length: WRITERS }, async (_, index) => {
    const handle = handles[index % handles.length] as Storage;
    const attempt = write(handle, index).then(() => won.push(index));
    await attempt.catch(() => rejectsWith('STORAGE_VERSION_CONFLICT', attempt));
  });
  await Promise.all(attempts);
  return won;
}
