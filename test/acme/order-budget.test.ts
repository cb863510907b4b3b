import { describe, expect, it } from '@jest/globals';
import { knownOrderLimit, OrderBudget } from '../../src/acme/order-budget.js';
import { memoryStorage, type Storage } from '../../src/index.js';
import { type ManualClock, manualClock } from '../support/manual-clock.js';

const SECOND = 1_000;
/** Nine at once, and one more each ten seconds: a tenth below this. */
const LIMIT = { burst: 10, refillMs: 9 * SECOND };

function budget(clock: ManualClock, storage: Storage = memoryStorage()): OrderBudget {
  return new OrderBudget({ clock, storage, storageKey: 'budget', limit: LIMIT });
}

/** Takes so many; for each undefined, or in how many seconds it may come again. */
async function takes(taker: OrderBudget, count: number, now: number): Promise<(number | undefined)[]> {
  return Promise.all(
    Array.from({ length: count }, () =>
      taker.take(['a.test']).then(
        () => undefined,
        (error: unknown) => Math.round(((error as { retryAfter: number }).retryAfter - now) / SECOND),
      ),
    ),
  );
}

const NINE = new Array<undefined>(9).fill(undefined);

describe('OrderBudget', () => {
  it('gives nine tenths of the limit at once, and then to each who asks a turn of his own', async () => {
    const clock = manualClock();
    expect(await takes(budget(clock), 12, clock.now())).toEqual([...NINE, 10, 20, 30]);
  });

  it('gives those a turn who come again in time', async () => {
    const clock = manualClock();
    const taker = budget(clock);
    await takes(taker, 11, clock.now());
    await clock.advance(10 * SECOND);
    expect(await takes(taker, 1, clock.now())).toEqual([undefined]);
    await clock.advance(10 * SECOND);
    expect(await takes(taker, 1, clock.now())).toEqual([undefined]);
    await clock.advance(90 * SECOND);
    expect(await takes(taker, 10, clock.now())).toEqual([...NINE, 10]);
  });

  it('goes on through a restart, and with another process', async () => {
    const clock = manualClock();
    const storage = memoryStorage();
    expect(await takes(budget(clock, storage), 5, clock.now())).toEqual(NINE.slice(0, 5));
    expect(await takes(budget(clock, storage), 5, clock.now())).toEqual([...NINE.slice(0, 4), 10]);
  });

  it('is not spent for a year by a clock that was ahead', async () => {
    const clock = manualClock();
    const storage = memoryStorage();
    clock.jump(365 * 86_400 * SECOND);
    await takes(budget(clock, storage), 9, clock.now());
    clock.jump(-365 * 86_400 * SECOND);
    expect(await takes(budget(clock, storage), 1, clock.now())).toEqual([10]);
  });

  it('begins anew where what is stored is damaged', async () => {
    const clock = manualClock();
    const storage = memoryStorage();
    await storage.put('budget', Buffer.from('{'));
    expect(await takes(budget(clock, storage), 1, clock.now())).toEqual([undefined]);
  });

  it('is known of Let’s Encrypt alone', () => {
    expect(knownOrderLimit('https://acme-v02.api.letsencrypt.org/directory')).toEqual({
      burst: 300,
      refillMs: 36_000,
    });
    expect(knownOrderLimit('https://ca.test/dir')).toBeUndefined();
  });
});
