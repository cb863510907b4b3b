// Reserved ports are nobody else's, also before a program listens there.
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { reservePorts, type ReservedPorts } from '../support/reserved-ports.js';

/** Below those that Linux, macOS and Windows give to connections and to `listen(0)`. */
const NEVER_GIVEN = 32_768;

async function listening(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function closed(server: Server): Promise<void> {
  const closing = once(server, 'close');
  server.close();
  await closing;
}

describe('reserved ports', () => {
  it('are different ones each time, and can be listened on', async () => {
    const reservations: ReservedPorts[] = [];
    for (let count = 1; count <= 7; count += 1) reservations.push(await reservePorts(count));
    const ports = reservations.flatMap((reserved) => reserved.ports);
    expect(reservations.map((reserved) => reserved.ports.length)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(new Set(ports).size).toBe(ports.length);
    expect(Math.max(...ports)).toBeLessThan(NEVER_GIVEN);
    for (const port of ports) await closed(await listening(port));
    for (const reserved of reservations) await reserved.release();
  });

  it('are held against other processes until they are released', async () => {
    const { ports, release } = await reservePorts(6);
    const held = Math.min(...ports) - 1;
    await expect(listening(held)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await release();
    await closed(await listening(held));
  });
});
