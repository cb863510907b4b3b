// Real processes that are killed or stopped in the middle of their work.
import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { fileStorage } from '../../src/storage/file-storage.js';
import { startChild } from './child.js';
import { pathsIn, temporaryFolder } from './temporary-folder.js';

const text = async (folder: string, key: string) => {
  const value = await fileStorage(folder).get(key);
  return value && Buffer.from(value.bytes).toString();
};

describe('a lease', () => {
  it('passes on after its holder was killed, but not before leaseMs', async () => {
    const folder = await temporaryFolder();
    const holder = startChild('lease-holder', folder, '900');
    expect(await holder.line()).toBe('token 1');
    await holder.kill();
    const killedAt = Date.now();

    const lease = await fileStorage(folder).lock('k');
    expect(Date.now() - killedAt).toBeGreaterThanOrEqual(890);
    expect(lease.token).toBe(2);
    await lease.release();
  });

  it('stays with a holder that is alive, however long others wait', async () => {
    const folder = await temporaryFolder();
    // Long enough for a sign of life to come in time from a process that others starve.
    const holder = startChild('lease-holder', folder, '3000');
    expect(await holder.line()).toBe('token 1');

    const tooLong = AbortSignal.timeout(6_500);
    await expect(fileStorage(folder).lock('k', { signal: tooLong })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    holder.say('put mine');
    expect(await holder.line()).toBe('put');
  });

  it('is lost by a holder that was stopped: its signal aborts, its writes are refused', async () => {
    const folder = await temporaryFolder();
    const holder = startChild('lease-holder', folder, '600');
    expect(await holder.line()).toBe('token 1');
    holder.signal('SIGSTOP');
    const lease = await fileStorage(folder).lock('k');
    await fileStorage(folder).put('k', Buffer.from('successor'), { lease });

    holder.say('put late');
    holder.signal('SIGCONT');
    expect([await holder.line(), await holder.line()].sort()).toEqual([
      'STORAGE_LEASE_LOST',
      'lost STORAGE_LEASE_LOST',
    ]);
    expect(await text(folder, 'k')).toBe('successor');
    await lease.release();
  });

  it('is passed to a waiting process when it is released', async () => {
    const folder = await temporaryFolder();
    const lease = await fileStorage(folder).lock('k');
    const waiting = startChild('lease-holder', folder, '30000');
    await lease.release();
    expect(await waiting.line()).toBe('token 2');
  });
});

describe('values', () => {
  it('are intact after writers were killed thirty times in the middle of their work', async () => {
    const folder = await temporaryFolder();
    const damaged: string[] = [];
    const storage = fileStorage(folder, { onDamaged: (key) => damaged.push(key) });
    let found = 0;
    const killOnceMore = async (): Promise<void> => {
      const writer = startChild('writer', folder);
      await writer.line();
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
      await writer.kill();
      for (const key of ['k0', 'k1', 'k2']) {
        const value = await storage.get(key);
        if (value === undefined) continue;
        const body = value.bytes.subarray(32);
        expect(Buffer.compare(createHash('sha256').update(body).digest(), value.bytes.subarray(0, 32))).toBe(
          0,
        );
        found += 1;
      }
    };
    const lane = async (): Promise<void> => {
      for (let round = 0; round < 10; round += 1) await killOnceMore();
    };
    await Promise.all([lane(), lane(), lane()]);

    expect(found).toBeGreaterThan(30);
    expect(damaged).toEqual([]);
    for (const key of ['k0', 'k1', 'k2']) {
      await storage.put(key, Buffer.from('1'));
      await storage.put(key, Buffer.from('2'));
    }
    expect(await pathsIn(folder, /~tmp$/)).toEqual([]);
    expect(await pathsIn(folder, /~gen$/)).toHaveLength(6);
  });

  it('lose no update when two processes replace by version, two hundred times each', async () => {
    const folder = await temporaryFolder();
    const children = [startChild('counter', folder, '200'), startChild('counter', folder, '200')];
    expect(await Promise.all(children.map((child) => child.ended()))).toEqual([0, 0]);
    expect(await text(folder, 'count')).toBe('400');
  });
});
