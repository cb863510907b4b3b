/**
 * The first phase of every connection: its ClientHello is read, within a deadline. This is the hot path, so one timer
 * watches over the deadlines of all.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';
import { ClientHelloReader, type ClientHelloResult } from './client-hello.js';

/** How long a client may take to send its hello; a tick more where many come at once. */
export const HELLO_TIMEOUT_MS = 5_000;
const TICK_MS = 500;
const TICKS = HELLO_TIMEOUT_MS / TICK_MS;

/** What the first bytes turned out to be, once that is known. */
export type FirstBytes = Exclude<ClientHelloResult, { kind: 'incomplete' }>;

/** What becomes of the connections, each of which comes with what was given to `begin`. */
export interface HelloListener<Connection> {
  /** It is known what a connection begins with; every byte of it has been pushed back into the socket. */
  readonly received: (socket: Socket, connection: Connection, first: FirstBytes) => void;
  /** The deadline has passed after so many bytes; the socket is destroyed afterwards. */
  readonly timedOut: (socket: Socket, byteCount: number) => void;
}

interface PendingHello<Connection> {
  readonly connection: Connection;
  readonly reader: ClientHelloReader;
  /** The tick at which it began. */
  readonly since: number;
  readonly onReadable: () => void;
}

/** Reads the hellos of any number of connections. */
export class HelloPhase<Connection> {
  readonly #clock: Clock;
  readonly #listener: HelloListener<Connection>;
  /** In the order in which they began, so that the first have waited longest. */
  readonly #pending = new Map<Socket, PendingHello<Connection>>();
  /** Counted, not read from the clock: a clock that is set back must not give anybody more time. */
  #tick = 0;
  #timer: unknown;

  constructor(clock: Clock, listener: HelloListener<Connection>) {
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Begins with a connection. */
  begin(socket: Socket, connection: Connection): void {
    const pending: PendingHello<Connection> = {
      connection,
      reader: new ClientHelloReader(),
      since: this.#tick,
      onReadable: () => {
        this.#advance(socket, pending);
      },
    };
    this.#pending.set(socket, pending);
    this.#timer ??= this.#clock.setTimeout(this.#sweep, TICK_MS);
    socket.on('readable', pending.onReadable);
  }

  /** Forgets a connection that has closed. */
  forget(socket: Socket): void {
    this.#pending.delete(socket);
  }

  /** Ends the watch over deadlines; a connection that begins later starts it again. */
  close(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #advance(socket: Socket, { connection, reader, onReadable }: PendingHello<Connection>): void {
    for (let chunk = read(socket); chunk !== null; chunk = read(socket)) {
      const result = reader.push(chunk);
      if (result.kind === 'incomplete') continue;
      this.#pending.delete(socket);
      socket.removeListener('readable', onReadable);
      socket.unshift(reader.bytes);
      this.#listener.received(socket, connection, result);
      return;
    }
  }

  readonly #sweep = (): void => {
    this.#tick += 1;
    for (const [socket, { reader, since }] of this.#pending) {
      if (this.#tick - since < TICKS) break;
      this.#pending.delete(socket);
      this.#listener.timedOut(socket, reader.bytes.length);
      socket.destroy();
    }
    this.#timer = this.#pending.size === 0 ? undefined : this.#clock.setTimeout(this.#sweep, TICK_MS);
  };
}

function read(socket: Socket): Buffer | null {
  return socket.read() as Buffer | null;
}
