/**
 * The first phase of every connection: its ClientHello is read, within a deadline. This is the hot path, so one timer
 * watches over the deadlines of all.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';
import { ClientHelloReader, type FirstBytes, wholeHello } from './client-hello.js';

/** How long a client may take to send its hello; a tick more where many come at once. */
export const HELLO_TIMEOUT_MS = 5_000;
const TICK_MS = 500;
const TICKS = HELLO_TIMEOUT_MS / TICK_MS;

/** What becomes of the connections, each of which comes with what was given to `begin`. */
export interface HelloListener<Connection> {
  /**
   * It is known what a connection begins with. `bytes` are all that has come of it, taken out of the socket: whoever goes
   * on with the connection has to push them back first, at a cost that whoever ends it is spared.
   */
  readonly received: (begun: PendingHello<Connection>, first: FirstBytes, bytes: Buffer) => void;
  /** The deadline has passed after so many bytes; the socket is destroyed afterwards. */
  readonly timedOut: (socket: Socket, byteCount: number) => void;
}

/** How node hands a socket the bytes that it has read, null for their end; answers whether more are wanted. */
type Push = (chunk: Buffer | null) => boolean;

/** A connection whose hello is being read. */
export interface PendingHello<Connection> {
  readonly socket: Socket;
  readonly connection: Connection;
  /** The tick at which it began. */
  readonly since: number;
  /** The socket's own `push`. */
  readonly push: Push;
  /** Made for a hello that does not come in one piece. */
  reader: ClientHelloReader | undefined;
}

/** Reads the hellos of any number of connections. */
export class HelloPhase<Connection> {
  readonly #clock: Clock;
  readonly #listener: HelloListener<Connection>;
  /** In the order in which they began, so that the first have waited longest. */
  readonly #pending = new Set<PendingHello<Connection>>();
  /** Counted, not read from the clock: a clock that is set back must not give anybody more time. */
  #tick = 0;
  #timer: unknown;

  constructor(clock: Clock, listener: HelloListener<Connection>) {
    this.#clock = clock;
    this.#listener = listener;
  }

  /**
   * Begins with a connection. While its hello is read, its `push` is stood in for: to listen for `data` or `readable`
   * would start a stream's machinery for one chunk, at 5 % of a whole handshake.
   */
  begin(socket: Socket, connection: Connection): PendingHello<Connection> {
    const { push } = socket as { push: Push };
    const pending = { socket, connection, since: this.#tick, push, reader: undefined };
    this.#pending.add(pending);
    this.#timer ??= this.#clock.setTimeout(this.#sweep, TICK_MS);
    socket.push = (chunk: Buffer | null) => this.#take(pending, chunk);
    // What came while it waited for the start was pushed back.
    if (socket.readableLength > 0) this.#take(pending, socket.read() as Buffer);
    else if (socket.isPaused()) socket.read(0);
    return pending;
  }

  /** Forgets a connection that has closed; one whose hello was received is forgotten already. */
  forget(pending: PendingHello<Connection>): void {
    this.#pending.delete(pending);
  }

  /** Ends the watch over deadlines; a connection that begins later starts it again. */
  close(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #take(pending: PendingHello<Connection>, chunk: Buffer | null): boolean {
    const { socket, push } = pending;
    if (chunk === null) {
      socket.push = push;
      return socket.push(chunk);
    }
    // Timed out: what it still sends is nobody's.
    if (!this.#pending.has(pending)) return true;
    const whole = pending.reader === undefined ? wholeHello(chunk) : undefined;
    if (whole === undefined) this.#advanceInPieces(pending, chunk);
    else this.#received(pending, whole, chunk);
    return true;
  }

  #advanceInPieces(pending: PendingHello<Connection>, chunk: Buffer): void {
    const reader = (pending.reader ??= new ClientHelloReader());
    const first = reader.push(chunk);
    if (first.kind !== 'incomplete') this.#received(pending, first, reader.bytes);
  }

  /** Gives the socket on. */
  #received(pending: PendingHello<Connection>, first: FirstBytes, bytes: Buffer): void {
    this.#pending.delete(pending);
    // Whoever waits for the end of the connection keeps `pending`: not the bytes as well.
    pending.reader = undefined;
    pending.socket.push = pending.push;
    this.#listener.received(pending, first, bytes);
  }

  readonly #sweep = (): void => {
    this.#tick += 1;
    for (const pending of this.#pending) {
      const { socket, reader, since } = pending;
      if (this.#tick - since < TICKS) break;
      this.#pending.delete(pending);
      this.#listener.timedOut(socket, reader?.bytes.length ?? 0);
      socket.destroy();
    }
    this.#timer = this.#pending.size === 0 ? undefined : this.#clock.setTimeout(this.#sweep, TICK_MS);
  };
}
