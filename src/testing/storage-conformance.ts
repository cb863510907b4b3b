/** The contract of {@link Storage} in executable form. */
import type { ConformanceCase, OpenedStorage } from './conformance-case.js';
import { storedLeases } from './storage-lease-cases.js';
import { storedValues } from './storage-value-cases.js';
import { storedWatches } from './storage-watch-cases.js';

/**
 * The promises of {@link Storage}, as cases for any test runner. Each opens a storage of its own and closes it. What
 * only a crash can show (a write cut short, a dead holder) is not among them: test that with processes of your own.
 *
 * @param open - makes a new, empty storage
 * @returns cases in no particular order; they may run side by side
 *
 * @example
 * ```ts
 * import { describe, it } from 'node:test';
 * import { storageConformance } from 'tlsmith/testing';
 *
 * describe('redisStorage', () => {
 *   const open = async () => {
 *     const prefix = `test:${Math.random()}:`;
 *     const connect = () => redisStorage({ client, prefix });
 *     return { storage: connect(), another: connect, close: () => removeAll(client, prefix) };
 *   };
 *   for (const { name, run } of storageConformance(open)) it(name, run);
 * });
 * ```
 */
export function storageConformance(open: () => Promise<OpenedStorage>): ConformanceCase[] {
  return [...storedValues, ...storedLeases, ...storedWatches].map(({ name, check }) => ({
    name,
    run: async () => {
      const opened = await open();
      try {
        await check(opened);
      } finally {
        await opened.close();
      }
    },
  }));
}
