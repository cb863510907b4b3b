// Writers stopped at the worst instants, by doing by hand what the other process would have done.
import { describe, expect, it } from '@jest/globals';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fence, endLease, fenceOf, takeLease } from '../../src/storage/file-lease.js';
import { type Place, readNewest, removeGenerations, writeGeneration } from '../../src/storage/generations.js';
import { pathsIn, temporaryFolder } from './temporary-folder.js';

const bytes = (text: string) => Buffer.from(text);
const place = async (): Promise<Place> => ({
  key: 'k',
  folder: join(await temporaryFolder(), 'k'),
  onDamaged: (key, path) => {
    throw new Error(`${key} is damaged: ${path}`);
  },
});
const textOf = async (where: Place) => {
  const { value } = await readNewest(where);
  return value && Buffer.from(value.bytes).toString();
};

/** A fence that does `meanwhile` after the lease was found to be held, and before the write. */
function stoppedAfterCheck(fence: Fence, meanwhile: () => Promise<void>): Fence {
  let isFirst = true;
  return {
    ...fence,
    assertHeld: async () => {
      await fence.assertHeld();
      if (isFirst) {
        isFirst = false;
        await meanwhile();
      }
    },
  };
}

describe('a write delayed between the check of its lease and its rename', () => {
  const underLease = async () => {
    const where = await place();
    const token = (await takeLease(where.folder, 30_000)) ?? 0;
    return { where, token, fence: fenceOf(where.folder, { key: 'k', token }) };
  };

  it('changes nothing when its lease has passed on, although the successor has not written', async () => {
    const { where, token, fence } = await underLease();
    await writeGeneration(where, bytes('before'), { fence });
    const late = stoppedAfterCheck(fence, async () => {
      await endLease(where.folder, token);
      expect(await takeLease(where.folder, 30_000)).toBe(token + 1);
    });
    await expect(writeGeneration(where, bytes('late'), { fence: late })).rejects.toMatchObject({
      code: 'STORAGE_LEASE_LOST',
    });
    expect(await textOf(where)).toBe('before');
  });

  it('changes nothing when its successor has written', async () => {
    const { where, token, fence } = await underLease();
    const late = stoppedAfterCheck(fence, async () => {
      await endLease(where.folder, token);
      const next = (await takeLease(where.folder, 30_000)) ?? 0;
      await writeGeneration(where, bytes('successor'), {
        fence: fenceOf(where.folder, { key: 'k', token: next }),
      });
    });
    await expect(writeGeneration(where, bytes('late'), { fence: late })).rejects.toMatchObject({
      code: 'STORAGE_LEASE_LOST',
    });
    expect(await textOf(where)).toBe('successor');
  });

  it('deletes nothing either', async () => {
    const { where, token, fence } = await underLease();
    await writeGeneration(where, bytes('before'), { fence });
    const late = stoppedAfterCheck(fence, () => endLease(where.folder, token));
    await expect(removeGenerations(where, late)).rejects.toMatchObject({ code: 'STORAGE_LEASE_LOST' });
    expect(await textOf(where)).toBe('before');
  });

  it('is refused by its token when the newest generation was written under a later lease', async () => {
    const { where, fence } = await underLease();
    const later = { ...fence, lease: { key: 'k', token: 9 } };
    await writeGeneration(where, bytes('later'), { fence: later });
    await expect(writeGeneration(where, bytes('late'), { fence })).rejects.toMatchObject({
      code: 'STORAGE_LEASE_LOST',
    });
    expect(await textOf(where)).toBe('later');
  });
});

describe('a replacement delayed between the check of its version and its rename', () => {
  /** Writes by version under a fence that is always held, with something happening in between. */
  const replaceLate = async (where: Place, meanwhile: () => Promise<void>): Promise<string> => {
    const lockFolder = join(where.folder, '..', 'lock');
    const token = (await takeLease(lockFolder, 30_000)) ?? 0;
    const fence = stoppedAfterCheck(fenceOf(lockFolder, { key: 'lock', token }), meanwhile);
    const { value } = await readNewest(where);
    return writeGeneration(where, bytes('late'), { fence, ifVersion: value?.version ?? null });
  };
  const writeTimes = async (where: Place, times: number) => {
    for (let round = 0; round < times; round += 1) await writeGeneration(where, bytes(`other ${round}`), {});
  };

  for (const times of [1, 2, 3, 8]) {
    it(`conflicts when others wrote ${times} times, although its number may have been swept since`, async () => {
      const where = await place();
      await writeTimes(where, 3);
      await expect(replaceLate(where, () => writeTimes(where, times))).rejects.toMatchObject({
        code: 'STORAGE_VERSION_CONFLICT',
      });
      expect(await textOf(where)).toBe(`other ${times - 1}`);
    });
  }

  it('conflicts when the value was deleted, and does not bring it back', async () => {
    const where = await place();
    await writeTimes(where, 3);
    await expect(replaceLate(where, () => removeGenerations(where, undefined))).rejects.toMatchObject({
      code: 'STORAGE_VERSION_CONFLICT',
    });
    expect(await textOf(where)).toBeUndefined();
  });

  it('conflicts when the value was deleted and made anew up to the same number', async () => {
    const where = await place();
    await writeTimes(where, 3);
    const meanwhile = async () => {
      await removeGenerations(where, undefined);
      await writeTimes(where, 3);
    };
    await expect(replaceLate(where, meanwhile)).rejects.toMatchObject({ code: 'STORAGE_VERSION_CONFLICT' });
    expect(await textOf(where)).toBe('other 2');
  });

  it('conflicts when it creates what was created, deleted and created meanwhile', async () => {
    const where = await place();
    const meanwhile = async () => {
      await writeTimes(where, 1);
      await removeGenerations(where, undefined);
      await writeTimes(where, 1);
    };
    await expect(replaceLate(where, meanwhile)).rejects.toMatchObject({ code: 'STORAGE_VERSION_CONFLICT' });
    expect(await textOf(where)).toBe('other 0');
  });
});

describe('a deletion that was cut short', () => {
  it('is a deletion, and the next one clears up what it left', async () => {
    const where = await place();
    await writeGeneration(where, bytes('a private key'), {});
    await mkdir(join(where.folder, '0000000002~gen'));
    expect(await textOf(where)).toBeUndefined();
    await removeGenerations(where, undefined);
    expect(await pathsIn(where.folder, /0000000001/)).toEqual([]);
    await writeGeneration(where, bytes('anew'), { ifVersion: null });
    await writeGeneration(where, bytes('newer'), {});
    expect(await textOf(where)).toBe('newer');
    expect(await pathsIn(where.folder)).toHaveLength(2);
  });
});
