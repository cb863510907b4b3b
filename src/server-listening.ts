/**
 * When servers begin to listen and end, by `listen()` or because somebody else (an application, a framework) has told them
 * to: what begins starts the run that it belongs to, and the end of the last one ends it.
 */
import type { EventEmitter } from 'node:events';
import type { Server as NetServer } from 'node:net';
import { abortable } from './abortable.js';
import type { AttachableServer } from './application/application.js';
import type { Entrance } from './application/entrance.js';
import { messageOf, TlsmithError } from './errors.js';
import { emitGuarded, type SecureServerEvents } from './events.js';
import type { LazyCore } from './lazy-core.js';
import type { ListenTarget } from './listening/listen-target.js';
import type { Listeners } from './listening/listeners.js';
import type { Logger } from './logger.js';
import type { ServerAddresses } from './server-addresses.js';
import type { ServerLifecycle } from './server-lifecycle.js';

/** What is told when servers listen, and is asked whether they may. */
export interface ListeningParts {
  readonly core: LazyCore;
  readonly addresses: ServerAddresses;
  readonly lifecycle: ServerLifecycle;
  readonly listeners: Listeners;
  readonly logger: Logger;
  readonly emitter: EventEmitter<SecureServerEvents>;
}

/** The beginnings and ends of the servers behind one secure server. */
export class ServerListening {
  readonly #parts: ListeningParts;
  /** To which run what listens belongs: a late 'close' must not end a later one. */
  readonly #runOf = new WeakMap<NetServer, number>();
  /** The latest `listen()`, whatever became of it. */
  #opening: Promise<unknown> = Promise.resolve();

  constructor(parts: ListeningParts) {
    this.#parts = parts;
  }

  /** Starts and opens; undefined opens the companion listener alone. */
  async listen(entrance: Entrance, target: ListenTarget | undefined): Promise<void> {
    const { closes } = this.#parts.lifecycle;
    // One after the other: the second of two calls must find the first address open.
    const opening = this.#opening.then(() => this.#startAndOpen(entrance, target, closes));
    this.#opening = opening.catch(() => undefined);
    await opening;
  }

  /** Follows the server of an application, which may listen already. */
  follow(entrance: Entrance): void {
    const { server } = entrance.application;
    server.on('listening', () => {
      this.#onListening(entrance);
    });
    server.on('close', () => {
      this.closed(server);
    });
    if (server.listening) this.#onListening(entrance);
  }

  /** What a connection has to wait for; a stray one must not start a server again that was closed. */
  startFor(server: AttachableServer): Promise<void> | 'started' | 'closed' {
    const { lifecycle } = this.#parts;
    if (lifecycle.isStarted) return 'started';
    const isClosed = !lifecycle.isRunning && lifecycle.ends > 0 && !server.listening;
    return isClosed ? 'closed' : lifecycle.start();
  }

  /** A server listens for the run that there is now. */
  opened(server: NetServer): void {
    this.#runOf.set(server, this.#parts.lifecycle.ends);
  }

  /** A server has ended, and the run with it if it was the last. */
  closed(server: NetServer): void {
    const { addresses, lifecycle } = this.#parts;
    const isOfThisRun = this.#runOf.get(server) === lifecycle.ends;
    // A listen() that is under way ends the run by itself when it fails.
    const isLast = !addresses.isOpen && !addresses.isOpening;
    if (isOfThisRun && isLast && lifecycle.isRunning) void lifecycle.end(0);
  }

  async #startAndOpen(entrance: Entrance, target: ListenTarget | undefined, closes: number): Promise<void> {
    const { addresses, lifecycle } = this.#parts;
    await lifecycle.closing;
    lifecycle.assertNotClosedSince(closes, 'listen()');
    const { ends } = lifecycle;
    const isHeld = lifecycle.isStarted && !addresses.isOpen;
    const signal = target?.signal;
    try {
      await abortable(lifecycle.start(), signal);
      lifecycle.assertNotClosedSince(closes, 'listen()');
      await addresses.open(entrance, target);
    } catch (error) {
      const isLeftOver = ends === lifecycle.ends && !isHeld && !addresses.isOpen;
      const ending = isLeftOver ? lifecycle.end(0) : undefined;
      // Who gives up does not wait for a source that hangs.
      if (signal?.aborted !== true) await ending;
      throw error;
    }
  }

  /** Somebody, perhaps a framework, has made the application's server listen. */
  #onListening(entrance: Entrance): void {
    const { addresses, core, listeners } = this.#parts;
    const { server } = entrance.application;
    listeners.add(server, 'https');
    this.opened(server);
    // Of what listen() opens it hears by itself.
    if (addresses.isOpening) return;
    this.#startListening(entrance).catch((error: unknown) => {
      if (!server.listening) return;
      const { current } = core;
      if (current === undefined) this.#notLoaded(error);
      else current.startFailed(error);
      entrance.shut();
    });
  }

  async #startListening(entrance: Entrance): Promise<void> {
    const { addresses, lifecycle } = this.#parts;
    const { server } = entrance.application;
    await lifecycle.start(() => server.listening);
    const address = server.address();
    if (address === null) return;
    await addresses.openCompanion(entrance, typeof address === 'string' ? undefined : address.address);
  }

  /** The core tells of all else that fails; this is its own absence, such as after an update under a process that runs. */
  #notLoaded(cause: unknown): void {
    const error = new TlsmithError('SOURCE_FAILED', `The server could not be loaded: ${messageOf(cause)}`, {
      hint: 'Restart the process; if that does not help, install the package again.',
      cause,
    });
    const { code, hint, message } = error;
    const { emitter, logger } = this.#parts;
    logger.error({ code, hint }, message);
    emitGuarded(emitter, ['failed', { error, names: [], attempt: 1 }], (thrown) => {
      logger.error({ reason: messageOf(thrown) }, 'A listener of the event failed threw');
    });
  }
}
