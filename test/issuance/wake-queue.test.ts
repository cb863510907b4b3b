import { describe, expect, it } from '@jest/globals';
import { type Sleeper, WakeQueue } from '../../src/issuance/wake-queue.js';
import { seededRandom } from '../simulation/seeded-random.js';

const random = seededRandom(5);

function sleeper(): Sleeper {
  return { look: () => undefined, wakeAt: Infinity, intervalMs: Infinity, place: -1 };
}

function instants(sleepers: readonly Sleeper[]): number[] {
  return sleepers.map(({ wakeAt }) => wakeAt);
}

describe('WakeQueue', () => {
  it('wakes everybody in order, whoever came, went and changed his mind meanwhile', () => {
    const queue = new WakeQueue();
    const sleepers = Array.from({ length: 300 }, sleeper);
    for (let step = 0; step < 3_000; step += 1) {
      const one = sleepers[Math.floor(random() * sleepers.length)]!;
      if (random() < 0.3) queue.remove(one);
      else queue.add(one, { wakeAt: Math.floor(random() * 1_000), intervalMs: 10 });
    }
    const asleep = sleepers.filter(({ place }) => place >= 0);
    expect(queue.size).toBe(asleep.length);
    const woken = [...queue.take(499), ...queue.take(Infinity)];
    expect(instants(woken)).toEqual(instants(asleep).sort((one, other) => one - other));
    expect(queue.size).toBe(0);
  });

  it('lets those sleep whose time has not come', () => {
    const queue = new WakeQueue();
    for (const wakeAt of [30, 10, 20]) queue.add(sleeper(), { wakeAt, intervalMs: 5 });
    expect(instants(queue.take(20))).toEqual([10, 20]);
    expect(queue.nextAt).toBe(30);
  });

  it('knows the shortest interval of those who sleep', () => {
    const queue = new WakeQueue();
    const [hasty, ...others] = Array.from({ length: 3 }, sleeper);
    expect(queue.shortestIntervalMs).toBe(Infinity);
    for (const other of others) queue.add(other, { wakeAt: 100, intervalMs: 50 });
    queue.add(hasty!, { wakeAt: 100, intervalMs: 7 });
    expect(queue.shortestIntervalMs).toBe(7);
    queue.remove(hasty!);
    queue.remove(hasty!);
    expect(queue.shortestIntervalMs).toBe(50);
  });
});
