import { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { HELLO_TIMEOUT_MS, HelloPhase } from '../../src/handshake/hello-phase.js';
import { manualClock } from '../support/manual-clock.js';

describe('the deadline of a hello', () => {
  it('is five seconds, and for those that come between two ticks at most half a second more', async () => {
    const { phase, clock, timedOut } = fixture();
    phase.begin(new Socket(), 'first');
    await clock.advance(300);
    phase.begin(new Socket(), 'second');
    await clock.advance(HELLO_TIMEOUT_MS - 301);
    expect(timedOut).toEqual([]);
    await clock.advance(1);
    expect(timedOut).toHaveLength(2);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is not put off by a clock that is set back', async () => {
    const { phase, clock, timedOut } = fixture();
    phase.begin(new Socket(), 'first');
    clock.jump(-3_600_000);
    await clock.advance(HELLO_TIMEOUT_MS);
    expect(timedOut).toHaveLength(1);
  });

  it('leaves those alone that came later', async () => {
    const { phase, clock, timedOut } = fixture();
    phase.begin(new Socket(), 'first');
    await clock.advance(2_000);
    phase.begin(new Socket(), 'second');
    await clock.advance(3_000);
    expect(timedOut).toHaveLength(1);
    await clock.advance(2_000);
    expect(timedOut).toHaveLength(2);
  });

  it('is forgotten with its connection', async () => {
    const { phase, clock, timedOut, received } = fixture();
    const socket = new Socket();
    phase.begin(socket, 'first');
    phase.forget(socket);
    await clock.advance(HELLO_TIMEOUT_MS * 2);
    expect([timedOut, received]).toEqual([[], []]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is no longer watched over after close(), until another connection begins', async () => {
    const { phase, clock, timedOut } = fixture();
    phase.begin(new Socket(), 'first');
    phase.close();
    expect(clock.pendingTimers).toBe(0);
    phase.begin(new Socket(), 'second');
    await clock.advance(HELLO_TIMEOUT_MS);
    expect(timedOut).toHaveLength(2);
  });

  function fixture(): {
    phase: HelloPhase<string>;
    clock: ReturnType<typeof manualClock>;
    timedOut: Socket[];
    received: string[];
  } {
    const clock = manualClock();
    const [timedOut, received]: [Socket[], string[]] = [[], []];
    const phase = new HelloPhase<string>(clock, {
      received: (_socket, connection) => received.push(connection),
      timedOut: (socket) => timedOut.push(socket),
    });
    return { phase, clock, timedOut, received };
  }
});
