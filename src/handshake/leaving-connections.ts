/**
 * Connections that are refused: they are told why, and have a moment to read it. Strangers can make thousands of them a
 * second, so one timer watches over all, and what they still send goes past the machinery of streams.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';

const TICK_MS = 500;
/** At least a second, and a tick more where many are refused at once. */
const TICKS = 3;

/** Those whose peer has not closed its end. */
export class LeavingConnections {
  readonly #clock: Clock;
  /** The tick at which each was refused; the first has had longest. */
  readonly #since = new Map<Socket, number>();
  #tick = 0;
  #timer: unknown;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Writes the last bytes of a connection and closes it; the peer gets a second to read them. */
  add(socket: Socket, bytes: Buffer): void {
    this.#since.set(socket, this.#tick);
    this.#timer ??= this.#clock.setTimeout(this.#sweep, TICK_MS);
    // What the peer still sends is read and dropped: unread bytes would turn the close into a reset that eats ours.
    socket.push = (chunk: unknown): boolean => {
      if (chunk === null) socket.destroy();
      return true;
    };
    // One that has not flowed yet is being read, as it was for its hello.
    if (socket.readableFlowing !== null) socket.resume();
    socket.end(bytes);
  }

  /** Forgets a connection that has closed; one that was never refused as well. */
  forget(socket: Socket): void {
    this.#since.delete(socket);
  }

  /** Ends all, and the watch over them; one that is refused later starts it again. */
  close(): void {
    for (const socket of this.#since.keys()) socket.destroy();
    this.#since.clear();
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #sweep = (): void => {
    this.#tick += 1;
    for (const [socket, since] of this.#since) {
      if (this.#tick - since < TICKS) break;
      this.#since.delete(socket);
      socket.destroy();
    }
    this.#timer = this.#since.size === 0 ? undefined : this.#clock.setTimeout(this.#sweep, TICK_MS);
  };
}
