import { describe, expect, it } from '@jest/globals';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../src/clock.js';
import { fileStorage } from '../../src/storage/file-storage.js';
import { temporaryFolder } from './temporary-folder.js';

/** The system's timers under a clock that can be set. */
function settableClock(): Clock & { set(byMs: number): void } {
  let offsetMs = 0;
  return {
    ...systemClock,
    now: () => Date.now() + offsetMs,
    set: (byMs) => {
      offsetMs += byMs;
    },
  };
}

describe('a lease', () => {
  it('aborts its signal with the reason when another process took it', async () => {
    const folder = await temporaryFolder();
    const lease = await fileStorage(folder).lock('k', { leaseMs: 120 });
    const aborted = new Promise((resolve) => {
      lease.signal.addEventListener('abort', resolve);
    });
    await rename(join(folder, 'k', '0000000001~held'), join(folder, 'k', '0000000001~free'));
    await aborted;
    expect(lease.signal.reason).toMatchObject({ code: 'STORAGE_LEASE_LOST', key: 'k', token: 1 });
    await lease.release();
  });

  it('is lost when its folder is gone', async () => {
    const folder = await temporaryFolder();
    const storage = fileStorage(folder);
    const lease = await storage.lock('k', { leaseMs: 60_000 });
    await rm(join(folder, 'k'), { recursive: true });
    await expect(storage.put('k', Buffer.from('x'), { lease })).rejects.toMatchObject({
      code: 'STORAGE_LEASE_LOST',
    });
    await lease.release();
  });

  it('is not taken from its holder because the clock of who waits jumps forward', async () => {
    const folder = await temporaryFolder();
    const clock = settableClock();
    const lease = await fileStorage(folder).lock('k', { leaseMs: 60_000 });
    const waiting = fileStorage(folder, { clock }).lock('k', { signal: AbortSignal.timeout(600) });
    const jumps = setInterval(() => {
      clock.set(3_600_000);
    }, 50);
    await expect(waiting).rejects.toMatchObject({ name: 'TimeoutError' });
    clearInterval(jumps);
    await fileStorage(folder).put('k', Buffer.from('mine'), { lease });
    await lease.release();
  });

  it('is waited for no longer because a clock is set back', async () => {
    const folder = await temporaryFolder();
    const clock = settableClock();
    const lease = await fileStorage(folder).lock('k');
    const waiting = fileStorage(folder, { clock }).lock('k');
    clock.set(-3_600_000);
    await lease.release();
    await (await waiting).release();
  });
});
