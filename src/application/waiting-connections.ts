/** Connections that came before the server's start was done: bounded in number and time, and freed when they leave. */
import type { Socket } from 'node:net';
import { alarm, type Clock } from '../clock.js';
import { readAhead } from '../handshake/read-ahead.js';

const MOST_WAITING = 1_000;
const LONGEST_WAIT_MS = 30_000;

/** The connections of one application that wait for the start. */
export class WaitingConnections {
  readonly #clock: Clock;
  readonly #sockets = new Set<Socket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `goOn` when the start is done and the client is still there. */
  add(socket: Socket, started: Promise<unknown>, goOn: () => void): void {
    // A client that leaves before the start is nobody's concern.
    socket.on('error', () => undefined);
    if (this.#sockets.size >= MOST_WAITING) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const stopReading = readAhead(socket);
    const cancel = alarm(this.#clock, this.#clock.now() + LONGEST_WAIT_MS, () => socket.destroy());
    const leave = (): void => {
      cancel();
      this.#sockets.delete(socket);
      socket.removeListener('close', leave);
    };
    socket.once('close', leave);
    started.then(
      () => {
        leave();
        if (socket.destroyed) return;
        stopReading();
        goOn();
      },
      () => socket.destroy(),
    );
  }

  /** Ends all of them. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
