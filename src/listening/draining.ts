/**
 * Closing a server gracefully: no new connections, idle ones end at once, requests finish until the grace is over,
 * then everything left is destroyed (WebSockets and event streams live until then).
 */
import type { Socket } from 'node:net';
import { type Clock, alarm } from '../clock.js';

const IDLE_CHECK_MS = 50;

/** A server on its way to be closed. */
export interface Draining {
  /** Resolves when the server has closed, connections included. */
  readonly closed: Promise<void>;
  /** Destroys the connections that the server knows of, and looks for idle ones no longer. */
  finish(): void;
}

interface ClosableServer {
  readonly listening: boolean;
  close(): unknown;
  getConnections(callback: (error: Error | null, count: number) => void): void;
  once(event: 'close', listener: () => void): unknown;
  removeListener(event: 'close', listener: () => void): unknown;
  closeIdleConnections?(): void;
  closeAllConnections?(): void;
}

/** Stops listening and ends what is idle, again and again until `finish` is called. */
export function drain(
  server: ClosableServer,
  clock: Clock,
  endIdleToo: () => void = () => undefined,
): Draining {
  const closed = new Promise<void>((resolve) => {
    server.once('close', resolve);
    if (server.listening) server.close();
    else {
      // One that somebody else has closed is on its way until its last connection has ended.
      server.getConnections((error, count) => {
        if (error === null && count > 0) return;
        server.removeListener('close', resolve);
        resolve();
      });
    }
  });
  let cancel: () => void = () => undefined;
  const endIdle = (): void => {
    server.closeIdleConnections?.();
    endIdleToo();
    cancel = alarm(clock, clock.now() + IDLE_CHECK_MS, endIdle);
  };
  endIdle();
  return {
    closed,
    finish: () => {
      cancel();
      server.closeAllConnections?.();
    },
  };
}

/**
 * The connections of an HTTP server. Node's `closeIdleConnections` spares those that have not sent a request yet, as
 * browsers open them in advance.
 */
export class HttpConnections {
  readonly #open = new Set<Socket>();

  /** Remembers a connection until it closes. */
  add(socket: Socket): void {
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
  }

  /** Ends those on which the client has not sent anything; of a TLS socket the handshake does not count. */
  destroySilent(): void {
    for (const socket of this.#open) if (socket.bytesRead === 0) socket.destroy();
  }
}
