/**
 * Waiting for a lease and keeping it alive. Whether a holder has died is judged by how long its sign of life did not
 * change while we looked, never by comparing its clock with ours.
 */
import type { Clock } from '../clock.js';
import { codeOf } from '../errors.js';
import { endLease, readBeat, readLease, takeLease, touchLease } from './file-lease.js';
import { leaseLost } from './storage-errors.js';
import type { Lease } from './storage.js';

/** What is to be locked, and how. */
export interface LeaseRequest {
  readonly key: string;
  readonly folder: string;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

const BEATS_PER_LEASE = 6;
const SHORTEST_POLL_MS = 50;
const LONGEST_POLL_MS = 150;

/** Waits until the key is free or its holder is dead, then holds it. Rejects with the signal's reason. */
export async function holdLease(request: LeaseRequest): Promise<Lease> {
  const { folder, leaseMs, clock, signal } = request;
  const holder = observeHolder(request);
  for (;;) {
    signal?.throwIfAborted();
    const token = await takeLease(folder, leaseMs);
    if (token !== undefined && signal?.aborted === true) await endLease(folder, token);
    else if (token !== undefined) return keepAlive(request, token);
    else await holder.look();
    await pause(clock, SHORTEST_POLL_MS + Math.random() * (LONGEST_POLL_MS - SHORTEST_POLL_MS), signal);
  }
}

/** Ends the lease of a holder that gave no sign of life for its `leaseMs`, as seen from here. */
function observeHolder({ folder, leaseMs, clock }: LeaseRequest): { look(): Promise<void> } {
  let seen = { token: 0, mark: 0 };
  let stillMs = 0;
  let lookedAt = clock.now();
  return {
    async look() {
      const { token, isHeld } = await readLease(folder);
      const beat = await readBeat(folder, token);
      const mark = beat?.mark ?? 0;
      // No look counts for more than two polls: a clock that jumps, or our own stop, is not the holder's silence.
      const now = clock.now();
      const sinceMs = Math.min(Math.max(now - lookedAt, 0), 2 * LONGEST_POLL_MS);
      lookedAt = now;
      stillMs = token === seen.token && mark === seen.mark ? stillMs + sinceMs : 0;
      seen = { token, mark };
      if (isHeld && stillMs >= (beat?.leaseMs ?? leaseMs)) await endLease(folder, token);
    },
  };
}

function keepAlive({ key, folder, leaseMs, clock }: LeaseRequest, token: number): Lease {
  const lost = new AbortController();
  let isOver = false;
  let timer: unknown;
  let touchedAt = clock.now();
  const arm = (): void => {
    if (!isOver) timer = clock.setTimeout(() => void beat(), leaseMs / BEATS_PER_LEASE);
  };
  const beat = async (): Promise<void> => {
    try {
      await touchLease(folder, token, clock.now());
      touchedAt = clock.now();
    } catch (error) {
      // A disk in trouble is no loss yet, but once others may have taken over, nobody should rely on it.
      if (codeOf(error) === 'ENOENT' || clock.now() - touchedAt > leaseMs) giveUp();
    }
    arm();
  };
  const giveUp = (): void => {
    if (isOver) return;
    isOver = true;
    lost.abort(leaseLost({ key, token }));
  };
  arm();
  return {
    key,
    token,
    signal: lost.signal,
    async release() {
      isOver = true;
      clock.clearTimeout(timer);
      await endLease(folder, token);
    },
  };
}

/** A plain timer, not an instant to wait for: a clock set back must not stretch it. */
function pause(clock: Clock, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clock.clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, waitMs);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}
