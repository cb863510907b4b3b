/** What a storage promises about leases and the writes under them. */
import { equal, ok, rejects } from 'node:assert/strict';
import type { Lease, Storage } from '../storage/storage.js';
import { bytesOf, type Promised, rejectsWith, textAt } from './conformance-case.js';

/** Cases about leases. */
export const storedLeases: Promised[] = [
  {
    name: 'lets one at a time hold a lock, across handles',
    async check({ storage, another }) {
      const handles = [storage, await another(), storage];
      let holders = 0;
      const visits = handles.map(async (handle) => {
        for (let round = 0; round < 3; round += 1) {
          const lease = await handle.lock('k');
          holders += 1;
          equal(holders, 1);
          const count = Number((await textAt(handle, 'count')) ?? 0);
          await handle.put('count', bytesOf(String(count + 1)), { lease });
          holders -= 1;
          await lease.release();
        }
      });
      await Promise.all(visits);
      equal(await textAt(storage, 'count'), '9');
    },
  },
  {
    name: 'lets different keys be locked at the same time, also a key under another',
    async check({ storage }) {
      const leases = [await storage.lock('a'), await storage.lock('b'), await storage.lock('a/b')];
      for (const lease of leases) await lease.release();
    },
  },
  {
    name: 'gives out a greater token with each lease of a key',
    async check({ storage, another }) {
      const other = await another();
      let last = 0;
      for (const handle of [storage, other, storage, other]) {
        const lease = await handle.lock('k');
        ok(lease.token > last, `${lease.token} should be above ${last}`);
        equal(lease.key, 'k');
        last = lease.token;
        await lease.release();
      }
    },
  },
  {
    name: 'takes writes and deletions under a lease that is held, of any key',
    async check({ storage, another }) {
      const lease = await (await another()).lock('k');
      await storage.put('k', bytesOf('1'), { lease });
      await storage.put('other/key', bytesOf('2'), { lease });
      await storage.delete('other/key', { lease });
      equal(await textAt(storage, 'k'), '1');
      equal(await storage.get('other/key'), undefined);
      equal(lease.signal.aborted, false);
      await lease.release();
    },
  },
  {
    name: 'refuses writes and deletions under a lease that was released',
    async check({ storage }) {
      await storage.put('k', bytesOf('kept'));
      const lease = await storage.lock('k');
      await lease.release();
      await assertPowerless(storage, lease);
      equal(await textAt(storage, 'k'), 'kept');
    },
  },
  {
    name: 'refuses a late write of an earlier holder, whether or not its successor has written',
    async check({ storage, another }) {
      const other = await another();
      await storage.put('k', bytesOf('start'));
      const late = await storage.lock('k');
      await late.release();
      const lease = await other.lock('k');
      await assertPowerless(storage, late);
      equal(await textAt(other, 'k'), 'start');
      const { version } = await other.put('k', bytesOf('new'), { lease });
      await assertPowerless(storage, late);
      await rejectsWith(
        'STORAGE_LEASE_LOST',
        storage.put('k', bytesOf('late'), { lease: late, ifVersion: version }),
      );
      equal(await textAt(other, 'k'), 'new');
      await lease.release();
    },
  },
  {
    name: 'may be released twice, and then does not take the lease from its successor',
    async check({ storage }) {
      const first = await storage.lock('k');
      await first.release();
      const second = await storage.lock('k');
      await first.release();
      await storage.put('k', bytesOf('1'), { lease: second });
      await second.release();
      equal(first.signal.aborted, false);
    },
  },
  {
    name: 'stops waiting for a lock when its signal is aborted, with the reason of the signal',
    async check({ storage }) {
      const lease = await storage.lock('k');
      const giveUp = new AbortController();
      const reason = new Error('no longer needed');
      const waiting = storage.lock('k', { signal: giveUp.signal });
      giveUp.abort(reason);
      await rejects(waiting, (error) => error === reason);
      await rejects(storage.lock('free', { signal: giveUp.signal }), (error) => error === reason);
      await lease.release();
      await (await storage.lock('k')).release();
    },
  },
  {
    name: 'wakes who waits for a lock within a second of its release',
    async check({ storage, another }) {
      const lease = await storage.lock('k');
      const waiting = (await another()).lock('k');
      await storage.put('k', bytesOf('still mine'), { lease });
      const releasedAt = Date.now();
      await lease.release();
      const next = await waiting;
      ok(Date.now() - releasedAt < 1_000);
      await next.release();
    },
  },
];

async function assertPowerless(storage: Storage, lease: Lease): Promise<void> {
  await rejectsWith('STORAGE_LEASE_LOST', storage.put('k', bytesOf('late'), { lease }));
  await rejectsWith('STORAGE_LEASE_LOST', storage.put('elsewhere', bytesOf('late'), { lease }));
  await rejectsWith('STORAGE_LEASE_LOST', storage.delete('k', { lease }));
  equal(await storage.get('elsewhere'), undefined);
}
