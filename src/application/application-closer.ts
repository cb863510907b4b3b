/** What an application needs to be closed gracefully: its connections without a request, and its HTTP/2 sessions. */
import type { EventEmitter } from 'node:events';
import type { Clock } from '../clock.js';
import { drain, type Draining } from '../listening/draining.js';
import { type Application, isHttp } from './application.js';

interface Http2Session extends EventEmitter {
  close(): void;
  readonly closed: boolean;
}

/** Keeps what is needed to close one application later. */
export class ApplicationCloser {
  readonly #application: Application;
  readonly #sessions = new Set<Http2Session>();
  readonly #destroySilent: () => void;

  /** @param destroySilent - ends the connections that have not sent a request yet, which node's server spares */
  constructor(application: Application, destroySilent: () => void) {
    this.#application = application;
    this.#destroySilent = destroySilent;
    // Node 20 would wait for idle HTTP/2 sessions until the grace is over: they are told to go away here.
    if (application.kind === 'http2') application.server.on('session', this.#onSession);
  }

  /** Stops listening and ends what is idle. */
  drain(clock: Clock): Draining {
    return drain(this.#application.server, clock, () => {
      if (isHttp(this.#application)) this.#destroySilent();
      for (const session of this.#sessions) if (!session.closed) session.close();
    });
  }

  readonly #onSession = (session: Http2Session): void => {
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
  };
}
