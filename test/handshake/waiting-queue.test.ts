import { describe, expect, it } from '@jest/globals';
import { LONGEST_QUEUE, LONGEST_QUEUE_FOR_A_NAME, WaitingQueue } from '../../src/handshake/waiting-queue.js';

describe('the queue of connections that wait', () => {
  it('has room for half of its length for a name, and for others as long as there is any', () => {
    const queue = new WaitingQueue();
    for (let count = 0; count < LONGEST_QUEUE_FOR_A_NAME; count += 1) queue.enter('a.test');
    expect([queue.hasRoomFor('a.test'), queue.hasRoomFor('b.test')]).toEqual([false, true]);
    for (let count = queue.length; count < LONGEST_QUEUE; count += 1) queue.enter(`${count}.test`);
    expect(queue.hasRoomFor('b.test')).toBe(false);
  });

  it('has room again for those that come after others have left', () => {
    const queue = new WaitingQueue();
    const leave = Array.from({ length: LONGEST_QUEUE_FOR_A_NAME }, () => queue.enter('a.test'));
    leave[0]?.();
    leave[0]?.();
    expect([queue.length, queue.hasRoomFor('a.test')]).toEqual([LONGEST_QUEUE_FOR_A_NAME - 1, true]);
    for (const each of leave) each();
    expect(queue.length).toBe(0);
  });
});
