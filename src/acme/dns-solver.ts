/** Answers `dns-01` challenges (RFC 8555 §8.4) through what the user has given to `dns01()`. */
import { createHash } from 'node:crypto';
import type { Clock } from '../clock.js';
import { messageOf } from '../errors.js';
import type { DnsChallengeRecord, DnsSolver } from './dns01.js';
import { type Presentation, PresentationError, type Solver } from './solvers.js';
import { unlessAborted } from './unless-aborted.js';

/** A record that stays is untidy; an order that waits for ever is worse. */
const LONGEST_CLEAN_UP_MS = 30_000;

/** What the solver is used with. */
export interface DnsSolverTools {
  readonly clock: Clock;
  /** Told of what could not be removed. */
  readonly warn: (message: string) => void;
}

/** The solver for `dns-01`. */
export function dnsSolver(solver: DnsSolver, { clock, warn }: DnsSolverTools): Solver {
  const inTurn = turns();
  const cleanUp = async (record: DnsChallengeRecord): Promise<void> => {
    const limit = new AbortController();
    const timer = clock.setTimeout(() => {
      limit.abort(new Error(`it took longer than ${LONGEST_CLEAN_UP_MS / 1_000} seconds`));
    }, LONGEST_CLEAN_UP_MS);
    try {
      // Also when the attempt was given up: hence a signal of its own.
      await inTurn(record.name, limit.signal, async () => solver.cleanUp(record));
    } catch (error) {
      warn(`The solver of dns01() could not remove the TXT record ${record.name}: ${messageOf(error)}`);
    } finally {
      clock.clearTimeout(timer);
    }
  };
  return {
    type: 'dns-01',
    present: async (presentation) => {
      const record = recordFor(presentation);
      const { signal } = presentation;
      try {
        await inTurn(record.name, signal, async () => solver.present(record, { signal }));
      } catch (error) {
        // Half of it may have been done.
        await cleanUp(record);
        signal.throwIfAborted();
        throw new PresentationError(`the TXT record ${record.name} was not set: ${messageOf(error)}`, error);
      }
      return () => cleanUp(record);
    },
  };
}

function recordFor({ identifier, keyAuthorization }: Presentation): DnsChallengeRecord {
  const domain = identifier.value;
  const value = createHash('sha256').update(keyAuthorization).digest('base64url');
  return { name: `_acme-challenge.${domain}`, type: 'TXT', value, domain };
}

/** Runs what has the same key one after the other: many providers read all records of a name and write them back. */
function turns(): (key: string, signal: AbortSignal, run: () => Promise<void>) => Promise<void> {
  const last = new Map<string, Promise<void>>();
  return async (key, signal, run) => {
    const before = last.get(key) ?? Promise.resolve();
    const mine = unlessAborted(
      before.then(() => {
        signal.throwIfAborted();
        return run();
      }),
      signal,
    );
    const settled = mine.catch(() => undefined);
    last.set(key, settled);
    try {
      await mine;
    } finally {
      if (last.get(key) === settled) last.delete(key);
    }
  };
}
