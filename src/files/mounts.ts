/** What is mounted where, as Linux tells it in /proc/self/mountinfo; elsewhere nothing is known. */
import type { Stats } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** A mount of this process's namespace. */
export interface Mount {
  /** The folder, or the single file, that it covers. */
  readonly point: string;
  /** Such as `ext4`, `tmpfs`, `overlay`. */
  readonly type: string;
  /** Whether this process may only read there. */
  readonly isReadOnly: boolean;
}

/** All mounts; none where that cannot be found out. */
export async function mounts(): Promise<Mount[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return parseMountInfo(text);
}

/** Reads the text of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export function parseMountInfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    const [point, options] = [fields[4], fields[5]];
    // Optional fields end with a dash; the type of the file system follows.
    const type = fields[fields.indexOf('-', 6) + 1];
    if (point === undefined || options === undefined || type === undefined) return [];
    return [{ point: unescaped(point), type, isReadOnly: options.split(',').includes('ro') }];
  });
}

/** The mount that covers `path`, which is absolute and free of links. */
export function mountOf(path: string, all: readonly Mount[]): Mount | undefined {
  const covering = all.filter(({ point }) => path === point || path.startsWith(withSlash(point)));
  // Of two at the same point the later one lies on top.
  return covering.reduce<Mount | undefined>(
    (best, mount) => (best === undefined || mount.point.length >= best.point.length ? mount : best),
    undefined,
  );
}

/**
 * Secrets of Kubernetes and Swarm lie in memory, read-only, root's, and there is nobody else in the container.
 * @param path - absolute and free of links
 */
export function isContainerSecret(path: string, { uid }: Pick<Stats, 'uid'>, all: readonly Mount[]): boolean {
  const mount = uid === 0 ? mountOf(path, all) : undefined;
  return mount !== undefined && mount.type === 'tmpfs' && mount.isReadOnly;
}

/** File systems that show the same mode for every file, whoever may do what. */
const WITHOUT_MODES = [
  '9p',
  'cifs',
  'drvfs',
  'exfat',
  'fuseblk',
  'msdos',
  'ntfs',
  'ntfs3',
  'smb3',
  'vboxsf',
  'vfat',
];

/** Whether the modes of files say who may do what; `path` is absolute and free of links. */
export function keepsModes(path: string, all: readonly Mount[]): boolean {
  return !WITHOUT_MODES.includes(mountOf(path, all)?.type ?? '');
}

function withSlash(folder: string): string {
  return folder.endsWith('/') ? folder : `${folder}/`;
}

/** Spaces and the like are written as octal numbers. */
function unescaped(field: string): string {
  return Buffer.from(
    field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    'latin1',
  ).toString('utf8');
}
