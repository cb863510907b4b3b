/** Which process listens on a port already, as Linux tells it in /proc; elsewhere nothing is known. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process. */
export interface PortHolder {
  readonly pid: number;
  /** Such as `nginx`. */
  readonly name: string;
}

/** The search ends here on a machine with very many processes. */
const LONGEST_SEARCH_MS = 200;
/** The state of a listening socket in /proc/net/tcp (proc_pid_net(5)). */
const LISTENING = '0A';

/** Who listens on the TCP port `port`; undefined when that is nobody whom this user may look at. */
export function portHolder(port: number): PortHolder | undefined {
  const inodes = new Set(['tcp', 'tcp6'].flatMap((table) => listening(linesOf(`/proc/net/${table}`), port)));
  if (inodes.size === 0) return undefined;
  const links = new Set([...inodes].map((inode) => `socket:[${inode}]`));
  const end = performance.now() + LONGEST_SEARCH_MS;
  for (const pid of namesIn('/proc')) {
    if (!/^\d+$/.test(pid) || performance.now() > end) continue;
    const files = `/proc/${pid}/fd`;
    if (namesIn(files).some((file) => links.has(linkOf(`${files}/${file}`))))
      return { pid: Number(pid), name: linesOf(`/proc/${pid}/comm`)[0] ?? '' };
  }
  return undefined;
}

/** The inodes of the sockets that listen on a port, on whichever address. */
function listening(lines: readonly string[], port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return lines.flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [local = '', state, inode] = [fields[1], fields[3], fields[9]];
    return local.endsWith(wanted) && state === LISTENING && inode !== undefined ? [inode] : [];
  });
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // Of another user, or gone meanwhile.
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
