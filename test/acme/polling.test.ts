// When an authority is asked whether it has decided.
import { describe, expect, it } from '@jest/globals';
import { poll } from '../../src/acme/polling.js';
import { TlsmithError } from '../../src/errors.js';
import { manualClock } from '../support/manual-clock.js';

interface Answer {
  readonly retryAfterMs?: number;
  readonly error?: Error;
  readonly isDecided?: boolean;
}

/** Polls with these answers, the last one again and again, until the limit; when was asked, and what came of it. */
async function polled(answers: readonly Answer[], limitMs: number) {
  const clock = manualClock();
  const began = clock.now();
  const askedAt: number[] = [];
  const outcome = poll(
    () => {
      const { error, isDecided = false, retryAfterMs = 0 } = answers[askedAt.length] ?? answers.at(-1)!;
      askedAt.push(clock.now() - began);
      return error === undefined
        ? Promise.resolve({ resource: isDecided, retryAfterMs } as never)
        : Promise.reject(error);
    },
    (isDecided: boolean) => isDecided,
    { clock, limitMs, signal: new AbortController().signal },
  ).then(
    (resource) => ({ resource }),
    (error: unknown) => ({ error }),
  );
  await clock.advance(2 * limitMs);
  return { askedAt, ...(await outcome) };
}

describe('An authority that has not decided', () => {
  it('is asked soon, then ever more slowly, at most every five seconds, until the limit', async () => {
    const { askedAt, ...outcome } = await polled([{}], 60_000);
    expect(askedAt.slice(0, 6)).toEqual([25, 75, 175, 325, 550, 887.5]);
    const waits = askedAt.slice(1).map((at, index) => at - askedAt[index]!);
    expect(waits).toEqual([...waits].sort((one, other) => one - other));
    expect(waits.at(-1)).toBe(5_000);
    expect(askedAt.at(-1)).toBeGreaterThanOrEqual(60_000);
    expect(outcome).toEqual({ resource: undefined });
  });

  it('is not asked sooner than it wants', async () => {
    const { askedAt, ...outcome } = await polled([{ retryAfterMs: 3_000 }, { isDecided: true }], 60_000);
    expect(askedAt).toHaveLength(2);
    expect(askedAt[1]! - askedAt[0]!).toBeGreaterThanOrEqual(3_000);
    expect(outcome).toEqual({ resource: true });
  });
});

describe('An authority that cannot be reached', () => {
  const unreachable = new TlsmithError('ACME_UNREACHABLE', 'It is not there.', { hint: 'Wait.' });

  it('is given more time than one that has not decided', async () => {
    const { askedAt, ...outcome } = await polled([{ error: unreachable }, { isDecided: true }], 60_000);
    expect(askedAt).toEqual([25, 175]);
    expect(outcome).toEqual({ resource: true });
  });

  it('is given up after six times in a row', async () => {
    const { askedAt, ...outcome } = await polled([{ error: unreachable }], 60_000);
    expect(askedAt).toHaveLength(6);
    expect(outcome).toEqual({ error: unreachable });
  });

  it('is not asked again when it refuses for good', async () => {
    const refused = new TlsmithError('ACME_REFUSED', 'No.', { hint: 'Do not.' });
    const { askedAt, ...outcome } = await polled([{ error: refused }], 60_000);
    expect(askedAt).toHaveLength(1);
    expect(outcome).toEqual({ error: refused });
  });
});
