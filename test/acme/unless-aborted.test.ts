import { describe, expect, it } from '@jest/globals';
import { unlessAborted } from '../../src/acme/unless-aborted.js';

describe('an attempt that waits for what several share', () => {
  it('leaves when it is given up, and what is shared goes on', async () => {
    let settle: (value: string) => void = () => undefined;
    const shared = new Promise<string>((resolve) => (settle = resolve));
    const [given, other] = [new AbortController(), new AbortController()];
    const attempts = [unlessAborted(shared, given.signal), unlessAborted(shared, other.signal)] as const;
    given.abort(new Error('given up'));
    const left = await Promise.race([attempts[0].catch(String), new Promise(setImmediate)]);
    settle('account');
    expect(left).toBe('Error: given up');
    expect(await attempts[1]).toBe('account');
  });

  it('does not begin to wait when it is given up already', async () => {
    const never = new Promise<never>(() => undefined);
    await expect(unlessAborted(never, AbortSignal.abort(new Error('given up')))).rejects.toThrow('given up');
  });
});
