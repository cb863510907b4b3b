/**
 * What tells a file from what was at its path before, without reading it: device, inode, size and times. Replacing
 * it by rename, rewriting it in place, chmod and a link that leads elsewhere all change the signature.
 */
import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { codeOf } from '../errors.js';

/** Kernels stamp files with the time of their last tick, at most 10 ms ago. */
const TICK_MS = 20;
/** FAT and old network file systems count whole seconds, or every second one. */
const COARSE_TICK_MS = 2_500;
const NS_PER_MS = 1_000_000n;
const NS_PER_SECOND = 1_000_000_000n;

/**
 * A compact signature of the file that `path` leads to, links followed; undefined when there is none. Never rejects:
 * a path that cannot be looked at (`EACCES`, `ELOOP`, `ESTALE` …) has its error code as signature.
 *
 * A file changed twice within one tick of the file system's clock has the same times after both changes. Therefore
 * the signature of a file that has just changed is marked, and changes once more when that tick is over: who reads
 * again whenever the signature differs reads the last state, too.
 * @param now milliseconds since the epoch, on the clock that stamps files
 */
export async function fileSignature(path: string, now = Date.now()): Promise<string | undefined> {
  try {
    const stats = await stat(path, { bigint: true });
    const { dev, ino, size, mtimeNs, ctimeNs } = stats;
    const fields = [dev, ino, size, mtimeNs, ctimeNs].map((field) => field.toString(36));
    return fields.join('.') + (mayChangeUnseen(stats, now) ? '~' : '');
  } catch (error) {
    const code = codeOf(error);
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : (code ?? 'unknown');
  }
}

/** Whether a further change now might leave the same times. A time far ahead is that of another clock. */
function mayChangeUnseen({ mtimeNs, ctimeNs }: BigIntStats, now: number): boolean {
  const tickMs = mtimeNs % NS_PER_SECOND === 0n && ctimeNs % NS_PER_SECOND === 0n ? COARSE_TICK_MS : TICK_MS;
  const latest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
  return Math.abs(now - Number(latest / NS_PER_MS)) < tickMs;
}
