/**
 * Closing a server gracefully: no new connections, idle ones end at once, requests finish until the grace is over,
 * then everything left is destroyed (WebSockets and event streams live until then).
 */
import { type EventEmitter } from 'node:events';
import { type Clock, alarm } from '../clock.js';
import { type Application } from './application.js';

const IDLE_CHECK_MS = 50;

/** A server on its way to be closed. */
export interface Draining {
  /** Resolves when the server has closed, connections included. */
  readonly closed: Promise<void>;
  /** Destroys the connections that the server knows of, and looks for idle ones no longer. */
  finish(): void;
}

interface Http2Session extends EventEmitter {
  close(): void;
  readonly closed: boolean;
}

interface ClosableServer {
  readonly listening: boolean;
  close(): unknown;
  once(event: 'close', listener: () => void): unknown;
  closeIdleConnections?(): void;
  closeAllConnections?(): void;
}

/** Stops listening and ends what is idle, again and again until `finish` is called. */
export function drain(
  server: ClosableServer,
  clock: Clock,
  sessions: ReadonlySet<Http2Session> = NO_SESSIONS,
): Draining {
  const closed = new Promise<void>((resolve) => {
    if (!server.listening) {
      resolve();
      return;
    }
    server.once('close', resolve);
    server.close();
  });
  let cancel: () => void = () => undefined;
  const endIdle = (): void => {
    server.closeIdleConnections?.();
    for (const session of sessions) if (!session.closed) session.close();
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

const NO_SESSIONS: ReadonlySet<Http2Session> = new Set();

/** Keeps what is needed to close one application later. */
export class ApplicationCloser {
  readonly #application: Application;
  readonly #sessions = new Set<Http2Session>();

  constructor(application: Application) {
    this.#application = application;
    // Node 20 would wait for idle HTTP/2 sessions until the grace is over: they are told to go away here.
    if (application.kind === 'http2') application.server.on('session', this.#onSession);
  }

  /** Stops listening and ends what is idle. */
  drain(clock: Clock): Draining {
    return drain(this.#application.server, clock, this.#sessions);
  }

  /** Forgets the application. */
  release(): void {
    this.#application.server.removeListener('session', this.#onSession);
  }

  readonly #onSession = (session: Http2Session): void => {
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
  };
}
