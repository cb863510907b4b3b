import { describe, expect, it } from '@jest/globals';
import { LookOut, type Watch } from '../../src/issuance/look-out.js';
import { type ManualClock, manualClock } from '../support/manual-clock.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Scene {
  readonly clock: ManualClock;
  readonly lookOut: LookOut;
  /** Who looked, and when: minutes since the beginning. */
  readonly looks: string[];
  /** One who sleeps for so many minutes, each time for longer. */
  readonly sleeper: (name: string, minutes: number, intervalMinutes?: number) => Watch;
}

function scene(): Scene {
  const clock = manualClock();
  const began = clock.now();
  const lookOut = new LookOut(clock);
  const looks: string[] = [];
  return {
    clock,
    lookOut,
    looks,
    sleeper: (name, minutes, intervalMinutes = 10) => {
      const watch = lookOut.watch(() => {
        looks.push(`${name} ${Math.round((clock.now() - began) / MINUTE)}`);
        sleep();
      });
      const sleep = (): void => {
        watch.sleepUntil(clock.now() + minutes * MINUTE, intervalMinutes * MINUTE);
      };
      sleep();
      return watch;
    },
  };
}

describe('LookOut', () => {
  it('wakes each at its time, with one timer for all', async () => {
    const { clock, looks, sleeper } = scene();
    sleeper('a', 60);
    sleeper('b', 45);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(2 * HOUR);
    expect(looks).toEqual(['b 45', 'a 60', 'b 90', 'a 120']);
    expect(clock.pendingTimers).toBe(1);
  });

  it('wakes somebody who came later and sleeps shorter', async () => {
    const { clock, looks, sleeper } = scene();
    sleeper('long', 600);
    await clock.advance(5 * MINUTE);
    sleeper('short', 1);
    await clock.advance(2 * MINUTE);
    expect(looks).toEqual(['short 6', 'short 7']);
  });

  it('notices within the shortest interval that the clock was set forward', async () => {
    const { clock, looks, sleeper } = scene();
    sleeper('a', 600);
    clock.jump(11 * HOUR);
    await clock.advance(10 * MINUTE);
    expect(looks).toEqual(['a 670']);
  });

  it('is in time for somebody who comes after the clock was set forward', async () => {
    const { clock, looks, sleeper } = scene();
    sleeper('old', 6_000);
    clock.jump(HOUR);
    sleeper('new', 1);
    await clock.advance(MINUTE);
    expect(looks).toEqual(['new 61']);
  });

  it('wakes all when the clock was set back', async () => {
    const { clock, looks, sleeper } = scene();
    sleeper('a', 600);
    sleeper('b', 700);
    clock.jump(-HOUR);
    await clock.advance(10 * MINUTE);
    expect(looks).toEqual(['a -50', 'b -50']);
    await clock.advance(HOUR);
    expect(looks).toHaveLength(2);
  });

  it('lets those rest who say so, and keeps no timer for nobody', async () => {
    const { clock, looks, sleeper } = scene();
    const [a, b] = [sleeper('a', 20), sleeper('b', 30)];
    a.rest();
    await clock.advance(40 * MINUTE);
    expect(looks).toEqual(['b 30']);
    b.rest();
    expect(clock.pendingTimers).toBe(0);
  });
});
