/** How long `close()` waits for what is being answered. */

const GRACE_MS = 10_000;

/** Options of `SecureServer.close`. */
export interface CloseOptions {
  /**
   * How long requests that are being answered may take, in milliseconds.
   * @defaultValue 10 000
   */
  readonly graceMs?: number;
}

/**
 * The grace in milliseconds.
 * @throws `TypeError` when it is no number from 0
 */
export function parseGrace(options: CloseOptions | null = {}): number {
  const { graceMs = GRACE_MS }: { graceMs?: unknown } = options ?? {};
  if (typeof graceMs === 'number' && graceMs >= 0) return graceMs;
  throw new TypeError(
    `close: \`graceMs\` must be a number of milliseconds from 0; it is ${String(graceMs)}.`,
  );
}
