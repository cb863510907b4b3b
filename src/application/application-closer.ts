/** What an application needs to be closed gracefully: its connections without a request, and its HTTP/2 sessions. */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';
import { drain, type Draining, HttpConnections } from '../listening/draining.js';
import { type Application, isHttp } from './application.js';

interface Http2Session extends EventEmitter {
  close(): void;
  readonly closed: boolean;
}

/** Keeps what is needed to close one application later. */
export class ApplicationCloser {
  readonly #application: Application;
  readonly #sessions = new Set<Http2Session>();
  readonly #connections = new HttpConnections();

  constructor(application: Application) {
    this.#application = application;
    // Node 20 would wait for idle HTTP/2 sessions until the grace is over: they are told to go away here.
    if (application.kind === 'http2') application.server.on('session', this.#onSession);
  }

  /** Told of a connection that the application gets. */
  forwarded(socket: Socket): void {
    if (isHttp(this.#application)) this.#connections.add(socket);
  }

  /** Stops listening and ends what is idle. */
  drain(clock: Clock): Draining {
    return drain(this.#application.server, clock, () => {
      this.#connections.destroySilent();
      for (const session of this.#sessions) if (!session.closed) session.close();
    });
  }

  readonly #onSession = (session: Http2Session): void => {
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
  };
}
