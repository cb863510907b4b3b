import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { LeavingConnections } from '../../src/handshake/leaving-connections.js';
import { manualClock } from '../support/manual-clock.js';

const LAST = Buffer.from('15030300020270', 'hex');

/** Both ends of a connection; `near` is the one that is refused. */
async function pair(): Promise<{ near: Socket; far: Socket; end: () => Promise<void> }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const far = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  const [near] = await accepted;
  for (const socket of [near, far]) socket.on('error', () => undefined);
  return {
    near,
    far,
    end: async () => {
      for (const socket of [near, far]) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a connection that is refused', () => {
  it('is told why, and closes as soon as its peer does', async () => {
    const { near, far, end } = await pair();
    const [clock, received]: [ReturnType<typeof manualClock>, Buffer[]] = [manualClock(), []];
    const leaving = new LeavingConnections(clock);
    far.on('data', (chunk: Buffer) => received.push(chunk));
    const told = once(far, 'end');
    leaving.add(near, LAST);
    await told;
    expect(Buffer.concat(received)).toEqual(LAST);
    expect(near.destroyed).toBe(false);
    const closed = once(near, 'close');
    far.end('more');
    await closed;
    leaving.forget(near);
    await clock.advance(2_000);
    expect(clock.pendingTimers).toBe(0);
    await end();
  });

  it('is not waited for longer than a second and a half, and keeps nothing that it still sends', async () => {
    const { near, far, end } = await pair();
    const clock = manualClock();
    const leaving = new LeavingConnections(clock);
    far.resume();
    leaving.add(near, LAST);
    const bytesRead = near.bytesRead;
    far.write(Buffer.alloc(100_000));
    while (near.bytesRead < bytesRead + 100_000) await new Promise(setImmediate);
    expect(near.readableLength).toBe(0);
    await clock.advance(1_000);
    expect(near.destroyed).toBe(false);
    await clock.advance(500);
    expect(near.destroyed).toBe(true);
    expect(clock.pendingTimers).toBe(0);
    await end();
  });

  it('is ended by close(), and one that is refused later is watched over again', async () => {
    const [first, second] = [await pair(), await pair()];
    const clock = manualClock();
    const leaving = new LeavingConnections(clock);
    leaving.add(first.near, LAST);
    leaving.close();
    expect([first.near.destroyed, clock.pendingTimers]).toEqual([true, 0]);
    leaving.add(second.near, LAST);
    await clock.advance(2_000);
    expect(second.near.destroyed).toBe(true);
    await Promise.all([first.end(), second.end()]);
  });
});
