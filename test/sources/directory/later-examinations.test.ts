import { describe, expect, it } from '@jest/globals';
import { LaterExaminations } from '../../../src/sources/directory/later-examinations.js';
import { manualClock } from '../../support/manual-clock.js';

describe('the examination of pairs that a client has waited for', () => {
  it('comes a tenth of a second later, one pair after the other', async () => {
    const { later, clock, examined, add } = scene();
    add('a');
    add('b');
    await clock.advance(99);
    expect(examined).toEqual([]);
    await clock.advance(1);
    await later.settled();
    expect(examined).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is put off while clients keep coming, for three seconds', async () => {
    const { clock, examined, add, later } = scene();
    for (let pair = 0; pair < 50; pair += 1) {
      add(`${pair}`);
      await clock.advance(60);
      if (pair < 48) expect(examined).toEqual([]);
    }
    expect(examined[0]).toBe('0 begins');
    await later.settled();
    expect(examined).toHaveLength(100);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is that of the newest load', async () => {
    const { later, examined, add } = scene();
    const entry = {};
    add('old', entry);
    add('new', entry);
    await later.settled();
    expect(examined).toEqual(['new begins', 'new ends']);
  });

  it('is not waited for by those that come while it goes on', async () => {
    const { later, clock, examined, add } = scene();
    add('a');
    const settled = later.settled();
    add('b');
    await settled;
    expect(examined).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('waits until all pairs have been read', async () => {
    let endIndexing: () => void = () => undefined;
    const indexing = new Promise<void>((end) => {
      endIndexing = end;
    });
    const { later, clock, examined, add } = scene(indexing);
    add('a');
    await clock.advance(100);
    const settled = later.settled();
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(examined).toEqual([]);
    endIndexing();
    await settled;
    expect(examined).toEqual(['a begins', 'a ends']);
  });

  it('is dropped by close()', async () => {
    const { later, clock, examined, add } = scene();
    add('a');
    await later.close();
    await clock.advance(1_000);
    expect([examined, clock.pendingTimers]).toEqual([[], 0]);
  });

  function scene(indexing?: Promise<void>) {
    const clock = manualClock();
    const later = new LaterExaminations(clock, () => indexing);
    const examined: string[] = [];
    return {
      ...{ later, clock, examined },
      add: (name: string, entry = {}) => {
        later.add(entry, async () => {
          examined.push(`${name} begins`);
          await new Promise(setImmediate);
          examined.push(`${name} ends`);
        });
      },
    };
  }
});
