/** Whether what is written to a folder is still there after a restart of the machine, or in the next container. */
import { access, statfs } from 'node:fs/promises';

/** By the numbers of statfs(2) on Linux, which are the same on all machines. */
const IN_MEMORY: ReadonlyMap<number, string> = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
]);
const OVERLAY = 0x794c7630;
/** What Docker and Podman leave in each of their containers. */
const CONTAINER_MARKS = ['/.dockerenv', '/run/.containerenv'];

/** Why a folder does not last, as half a sentence; undefined where it does, or nothing is known. Never rejects. */
export async function volatilityOf(folder: string): Promise<string | undefined> {
  try {
    const { type } = await statfs(folder);
    return reasonFor(folder, { type, isInContainer: await isInContainer() });
  } catch {
    return undefined;
  }
}

/** @param facts - the type of file system by statfs(2), and whether this is a container */
export function reasonFor(
  folder: string,
  { type, isInContainer }: { readonly type: number; readonly isInContainer: boolean },
): string | undefined {
  // 32 bits of it count, and may come as a negative number.
  const kind = type >>> 0;
  const memory = IN_MEMORY.get(kind);
  if (memory !== undefined) return `${folder} is in memory (${memory})`;
  // Elsewhere, as on routers and live systems, an overlay may well last.
  return kind === OVERLAY && isInContainer
    ? `${folder} is part of the container, and goes with it`
    : undefined;
}

async function isInContainer(): Promise<boolean> {
  if (process.env['KUBERNETES_SERVICE_HOST'] !== undefined) return true;
  const marks = await Promise.allSettled(CONTAINER_MARKS.map((mark) => access(mark)));
  return marks.some(({ status }) => status === 'fulfilled');
}
