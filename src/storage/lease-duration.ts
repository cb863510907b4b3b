/** How long a lease outlives its holder. */

/** 30 seconds, with a heartbeat every 5. */
export const DEFAULT_LEASE_MS = 30_000;

/** @throws TypeError for what is no duration in milliseconds */
export function assertLeaseMs(leaseMs: number): void {
  if (Number.isFinite(leaseMs) && leaseMs > 0 && leaseMs < 2 ** 31) return;
  throw new TypeError('lock: leaseMs must be a number of milliseconds above 0 and below 2^31.');
}
