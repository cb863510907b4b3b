import { describe, expect, it } from '@jest/globals';
import { OrderHold } from '../../src/acme/order-hold.js';
import { problemError } from '../../src/acme/problem.js';
import type { TlsmithError } from '../../src/errors.js';
import { memoryStorage, type Storage } from '../../src/index.js';
import { type ManualClock, manualClock } from '../support/manual-clock.js';

const HOUR_MS = 3_600_000;
const FIRST = { isRenewal: false };
const RENEWAL = { isRenewal: true };
const OF_ACCOUNT = 'too many new orders (300) from this account in the last 3h0m0s';

interface Case {
  readonly clock: ManualClock;
  readonly storage: Storage;
  readonly hold: OrderHold;
}

function made({ clock, storage } = { clock: manualClock(), storage: memoryStorage() }): Case {
  return { clock, storage, hold: new OrderHold({ clock, storage, storageKey: 'hold' }) };
}

function refusal(
  clock: ManualClock,
  detail: string,
  more: { type?: string; status?: number } = {},
): TlsmithError {
  const { type = 'rateLimited', status = 429 } = more;
  const context = { doing: 'to take an order for a.test', names: ['a.test'], status };
  return problemError({ type, detail, subproblems: [] }, { ...context, retryAfter: clock.now() + HOUR_MS });
}

/** What an order for other names meets. */
async function passing({ hold }: Case, kind = FIRST): Promise<unknown> {
  return hold.pass(['b.test'], kind).catch((error: unknown) => error);
}

describe('What an authority says of when to order again', () => {
  it('holds for all orders of the account, with its words, and is over in time', async () => {
    const all = made();
    await all.hold.note(refusal(all.clock, OF_ACCOUNT));
    expect(await passing(all)).toMatchObject({
      code: 'ACME_RATE_LIMITED',
      retryAfter: all.clock.now() + HOUR_MS,
      isPostponement: true,
      message: expect.stringMatching(/b\.test.*another order was told.*300/) as unknown,
    });
    all.clock.jump(HOUR_MS);
    expect(await passing(all)).toBeUndefined();
  });

  it.each([
    'too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s',
    'too many certificates (50) already issued for "test" in the last 168h0m0s',
    'too many failed authorizations (5) for "a.test" in the last 1h0m0s',
    'no more for a.test today',
  ])('holds for the names alone that it is about: %s', async (detail) => {
    const one = made();
    await one.hold.note(refusal(one.clock, detail));
    expect(await passing(one)).toBeUndefined();
  });

  it('does not hold up renewals when it is a limit that they are exempt from', async () => {
    const all = made();
    await all.hold.note(refusal(all.clock, OF_ACCOUNT));
    expect(await passing(all, RENEWAL)).toBeUndefined();
  });

  it.each([
    ['an overload', 503],
    ['too many requests', 429],
  ])('holds up renewals as well for %s', async (_what, status) => {
    const all = made();
    await all.hold.note(refusal(all.clock, 'busy', { type: 'unexplained', status }));
    expect(await passing(all, RENEWAL)).toMatchObject({ code: 'ACME_RATE_LIMITED' });
  });

  it('holds through a restart, and for other processes', async () => {
    const before = made();
    await before.hold.note(refusal(before.clock, OF_ACCOUNT));
    expect(await passing(made(before))).toMatchObject({ code: 'ACME_RATE_LIMITED' });
  });

  it('does not hold for a year because a clock was ahead', async () => {
    const before = made();
    before.clock.jump(365 * 24 * HOUR_MS);
    await before.hold.note(refusal(before.clock, OF_ACCOUNT));
    before.clock.jump(-365 * 24 * HOUR_MS);
    const { retryAfter } = (await passing(made(before))) as TlsmithError;
    expect(Number(retryAfter) - before.clock.now()).toBeLessThanOrEqual(HOUR_MS);
  });

  it.each(['', '{', '[]', 'null', '{"format":2}', '{"format":1,"saidAt":"x","until":1}'])(
    'is nothing where what is stored is damaged: %s',
    async (stored) => {
      const one = made();
      await one.storage.put('hold', Buffer.from(stored));
      expect(await passing(one)).toBeUndefined();
    },
  );

  it('is remembered where it cannot be stored', async () => {
    const storage = { ...memoryStorage(), put: () => Promise.reject(new Error('full')) };
    const one = made({ clock: manualClock(), storage });
    await one.hold.note(refusal(one.clock, OF_ACCOUNT));
    expect(await passing(one)).toMatchObject({ code: 'ACME_RATE_LIMITED' });
  });
});
