// Nonces are used once, the latest first, and not when they have become old.
import { describe, expect, it } from '@jest/globals';
import { NoncePool } from '../../src/acme/nonces.js';
import { manualClock } from '../support/manual-clock.js';

describe('The pool of nonces', () => {
  it('gives each one out once, the latest first', () => {
    const pool = new NoncePool(manualClock());
    for (const nonce of ['a', 'b']) pool.add(nonce);
    expect([pool.take(), pool.take(), pool.take()]).toEqual(['b', 'a', undefined]);
  });

  it('forgets those that are older than a minute', async () => {
    const clock = manualClock();
    const pool = new NoncePool(clock);
    pool.add('old');
    await clock.advance(61_000);
    expect(pool.take()).toBeUndefined();
    pool.add('new');
    expect(pool.take()).toBe('new');
  });

  it('keeps no more than 64', () => {
    const pool = new NoncePool(manualClock());
    for (let count = 0; count < 1_000; count += 1) pool.add(String(count));
    const kept = Array.from({ length: 100 }, () => pool.take()).filter((nonce) => nonce !== undefined);
    expect(kept).toHaveLength(64);
  });
});
