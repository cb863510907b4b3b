import { describe, expect, it } from '@jest/globals';
import { Decisions } from '../../src/issuance/decisions.js';
import { manualClock } from '../support/manual-clock.js';

const MINUTE_MS = 60_000;

function decisions(allow: (name: string) => boolean | Promise<boolean>) {
  const asked: string[] = [];
  const clock = manualClock();
  const made = new Decisions({
    clock,
    allow: (name) => {
      asked.push(name);
      return allow(name);
    },
  });
  return { made, asked, clock };
}

describe('A decision', () => {
  it('is asked for once by all who ask at the same time', async () => {
    const { made, asked } = decisions(() => Promise.resolve(true));
    const answers = await Promise.all(Array.from({ length: 50 }, () => made.ask('a.test')));
    expect(new Set(answers)).toEqual(new Set([true]));
    expect(asked).toEqual(['a.test']);
    expect(await made.ask('a.test')).toBe(true);
    expect(asked).toHaveLength(2);
  });

  it('to refuse is remembered for a minute, then twice as long each time, for an hour at most', async () => {
    const { made, asked, clock } = decisions(() => false);
    for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
      const before = asked.length;
      expect(await made.ask('a.test')).toBe(false);
      expect(asked).toHaveLength(before + 1);
      clock.jump(minutes * MINUTE_MS - 1);
      expect(made.isRefused('a.test')).toBe(true);
      expect(await made.ask('a.test')).toBe(false);
      expect(asked).toHaveLength(before + 1);
      clock.jump(1);
      expect(made.isRefused('a.test')).toBe(false);
    }
  });

  it('to refuse does not outlast a clock that was ahead when it was made', async () => {
    const { made, clock } = decisions(() => false);
    await made.ask('a.test');
    clock.jump(-365 * 24 * 60 * MINUTE_MS);
    expect(made.isRefused('a.test')).toBe(false);
  });

  it('starts anew with a minute once the name was allowed', async () => {
    let isAllowed = false;
    const { made, clock } = decisions(() => isAllowed);
    await made.ask('a.test');
    clock.jump(MINUTE_MS);
    await made.ask('a.test');
    clock.jump(2 * MINUTE_MS);
    isAllowed = true;
    expect(await made.ask('a.test')).toBe(true);
    isAllowed = false;
    await made.ask('a.test');
    clock.jump(MINUTE_MS);
    expect(made.isRefused('a.test')).toBe(false);
  });

  it.each([undefined, 1, 'yes', {}])('is a refusal unless it is plainly true: %j', async (answer) => {
    const { made } = decisions(() => answer as never);
    expect(await made.ask('a.test')).toBe(false);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('database down');
      },
    ],
    ['rejects', () => Promise.reject(new Error('database down'))],
  ])('that %s is a coded error, and is not remembered', async (_how, allow: () => never | Promise<never>) => {
    const { made, asked } = decisions(allow);
    const expected = {
      code: 'NAME_NOT_ALLOWED',
      message: expect.stringContaining('database down') as unknown,
    };
    await expect(made.ask('a.test')).rejects.toMatchObject(expected);
    expect(made.isRefused('a.test')).toBe(false);
    await expect(made.ask('a.test')).rejects.toMatchObject(expected);
    expect(asked).toHaveLength(2);
  });

  it('that does not come is given up after thirty seconds', async () => {
    const { made, clock } = decisions(() => new Promise(() => undefined));
    const decision = made.ask('a.test').catch((error: unknown) => error);
    await clock.advance(30_000);
    expect(await decision).toMatchObject({ code: 'NAME_NOT_ALLOWED' });
  });
});
