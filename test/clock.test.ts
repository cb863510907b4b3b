import { describe, expect, it } from '@jest/globals';
import { alarm, delay } from '../src/clock.js';
import { manualClock } from './support/manual-clock.js';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

describe('an alarm', () => {
  it('rings when the clock reads its instant, and once', async () => {
    const { clock, rung } = alarmed(5 * SECOND_MS);
    await clock.advance(5 * SECOND_MS - 1);
    expect(rung()).toBe(0);
    await clock.advance(1);
    expect(rung()).toBe(1);
    await clock.advance(HOUR_MS);
    expect(rung()).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rings within the hour when the clock has passed its instant unnoticed', async () => {
    const { clock, rung } = alarmed(100 * HOUR_MS);
    clock.jump(200 * HOUR_MS);
    await clock.advance(HOUR_MS);
    expect(rung()).toBe(1);
  });

  it('waits no longer than it was to when the clock is set back meanwhile', async () => {
    const { clock, rung } = alarmed(5 * SECOND_MS);
    await clock.advance(SECOND_MS);
    clock.jump(-10 * HOUR_MS);
    await clock.advance(4 * SECOND_MS - 1);
    expect(rung()).toBe(0);
    await clock.advance(2);
    expect(rung()).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('does so also when it waits for longer than a timer may', async () => {
    const { clock, rung } = alarmed(3 * HOUR_MS);
    await clock.advance(HOUR_MS / 2);
    clock.jump(-10 * HOUR_MS);
    await clock.advance(2.5 * HOUR_MS - 1);
    expect(rung()).toBe(0);
    await clock.advance(2);
    expect(rung()).toBe(1);
  });

  it('rings when the clock was set back and ahead again, not before', async () => {
    const { clock, rung } = alarmed(2 * HOUR_MS);
    clock.jump(-HOUR_MS);
    await clock.advance(HOUR_MS);
    clock.jump(HOUR_MS);
    await clock.advance(HOUR_MS - 1);
    expect(rung()).toBe(0);
    await clock.advance(1);
    expect(rung()).toBe(1);
  });

  it('never rings once it is cancelled, whatever it waits for', async () => {
    const { clock, rung, cancel } = alarmed(5 * HOUR_MS);
    await clock.advance(2 * HOUR_MS);
    cancel();
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(10 * HOUR_MS);
    expect(rung()).toBe(0);
  });

  function alarmed(afterMs: number) {
    const clock = manualClock();
    let rung = 0;
    const cancel = alarm(clock, clock.now() + afterMs, () => {
      rung += 1;
    });
    return { clock, cancel, rung: () => rung };
  }
});

describe('a delay', () => {
  it('is over after its time although the clock was set back', async () => {
    const clock = manualClock();
    let isOver = false;
    const waiting = delay(clock, SECOND_MS).then(() => {
      isOver = true;
    });
    clock.jump(-10 * HOUR_MS);
    await clock.advance(SECOND_MS - 1);
    expect(isOver).toBe(false);
    await clock.advance(2);
    await waiting;
    expect(isOver).toBe(true);
  });

  it('ends with the reason of its signal, and leaves no timer', async () => {
    const clock = manualClock();
    const reason = new Error('no longer needed');
    const [before, meanwhile] = [AbortSignal.abort(reason), new AbortController()];
    await expect(delay(clock, SECOND_MS, before)).rejects.toBe(reason);
    const waiting = delay(clock, SECOND_MS, meanwhile.signal);
    meanwhile.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(clock.pendingTimers).toBe(0);
  });
});
