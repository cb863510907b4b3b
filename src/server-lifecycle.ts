/**
 * When a server runs. Each start begins a run of its own, which lasts until the server is closed; whatever is left
 * over from an earlier run (a start that hung, a listener that closes late) has no say in a later one.
 */
import { abortable } from './abortable.js';
import { alarm, type Clock } from './clock.js';
import { TlsmithError } from './errors.js';
import type { LazyCore } from './lazy-core.js';
import type { Draining } from './listening/draining.js';

/** How long destroyed connections may take to be gone. */
const LINGER_MS = 1_000;

/** What is closed with a run besides its core. */
export interface ServerOpenings {
  /** Stops accepting; answers what is on its way to be closed. */
  stopAccepting(): Draining[];
  /** Ends connections that wait for the start. */
  destroyWaiting(): void;
}

interface Run {
  readonly started: Promise<void>;
  /** Aborted with the reason when the run is over. */
  readonly over: AbortController;
  isStarted: boolean;
}

/** Starts and closes one server, any number of times. */
export class ServerLifecycle {
  readonly #clock: Clock;
  readonly #core: LazyCore;
  readonly #openings: ServerOpenings;
  #run: Run | undefined;
  #closing: Promise<void> | undefined;
  #closes = 0;
  #ends = 0;

  constructor(clock: Clock, core: LazyCore, openings: ServerOpenings) {
    this.#clock = clock;
    this.#core = core;
    this.#openings = openings;
  }

  /** Whether the start is complete. */
  get isStarted(): boolean {
    return this.#run?.isStarted === true;
  }

  /** Whether a start has begun that nothing has ended, or is about to. */
  get isRunning(): boolean {
    return this.#run !== undefined && this.#closing === undefined;
  }

  /** How often somebody has asked for it to be closed: who has waited sees that it happened meanwhile. */
  get closes(): number {
    return this.#closes;
  }

  /** How many runs are over; one that is being closed counts. */
  get ends(): number {
    return this.#ends;
  }

  /** Aborted when the present run is over. */
  get over(): AbortSignal | undefined {
    return this.#run?.over.signal;
  }

  /** Settles with the present close, if there is one. */
  get closing(): Promise<void> | undefined {
    return this.#closing;
  }

  /** Begins a run, unless there is one. What is asked for while the server closes begins when it has closed. */
  start(isWanted: () => boolean = this.#isNotClosedAgain()): Promise<void> {
    if (this.#closing !== undefined) {
      return this.#closing.then(() => {
        if (!isWanted()) throw closedMeanwhile('start()');
        return this.start(isWanted);
      });
    }
    this.#run ??= this.#begin();
    return this.#run.started;
  }

  /** Closes because somebody wants it: whatever was asked for before is void. */
  close(graceMs: number): Promise<void> {
    this.#closes += 1;
    return this.end(graceMs);
  }

  /** Ends the present run; what is asked for meanwhile begins the next. */
  end(graceMs: number): Promise<void> {
    this.#closing ??= this.#end(graceMs).finally(() => {
      this.#closing = undefined;
    });
    return this.#closing;
  }

  /**
   * @throws {@link TlsmithError} `CLOSED` when somebody has closed the server after `closes` was read
   */
  assertNotClosedSince(closes: number, call: string): void {
    if (closes !== this.#closes) throw closedMeanwhile(call);
  }

  #isNotClosedAgain(): () => boolean {
    const closes = this.#closes;
    return () => closes === this.#closes;
  }

  #begin(): Run {
    const over = new AbortController();
    const run: Run = {
      over,
      isStarted: false,
      started: abortable(this.#load(over.signal), over.signal).then(
        () => {
          run.isStarted = !over.signal.aborted;
        },
        (error: unknown) => {
          if (this.#run === run) this.#run = undefined;
          throw error;
        },
      ),
    };
    run.started.catch(() => undefined);
    return run;
  }

  async #load(over: AbortSignal): Promise<void> {
    const core = await this.#core.load();
    // Nobody would end what is begun now.
    over.throwIfAborted();
    await core.start();
  }

  async #end(graceMs: number): Promise<void> {
    this.#ends += 1;
    const clock = this.#clock;
    const deadline = clock.now() + graceMs;
    // Before anything is waited for: a server that is told to listen meanwhile belongs to the next run.
    const drainings = this.#openings.stopAccepting();
    // A start that fails on its way has nothing left to close; one that hangs is not waited for for ever.
    if (!this.isStarted) await this.#atMost(graceMs, this.#run?.started);
    this.#abandonRun();
    this.#openings.destroyWaiting();
    const core = this.#core.current;
    core?.router.destroy('unsecured');
    const closed = Promise.all([...drainings.map((draining) => draining.closed), core?.connectionsClosed()]);
    await this.#atMost(Math.min(graceMs, deadline - clock.now()), closed);
    for (const draining of drainings) draining.finish();
    core?.router.destroy('all');
    await this.#atMost(LINGER_MS, closed);
    await core?.stop();
  }

  #abandonRun(): void {
    const run = this.#run;
    this.#run = undefined;
    run?.over.abort(closedMeanwhile('start()'));
  }

  /** Waits for a promise, whatever becomes of it, but no longer than `limitMs`. */
  async #atMost(limitMs: number, promise: Promise<unknown> | undefined): Promise<void> {
    if (promise === undefined || limitMs <= 0) return;
    const clock = this.#clock;
    const controller = new AbortController();
    const cancel = alarm(clock, clock.now() + limitMs, () => {
      controller.abort();
    });
    await abortable(promise, controller.signal).catch(() => undefined);
    cancel();
  }
}

/** The error of a call that close() has overtaken. */
export function closedMeanwhile(call: string): TlsmithError {
  return new TlsmithError('CLOSED', `The server was closed before ${call} was done.`, {
    hint: `Call ${call} again to open it anew.`,
  });
}
