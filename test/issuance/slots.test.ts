import { describe, expect, it } from '@jest/globals';
import { createSlots } from '../../src/issuance/slots.js';
import { settled } from '../support/manual-clock.js';

const never = new AbortController().signal;

describe('slots', () => {
  it('run so many tasks at once and no more, in the order they came', async () => {
    const slots = createSlots(2);
    const begun: number[] = [];
    const finish: (() => void)[] = [];
    const tasks = [0, 1, 2, 3].map((index) =>
      slots.run(never, () => {
        begun.push(index);
        return new Promise<void>((resolve) => finish.push(resolve));
      }),
    );
    await settled();
    expect(begun).toEqual([0, 1]);
    finish[1]?.();
    await settled();
    expect(begun).toEqual([0, 1, 2]);
    finish[0]?.();
    await settled();
    for (const end of finish) end();
    await Promise.all(tasks);
    expect(begun).toEqual([0, 1, 2, 3]);
  });

  it('go on after a task that failed', async () => {
    const slots = createSlots(1);
    const failed = slots.run(never, () => Promise.reject(new Error('no')));
    const next = slots.run(never, () => Promise.resolve('yes'));
    await expect(failed).rejects.toThrow('no');
    await expect(next).resolves.toBe('yes');
  });

  it('let those leave the queue whose signal is aborted', async () => {
    const slots = createSlots(1);
    let finish = (): void => undefined;
    const first = slots.run(never, () => new Promise<void>((resolve) => (finish = resolve)));
    const leaving = new AbortController();
    const second = slots.run(leaving.signal, () => Promise.reject(new Error('must not run')));
    const third = slots.run(never, () => Promise.resolve('third'));
    leaving.abort(new Error('left'));
    await expect(second).rejects.toThrow('left');
    finish();
    await first;
    await expect(third).resolves.toBe('third');
  });
});
