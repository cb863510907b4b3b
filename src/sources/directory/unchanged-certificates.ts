/**
 * Which pairs still have the certificate file that was read: the question of every poll of a folder of thousands, which
 * finds nearly always that all have. A promise and a function for each of them would cost as much as asking the system.
 */
import { sep } from 'node:path';
import { sameStamp, sameStampNow } from './file-stamp.js';
import type { PairEntry } from './pair-entry.js';
import type { Slices } from './slices.js';

/** So many questions are on their way at a time: with fewer, threads go to sleep and are woken again in between. */
const ASKED_AT_ONCE = 64;
/**
 * A local disk that takes longer for one file is asleep or overloaded: for the rest of those together threads ask it. Not
 * for more of them, because the processor may have been with somebody else.
 */
const SLOW_MS = 10;

/** Those of the pairs whose certificate may be another one now, in their order. */
export async function withOtherCertificate(
  entries: readonly PairEntry[],
  slices: Slices,
): Promise<readonly PairEntry[]> {
  const others: PairEntry[] = [];
  for (let at = 0; at < entries.length; at += ASKED_AT_ONCE) {
    await slices.breathe();
    others.push(...(await othersIn(entries.slice(at, at + ASKED_AT_ONCE))));
  }
  return others;
}

function othersIn(entries: readonly PairEntry[]): Promise<readonly PairEntry[]> {
  return new Promise((resolve) => {
    const disk = new LocalDisk();
    const isOther = new Uint8Array(entries.length);
    let open = entries.length;
    entries.forEach((entry, index) => {
      const { folder, names, stamp } = entry;
      const answered = (isSame: boolean): void => {
        isOther[index] = isSame ? 0 : 1;
        open -= 1;
        if (open === 0) resolve(entries.filter((_, each) => isOther[each] === 1));
      };
      if (stamp === undefined || entry.failure !== undefined || entry.chainFile !== undefined) {
        answered(false);
        return;
      }
      const path = `${folder.path}${sep}${names.cert}`;
      if (disk.isAskedFor(entry, stamp)) answered(disk.isSame(path, stamp));
      else sameStamp(path, stamp, answered);
    });
  });
}

/** Asks at once for files that were on a disk of this machine when they were read. */
class LocalDisk {
  #isSlow = false;

  isAskedFor({ folder: { localDevice } }: PairEntry, stamp: string): boolean {
    return !this.#isSlow && localDevice !== undefined && stamp.startsWith(localDevice);
  }

  isSame(path: string, stamp: string): boolean {
    const began = performance.now();
    const isSame = sameStampNow(path, stamp);
    this.#isSlow = performance.now() - began > SLOW_MS;
    return isSame;
  }
}
