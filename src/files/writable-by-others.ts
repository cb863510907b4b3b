/**
 * Whether others on this machine can put another certificate or key in the place of the one that serves. What everybody
 * can do is a warning; what a group can do is a remark, since a group may be how a certificate is renewed on purpose.
 */
import type { Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import type { Finding } from '../credential/findings.js';
import { isContainerSecret, keepsModes, type Mount, mounts } from './mounts.js';
import type { PairMaterial } from './pair-material.js';
import { foldersAbove, octalMode } from './permissions.js';

const WRITE = 0o002;
const SEARCH = 0o001;
const GROUP_SHIFT = 3;
/** In such a folder nobody but the owner of a file can replace it. */
const STICKY = 0o1000;
/** `everybody`, or the number of a group that neither root nor this process is in. */
type Writer = 'everybody' | number;

/** A file or folder that others can write. */
interface Writable {
  readonly path: string;
  readonly stats: Stats;
  readonly writer: Writer;
}

/** The findings about files of a pair that others can write: one for everybody, one for each group. */
export async function writableFiles({ certFile, keyFile, chainFile }: PairMaterial): Promise<Finding[]> {
  if (process.platform === 'win32') return []; // No modes there.
  const files = [certFile, keyFile, chainFile].filter((file) => file !== undefined);
  const found = await Promise.all(
    [...new Map(files.map((file) => [file.path, file])).values()].map(async ({ path, location, stats }) => {
      if (!stats.isFile() || !isWritten(stats)) return [];
      const real = await realpath(location).catch(() => location);
      const writer = await writerOf(real, stats);
      return writer === undefined || !(await areModesMeant(real, stats)) ? [] : [{ path, stats, writer }];
    }),
  );
  const all = found.flat();
  const writers = [...new Set(all.map(({ writer }) => writer))];
  return writers.map((writer) =>
    filesFinding(
      all.filter((file) => file.writer === writer),
      writer,
    ),
  );
}

/** What is asked about folders. */
export interface WritableFoldersOptions {
  /** Whether files that others add are served, too; then the sticky bit of a folder is no help. */
  readonly isAddingHarmful?: boolean;
}

/** A finding for each of these folders, and of those above them, that others can write; it names its folder. */
export async function writableFolders(
  paths: readonly string[],
  { isAddingHarmful = false }: WritableFoldersOptions = {},
): Promise<Finding[]> {
  if (process.platform === 'win32') return [];
  const given = await Promise.all(paths.map((path) => realpath(path).catch(() => undefined)));
  const own = new Set(given.filter((path) => path !== undefined));
  const all = new Set([...own].flatMap((path) => [path, ...foldersAbove(path)]));
  const findings: Finding[] = [];
  for (const path of all) {
    const stats = await stat(path).catch(() => undefined);
    if (stats === undefined || ((stats.mode & STICKY) !== 0 && !(isAddingHarmful && own.has(path)))) continue;
    const writer = await writerOf(path, stats);
    if (writer === undefined || !(await areModesMeant(path, stats))) continue;
    findings.push(folderFinding({ path, stats, writer }, await mounts()));
  }
  return findings;
}

/** Whether the mode lets anybody but the owner write: of most files it does not, and nothing more is asked. */
function isWritten({ mode }: Pick<Stats, 'mode'>): boolean {
  return ((mode | (mode >> GROUP_SHIFT)) & WRITE) !== 0;
}

/** Whoever of the others can write what lies at `path`; undefined when nobody can, or can get there. */
async function writerOf(path: string, { mode, gid }: Stats): Promise<Writer | undefined> {
  if (!isWritten({ mode })) return undefined;
  const isForAll = (mode & WRITE) !== 0;
  const above = await Promise.all(foldersAbove(path).map((folder) => stat(folder).catch(() => undefined)));
  const leads = (may: (stats: Stats) => boolean): boolean =>
    above.every((folder) => folder !== undefined && may(folder));
  if (isForAll && leads((folder) => (folder.mode & SEARCH) !== 0)) return 'everybody';
  // A group of this process is how its operator shares files with it, and root's holds root.
  if (((mode >> GROUP_SHIFT) & WRITE) === 0 || gid === 0 || ownGroups().includes(gid)) return undefined;
  const isOpen = leads(({ gid: group, mode: bits }) =>
    group === gid ? ((bits >> GROUP_SHIFT) & SEARCH) !== 0 : (bits & SEARCH) !== 0,
  );
  return isOpen ? gid : undefined;
}

function ownGroups(): readonly number[] {
  return [process.getegid?.() ?? -1, ...(process.getgroups?.() ?? [])];
}

async function areModesMeant(path: string, stats: Stats): Promise<boolean> {
  const all = await mounts();
  return keepsModes(path, all) && !isContainerSecret(path, stats, all);
}

function filesFinding(files: readonly Writable[], writer: Writer): Finding {
  const paths = files.map(({ path }) => path).join(' ');
  const described = files.map(({ path, stats }) => `${path} has mode ${octalMode(stats)}`).join(' and ');
  return {
    code: 'TLS_FILE_WRITABLE_BY_OTHERS',
    severity: writer === 'everybody' ? 'warning' : 'info',
    message: `${described}: ${named(writer)} can write another certificate or key there, and it would be served.`,
    hint: `${mendedBy(writer, paths)} If somebody may have done so, compare the certificate with the one you were issued.`,
  };
}

function folderFinding({ path, stats, writer }: Writable, all: readonly Mount[]): Finding {
  const isVolume = path !== '/' && all.some(({ point }) => point === path);
  const sticky =
    (stats.mode & STICKY) === 0
      ? ' Others who must write there: chmod +t lets nobody replace the files of another.'
      : '';
  return {
    code: 'TLS_FILE_WRITABLE_BY_OTHERS',
    severity: writer === 'everybody' && !isVolume ? 'warning' : 'info',
    names: [path],
    message: `Folder ${path} has mode ${octalMode(stats)}${isVolume ? ', as volumes of containers have by default' : ''}: ${named(writer)} can put other certificates and keys where those lie that are served.`,
    hint: `${mendedBy(writer, path)}${sticky}`,
  };
}

function named(writer: Writer): string {
  return writer === 'everybody'
    ? 'every user and program on this machine'
    : `everybody in the group ${writer}, which is not one of this process,`;
}

function mendedBy(writer: Writer, paths: string): string {
  return writer === 'everybody'
    ? `chmod o-w ${paths}; to let a service write there: chgrp to its group and chmod g+w,o-w.`
    : `chmod g-w ${paths}, unless that group is meant to renew the certificate.`;
}
