import { describe, expect, it } from '@jest/globals';
import { OrderBudget } from '../../src/issuance/order-budget.js';
import { registeredDomain } from '../../src/issuance/registered-domain.js';
import { memoryStorage } from '../../src/storage/memory-storage.js';
import { manualClock } from '../support/manual-clock.js';
import { keysOf } from './support/faulty-storage.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function budgets({ ordersPerName = 2, namesPerDomain = 3 } = {}) {
  const [storage, clock] = [memoryStorage(), manualClock()];
  const budget = (): OrderBudget =>
    new OrderBudget({ storage, clock, prefix: 'budgets/', ordersPerName, namesPerDomain });
  return { storage, clock, budget };
}

describe('The budget of orders on demand', () => {
  it('lets so many orders for a name pass within an hour, in all processes together', async () => {
    const { clock, budget } = budgets();
    await budget().spend('a.example.com');
    await clock.advance(HOUR_MS / 2);
    await budget().spend('a.example.com');
    await expect(budget().spend('a.example.com')).rejects.toMatchObject({
      code: 'ON_DEMAND_BUDGET_SPENT',
      retryAfter: clock.now() + HOUR_MS / 2,
    });
    await budget().spend('b.example.com');
    await clock.advance(HOUR_MS / 2);
    await budget().spend('a.example.com');
  });

  it('lets so many new names of a registered domain pass within a week', async () => {
    const { clock, budget } = budgets();
    for (const name of ['a.example.co.uk', 'b.example.co.uk', 'example.co.uk']) await budget().spend(name);
    await expect(budget().spend('c.example.co.uk')).rejects.toMatchObject({
      code: 'ON_DEMAND_BUDGET_SPENT',
      retryAfter: clock.now() + 7 * DAY_MS,
    });
    await budget().spend('a.another.co.uk');
    await clock.advance(DAY_MS);
    await budget().spend('a.example.co.uk');
    await clock.advance(6 * DAY_MS);
    await budget().spend('c.example.co.uk');
  });

  it('counts all who spend at the same time', async () => {
    const { budget } = budgets({ ordersPerName: 5 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, () => budget().spend('a.example.com')),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
  });

  it('begins anew when what is stored is damaged, or from a clock that was ahead', async () => {
    const { storage, clock, budget } = budgets({ ordersPerName: 1 });
    for (const text of ['', 'null', '{"format":1}', '{"format":1,"spent":{"a.example.com":["x"]}}']) {
      await budget().spend('a.example.com');
      const [key = ''] = await keysOf(storage);
      await storage.put(key, Buffer.from(text));
    }
    await budget().spend('a.example.com');
    clock.jump(-365 * DAY_MS);
    await budget().spend('a.example.com');
  });
});

describe('The registered domain', () => {
  it.each([
    ['www.example.co.uk', 'example.co.uk'],
    ['a.b.example.com', 'example.com'],
    ['example.com', 'example.com'],
    ['someone.github.io', 'someone.github.io'],
    ['co.uk', undefined],
    ['localhost', undefined],
  ])('of %s is %s', async (name, domain) => {
    expect(await registeredDomain(name)).toBe(domain);
  });
});
