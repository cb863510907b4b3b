/**
 * Removes from the storage what nobody uses any more: certificates that have expired and that nobody manages, and what
 * killed processes have left behind. One process of all looks once a day. What is removed was found unused in look after
 * look, so that no clock that jumps makes anything old.
 */
import { setMaxListeners } from 'node:events';
import { alarm, type Clock } from '../clock.js';
import { messageOf } from '../errors.js';
import type { Logger } from '../logger.js';
import type { Lease, Storage } from '../storage/storage.js';
import type { Companion, CompanionSource } from './companion.js';
import { type Leftover, leftovers } from './leftovers.js';
import { parseRecord } from './stored-generation.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A server has other things to do when it starts. */
const FIRST_LOOK_MS = HOUR_MS / 6;
/** The looks of several processes are not exactly a day apart. */
const SHORTEST_PAUSE_MS = 20 * HOUR_MS;
/** What one look adds to the time that something is known to be unused. */
const MOST_COUNTED_MS = 2 * DAY_MS;
/** Whoever holds a lock for longer is at work there. */
const PATIENCE_MS = 1_000;
const MOST_NOTED = 10_000;
const FORMAT = 1;
const RECORD = 'acme/clean-up';
const LOCK = 'acme/clean-up-lock';

/** What cleaning is done with. */
export interface CleaningTools {
  readonly storage: Storage;
  /** Whose certificates this process manages. */
  readonly issuerId: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the last look has found. */
interface Look {
  /** When that was, milliseconds since the epoch. */
  readonly at: number;
  /** By leftover: how long it is known to be unused, in milliseconds. */
  readonly unusedMs: Readonly<Record<string, number>>;
}

/** The cleaning of one storage. */
export class StorageCleaning implements Companion {
  readonly #tools: CleaningTools;
  readonly #closing = new AbortController();
  #keeps: CompanionSource['keeps'] = () => true;
  #stop: () => void = () => undefined;
  #looking: Promise<void> | undefined;

  constructor(tools: CleaningTools) {
    this.#tools = tools;
    setMaxListeners(0, this.#closing.signal);
  }

  started({ keeps }: CompanionSource): void {
    this.#keeps = keeps;
    this.#sleep(FIRST_LOOK_MS);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#stop();
    await this.#looking;
  }

  #sleep(ms: number): void {
    if (this.#closing.signal.aborted) return;
    const { clock } = this.#tools;
    this.#stop = alarm(clock, clock.now() + ms, () => {
      this.#looking = this.#look().finally(() => {
        this.#sleep(DAY_MS);
      });
    });
  }

  /** Never rejects: nobody depends on it. */
  async #look(): Promise<void> {
    try {
      const lease = await this.#lock(LOCK);
      if (lease === undefined) return;
      await this.#clean(lease).finally(() => lease.release());
    } catch (error) {
      this.#tools.logger.debug({}, `The storage was not cleaned up: ${messageOf(error)}`);
    }
  }

  async #clean(lease: Lease): Promise<void> {
    const { storage, issuerId, clock } = this.#tools;
    const now = clock.now();
    const last = decode((await storage.get(RECORD))?.bytes);
    // A look in the future was made by a clock that was ahead.
    const passedMs = Math.max(0, now - (last?.at ?? now));
    if (last !== undefined && last.at <= now && passedMs < SHORTEST_PAUSE_MS) return;
    const unusedMs: Record<string, number> = {};
    let noted = 0;
    const { signal } = this.#closing;
    for await (const leftover of leftovers({ storage, now, issuerId, keeps: this.#keeps, signal })) {
      const before = last?.unusedMs[leftover.id];
      const known = before === undefined ? 0 : before + Math.min(passedMs, MOST_COUNTED_MS);
      const isRemoved = known >= leftover.graceMs && (await this.#remove(leftover));
      if (!isRemoved && (noted += 1) <= MOST_NOTED) unusedMs[leftover.id] = known;
    }
    const record = { format: FORMAT, at: now, unusedMs };
    await storage.put(RECORD, new TextEncoder().encode(JSON.stringify(record)), { lease });
  }

  /** Whether it was free to be removed, and could be: one that cannot be keeps no other from it. */
  async #remove({ id, lock, remove }: Leftover): Promise<boolean> {
    const { logger } = this.#tools;
    try {
      const lease = lock === undefined ? undefined : await this.#lock(lock);
      if (lock !== undefined && lease === undefined) return false;
      await remove(lease).finally(() => lease?.release());
    } catch (error) {
      if (this.#closing.signal.aborted) throw error;
      logger.debug({}, `${id} could not be removed from the storage: ${messageOf(error)}`);
      return false;
    }
    logger.debug({}, `Removed from the storage, because nobody uses it: ${id}`);
    return true;
  }

  /** Undefined when somebody else has it. */
  async #lock(key: string): Promise<Lease | undefined> {
    const { storage, clock } = this.#tools;
    const patience = new AbortController();
    const timer = clock.setTimeout(() => {
      patience.abort();
    }, PATIENCE_MS);
    try {
      return await storage.lock(key, { signal: AbortSignal.any([this.#closing.signal, patience.signal]) });
    } catch (error) {
      if (patience.signal.aborted) return undefined;
      throw error;
    } finally {
      clock.clearTimeout(timer);
    }
  }
}

function decode(bytes: Uint8Array | undefined): Look | undefined {
  const { format, at, unusedMs } = bytes === undefined ? {} : parseRecord(bytes);
  if (format !== FORMAT || typeof at !== 'number' || typeof unusedMs !== 'object' || unusedMs === null)
    return undefined;
  const entries = Object.entries(unusedMs).filter((entry): entry is [string, number] =>
    Number.isFinite(entry[1]),
  );
  return { at, unusedMs: Object.fromEntries(entries) };
}
