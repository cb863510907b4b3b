import { describe, expect, it } from '@jest/globals';
import { Debounce } from '../../src/files/folder-debounce.js';
import { manualClock } from '../support/manual-clock.js';

/** A debounce, its clock, and the times at which it was ripe, in milliseconds since the start. */
function debounced(isHeld: () => boolean = () => false) {
  const clock = manualClock(0);
  const ripe: number[] = [];
  const debounce = new Debounce({ clock, isHeld, onRipe: () => ripe.push(clock.now()) });
  return { clock, ripe, debounce };
}

describe('A debounce', () => {
  it('is ripe 50 ms after a single notification, once', async () => {
    const { clock, ripe, debounce } = debounced();
    debounce.notify();
    await clock.advance(1_000);
    expect(ripe).toEqual([50]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('waits until it has been quiet for 50 to 75 ms', async () => {
    const { clock, ripe, debounce } = debounced();
    debounce.notify();
    await clock.advance(30);
    debounce.notify();
    await clock.advance(40);
    debounce.notify();
    await clock.advance(1_000);
    expect(ripe).toEqual([125]);
  });

  it('is ripe every 250 ms while notifications never stop', async () => {
    const { clock, ripe, debounce } = debounced();
    for (let at = 0; at < 1_000; at += 5) {
      debounce.notify();
      await clock.advance(5);
    }
    expect(ripe).toEqual([250, 500, 750, 1_000]);
  });

  it('has one timer for any number of notifications', () => {
    const { clock, debounce } = debounced();
    for (let count = 0; count < 10_000; count += 1) debounce.notify();
    expect(clock.pendingTimers).toBe(1);
  });

  it('holds back what is ripe, and forgets nothing', async () => {
    let isHeld = true;
    const { clock, ripe, debounce } = debounced(() => isHeld);
    debounce.notify();
    await clock.advance(500);
    expect(ripe).toEqual([]);
    isHeld = false;
    await clock.advance(500);
    expect(ripe).toEqual([525]);
  });

  it('leaves no timer behind when it is closed, and makes no new one', async () => {
    const { clock, ripe, debounce } = debounced();
    debounce.notify();
    debounce.close();
    debounce.notify();
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(1_000);
    expect(ripe).toEqual([]);
  });
});
