import { describe, expect, it } from '@jest/globals';
import type { AcmeClient } from '../../src/acme/client.js';
import { newOrder, type OrderWishes } from '../../src/acme/new-order.js';
import { problemError } from '../../src/acme/problem.js';

const WISHES: OrderWishes = {
  names: ['a.test'],
  notAfter: undefined,
  profile: { name: 'shortlived', isRequired: false },
  replaces: 'the one before',
};

/** What was asked for, order by order, when each but the last is refused with these problems. */
async function askedFor(
  problems: readonly (readonly [status: number, type: string, detail: string])[],
  wishes: Partial<OrderWishes> = {},
): Promise<{
  readonly orders: readonly unknown[];
  readonly lacking: readonly string[];
  readonly error: unknown;
}> {
  const orders: unknown[] = [];
  const lacking: string[] = [];
  const client = {
    newOrder: ({ profile, replaces }: { profile?: string; replaces?: string }) => {
      orders.push([profile, replaces]);
      const problem = problems[orders.length - 1];
      if (problem === undefined) return Promise.resolve({ url: 'https://ca/order', order: {} });
      const [status, type, detail] = problem;
      return Promise.reject(problemError({ type, detail, subproblems: [] }, { doing: 'to order', status }));
    },
  } as unknown as AcmeClient;
  const error: unknown = await newOrder(client, { ...WISHES, ...wishes }, (profile) =>
    lacking.push(profile),
  ).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { orders, lacking, error };
}

describe('An order that is refused', () => {
  it.each([
    [409, 'alreadyReplaced', 'twice'],
    [404, 'malformed', 'no such certificate'],
    [403, 'unauthorized', 'requester account did not request the certificate being replaced by this order'],
    [400, 'malformed', 'cannot parse replaces'],
  ])('for its predecessor goes without it, and keeps its profile: %d %s, %s', async (...problem) => {
    const { orders, lacking, error } = await askedFor([problem]);
    expect(orders).toEqual([
      ['shortlived', 'the one before'],
      ['shortlived', undefined],
    ]);
    expect([lacking, error]).toEqual([[], undefined]);
  });

  it.each([
    [400, 'invalidProfile', 'not for you'],
    [403, 'unauthorized', 'not permitted to use it'],
  ])(
    'for its profile goes without that and says what it replaces, which is told: %d %s',
    async (...problem) => {
      const { orders, lacking, error } = await askedFor([problem]);
      expect(orders).toEqual([
        ['shortlived', 'the one before'],
        [undefined, 'the one before'],
      ]);
      expect([lacking, error]).toEqual([['shortlived'], undefined]);
    },
  );

  it.each([
    [400, 'badNonce', 'stale'],
    [429, 'rateLimited', 'too many'],
    [500, 'serverInternal', 'oops'],
    [400, 'rejectedIdentifier', 'no'],
  ])('for what is neither is not placed again: %d %s', async (...problem) => {
    const { orders, error } = await askedFor([problem]);
    expect(orders).toHaveLength(1);
    expect(error).toMatchObject({ problemType: problem[1] });
  });

  it('for both in words that may mean either loses both, one after the other', async () => {
    const refusal = [403, 'unauthorized', 'no'] as const;
    const { orders, lacking } = await askedFor([refusal, refusal]);
    expect(orders).toEqual([
      ['shortlived', 'the one before'],
      [undefined, 'the one before'],
      [undefined, undefined],
    ]);
    expect(lacking).toEqual(['shortlived']);
  });

  it('keeps a profile that is required', async () => {
    const profile = { name: 'shortlived', isRequired: true };
    const { orders, error } = await askedFor([[400, 'invalidProfile', 'no']], { profile });
    expect(orders).toEqual([['shortlived', 'the one before']]);
    expect(error).toMatchObject({ code: 'ACME_PROFILE_UNAVAILABLE' });
  });
});
