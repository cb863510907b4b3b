// The suite is for other people's storages: it must find what they get wrong.
import { describe, expect, it } from '@jest/globals';
import { memoryStorage } from '../../src/storage/memory-storage.js';
import type { Storage } from '../../src/storage/storage.js';
import { storageConformance } from '../../src/testing/index.js';

/** The names of the cases that a storage fails, each run on a new one. */
async function failuresOf(make: () => Storage): Promise<string[]> {
  const open = () => {
    const storage = make();
    return Promise.resolve({ storage, another: () => storage, close: () => undefined });
  };
  const failed: string[] = [];
  for (const { name, run } of storageConformance(open)) await run().catch(() => failed.push(name));
  return failed;
}

const flawed: Record<
  string,
  { readonly flaw: (sound: Storage) => Partial<Storage>; readonly found: string }
> = {
  'ignores versions': {
    flaw: (sound) => ({ put: (key, bytes, { lease } = {}) => sound.put(key, bytes, lease && { lease }) }),
    found: 'lets one of twenty parallel creators win',
  },
  'checks versions before it writes, but not at once': {
    flaw: (sound) => ({
      put: async (key, bytes, { ifVersion, ...rest } = {}) => {
        const version = (await sound.get(key))?.version ?? null;
        return sound.put(key, bytes, ifVersion === undefined || ifVersion === version ? rest : { ifVersion });
      },
    }),
    found: 'lets one of twenty parallel replacements of the same version win',
  },
  'ignores leases': {
    flaw: (sound) => ({
      put: (key, bytes, { ifVersion } = {}) =>
        sound.put(key, bytes, ifVersion === undefined ? {} : { ifVersion }),
      delete: (key) => sound.delete(key),
    }),
    found: 'refuses a late write of an earlier holder, whether or not its successor has written',
  },
  'forgets to check leases when it deletes': {
    flaw: (sound) => ({ delete: (key) => sound.delete(key) }),
    found: 'refuses writes and deletions under a lease that was released',
  },
  'folds capitals': {
    flaw: (sound) => ({
      get: (key) => sound.get(key.toLowerCase()),
      put: (key, bytes, options) => sound.put(key.toLowerCase(), bytes, options),
    }),
    found: 'takes every valid key, however unusual, and tells capitals apart',
  },
  'lists by folder instead of by prefix': {
    flaw: (sound) => ({ list: (prefix) => sound.list(prefix === '' ? '' : prefix.replace(/[^/]+$/, '')) }),
    found: 'lists the keys that start with a prefix, and no others',
  },
  'stores text': {
    flaw: (sound) => ({
      put: (key, bytes, options) => sound.put(key, Buffer.from(Buffer.from(bytes).toString()), options),
    }),
    found: 'keeps every byte, also of an empty and of a large value',
  },
  'tells of refused writes': {
    flaw: (sound) => {
      const told = new Set<(key: string) => void>();
      return {
        put: (key, bytes, options) => {
          for (const tell of told) tell(key);
          return sound.put(key, bytes, options);
        },
        watch: (prefix, onChange) => {
          told.add(onChange);
          return sound.watch?.(prefix, onChange) ?? (() => undefined);
        },
      };
    },
    found: 'tells a watch nothing of a write that was refused',
  },
};

describe('the conformance suite for storages', () => {
  it('passes a sound storage, also one without watch', async () => {
    expect(await failuresOf(memoryStorage)).toEqual([]);
    const withoutWatch = (): Storage => {
      const storage: Storage = memoryStorage();
      delete storage.watch;
      return storage;
    };
    expect(await failuresOf(withoutWatch)).toEqual([]);
  });

  for (const [what, { flaw, found }] of Object.entries(flawed)) {
    it(`finds a storage that ${what}`, async () => {
      const failed = await failuresOf(() => {
        const sound = memoryStorage();
        return { ...sound, ...flaw(sound) };
      });
      expect(failed).toContain(found);
    });
  }

  it('closes what it opened, also when a case fails', async () => {
    let open = 0;
    const cases = storageConformance(() => {
      open += 1;
      const broken: Storage = { ...memoryStorage(), get: () => Promise.reject(new Error('broken')) };
      return Promise.resolve({
        storage: broken,
        another: () => broken,
        close: () => {
          open -= 1;
        },
      });
    });
    await Promise.allSettled(cases.map(({ run }) => run()));
    expect(open).toBe(0);
  });

  it('names every case differently', () => {
    const names = storageConformance(() => Promise.reject(new Error('never opened'))).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
