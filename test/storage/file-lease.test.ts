import { describe, expect, it } from '@jest/globals';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { claimLease, endLease, readLease, takeLease } from '../../src/storage/file-lease.js';
import { pathsIn, temporaryFolder } from './temporary-folder.js';

const LEASES = 60;
const leaseMs = 30_000;

describe('a lease', () => {
  it('has one holder, however many try to take it side by side', async () => {
    const folder = join(await temporaryFolder(), 'k');
    const tokens: number[] = [];
    let holders = 0;
    let mostHolders = 0;
    const takeMany = async (): Promise<void> => {
      while (tokens.length < LEASES) {
        const token = await takeLease(folder, leaseMs);
        if (token === undefined) continue;
        tokens.push(token);
        holders += 1;
        mostHolders = Math.max(mostHolders, holders);
        await setImmediate();
        holders -= 1;
        await endLease(folder, token);
      }
    };
    await Promise.all(Array.from({ length: 6 }, takeMany));
    expect(mostHolders).toBe(1);
    expect(new Set(tokens).size).toBe(tokens.length);
  });

  const afterThree = async () => {
    const folder = join(await temporaryFolder(), 'k');
    for (let round = 0; round < 3; round += 1)
      await endLease(folder, (await takeLease(folder, leaseMs)) ?? 0);
    expect(await readLease(folder)).toEqual({ token: 3, isHeld: false });
    return folder;
  };

  for (const token of [1, 2, 3]) {
    it(`is not made again by someone who read long ago that ${token} is the next token`, async () => {
      const folder = await afterThree();
      expect(await claimLease(folder, { token, leaseMs })).toBe(false);
      expect(await pathsIn(folder, /~held$/)).toEqual([]);
      expect(await takeLease(folder, leaseMs)).toBe(4);
    });
  }

  it('stays with its holder while someone late tries to make an earlier one', async () => {
    const folder = await afterThree();
    expect(await takeLease(folder, leaseMs)).toBe(4);
    expect(await claimLease(folder, { token: 2, leaseMs })).toBe(false);
    expect(await claimLease(folder, { token: 4, leaseMs })).toBe(false);
    expect(await readLease(folder)).toEqual({ token: 4, isHeld: true });
  });

  it('is free although someone late was killed after making its folder again', async () => {
    const folder = await afterThree();
    await mkdir(join(folder, '0000000003~held'));
    expect(await readLease(folder)).toEqual({ token: 3, isHeld: false });
    expect(await takeLease(folder, leaseMs)).toBe(4);
  });
});
