// Memory and processor time of a process and all that it has started, from /proc (proc(5)).
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

const QUIET_SHARE = 0.02;
const QUIET_MS = 1_000;

const ticksPerSecond = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout ?? 100) || 100;

/** Processor time of the tree so far, in microseconds; that of children which have ended is in it. */
export function cpuOf(pid) {
  const ticks = treeOf(pid).reduce(
    (sum, { times }) => sum + times.reduce((total, time) => total + time, 0),
    0,
  );
  return (ticks / ticksPerSecond) * 1e6;
}

/** Resident memory of the tree in bytes; pages that processes share count for each of them. */
export function rssOf(pid) {
  return treeOf(pid).reduce((sum, process) => sum + residentBytes(process.pid), 0);
}

/** Resolves when the tree has used almost no processor time for a second, or when this takes too long. */
export async function untilQuiet(pid, timeoutMs) {
  const end = performance.now() + timeoutMs;
  for (let last = cpuOf(pid); performance.now() < end;) {
    await wait(QUIET_MS);
    const now = cpuOf(pid);
    if (now - last <= QUIET_SHARE * QUIET_MS * 1000) return;
    last = now;
  }
}

function treeOf(root) {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((process) => process !== undefined);
  const tree = all.filter(({ pid }) => pid === root);
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid));
  return tree;
}

function statOf(pid) {
  try {
    // The second field is the name in brackets, which may hold anything.
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // utime, stime, cutime, cstime are fields 14 to 17; these begin with the third.
    return { pid, parent: Number(fields[1]), times: fields.slice(11, 15).map(Number) };
  } catch {
    return undefined;
  }
}

function residentBytes(pid) {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
