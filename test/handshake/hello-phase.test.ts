import { once } from 'node:events';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { HELLO_TIMEOUT_MS, HelloPhase } from '../../src/handshake/hello-phase.js';
import { manualClock } from '../support/manual-clock.js';

describe('reading a hello', () => {
  it('takes bytes that were pushed back before it began', () => {
    const { phase, received, bytes, socket } = scene();
    socket.unshift(Buffer.from('GET / HTTP/1.1'));
    phase.begin(socket, 'early');
    expect(received).toEqual(['early']);
    expect(bytes.map(String)).toEqual(['GET / HTTP/1.1']);
  });

  it('keeps nothing of a hello that came in pieces once it is read', () => {
    const { phase, received, bytes, socket } = scene();
    const begun = phase.begin(socket, 'in pieces');
    for (const piece of ['16', '0301', '000502', '0000']) socket.push(Buffer.from(piece, 'hex'));
    expect(received).toEqual([]);
    socket.push(Buffer.from('0100', 'hex'));
    expect(received).toEqual(['in pieces']);
    expect(bytes).toEqual([Buffer.from('16030100050200000100', 'hex')]);
    expect(begun.reader).toBeUndefined();
  });

  it('starts a socket that was paused when it came', async () => {
    const { phase, received } = scene();
    const accepted: Socket[] = [];
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      accepted.push(socket);
      phase.begin(socket, 'paused');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.on('error', () => undefined);
    client.write('GET / HTTP/1.1');
    while (received.length === 0) await new Promise(setImmediate);
    for (const socket of [client, ...accepted]) socket.destroy();
    server.close();
    await once(server, 'close');
    expect(received).toEqual(['paused']);
  });

  it('lets a client leave in the middle of it', async () => {
    const { phase, received, socket } = scene();
    phase.begin(socket, 'gone');
    socket.push(Buffer.from([22, 3, 1]));
    const ended = once(socket, 'end');
    socket.push(null);
    socket.read();
    await ended;
    expect(received).toEqual([]);
  });

  it('drops what comes after its deadline', async () => {
    const { phase, received, socket, clock } = scene();
    phase.begin(socket, 'late');
    await clock.advance(HELLO_TIMEOUT_MS);
    expect(socket.push(Buffer.from('GET / HTTP/1.1'))).toBe(true);
    expect(received).toEqual([]);
  });

  function scene() {
    const [clock, received, bytes]: [ReturnType<typeof manualClock>, string[], Buffer[]] = [
      manualClock(),
      [],
      [],
    ];
    const phase = new HelloPhase<string>(clock, {
      received: ({ connection }, _first, all) => {
        received.push(connection);
        bytes.push(all);
      },
      timedOut: () => undefined,
    });
    return { clock, received, bytes, phase, socket: new Socket() };
  }
});

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
    phase.forget(phase.begin(new Socket(), 'first'));
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
      received: ({ connection }) => received.push(connection),
      timedOut: (socket) => timedOut.push(socket),
    });
    return { phase, clock, timedOut, received };
  }
});
