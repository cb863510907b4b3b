/**
 * Where connections of one application come in. Its server is taken over at once; what stands behind it comes
 * when the server starts, and connections wait until then.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';
import type { Draining } from '../listening/draining.js';
import { type Application, type AttachableServer, takeOver } from './application.js';
import { ApplicationCloser } from './application-closer.js';
import { WaitingConnections } from './waiting-connections.js';

/** What a connection has to wait for; `closed` when it comes after the end. */
export type Started = () => Promise<unknown> | 'started' | 'closed';

/** What takes the connections of one application once its server starts. */
export interface Interior {
  accept(socket: Socket): void;
  /** Ends connections of which nothing has come since they were secured. */
  destroySilent(): void;
  /** Ends connections that wait for a PROXY header. */
  destroyPending(): void;
}

/** The connections of one application. */
export class Entrance {
  readonly application: Application;
  /** Connections that came before the start was done. */
  readonly waiting: WaitingConnections;
  readonly started: Started;
  readonly #closer: ApplicationCloser;
  #interior: Interior | undefined;

  /** @throws `TypeError` when the server cannot be secured */
  constructor(server: AttachableServer, clock: Clock, started: Started) {
    this.started = started;
    this.waiting = new WaitingConnections(clock);
    this.application = takeOver(server, this.accept);
    this.#closer = new ApplicationCloser(this.application, () => {
      this.#interior?.destroySilent();
    });
  }

  /** Gives connections to what stands behind, from now on. */
  lead(interior: Interior): void {
    this.#interior = interior;
  }

  /** Takes a raw connection, from the application's own listener or another one. */
  readonly accept = (socket: Socket): void => {
    if (this.#interior === undefined) this.#wait(socket);
    else this.#interior.accept(socket);
  };

  /** Stops listening and ends what is idle. */
  drain(clock: Clock): Draining {
    return this.#closer.drain(clock);
  }

  /** Ends connections that wait for a start, or for a PROXY header. */
  destroyWaiting(): void {
    this.#interior?.destroyPending();
    this.waiting.destroy();
  }

  /** Stops listening because the start has failed. */
  shut(): void {
    if (this.application.server.listening) this.application.server.close();
  }

  #wait(socket: Socket): void {
    const started = this.started();
    if (typeof started === 'string') socket.destroy();
    else {
      this.waiting.add(socket, started, () => {
        this.#interior?.accept(socket);
      });
    }
  }
}
