/** A certificate as files for other programs: what they hold, and their replacement. */
import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Credential } from '../credential/credential.js';
import { codeOf } from '../errors.js';
import { type ParsedExport, pathFor } from './export-options.js';

const PUBLIC = 0o644;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;

/** A file for another program. */
export interface ExportedFile {
  readonly option: 'certFile' | 'keyFile' | 'chainFile' | 'bundleFile';
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}

/** The files of a certificate, the key before what belongs to it. */
export function exportedFiles(
  { certFile, keyFile, chainFile, bundleFile, mode }: ParsedExport,
  names: readonly string[],
  { cert, key }: Credential,
): readonly ExportedFile[] {
  const chain = (cert.match(CERTIFICATE) ?? []).slice(1).join('');
  const wanted = [
    { option: 'keyFile', path: keyFile, content: key, mode },
    { option: 'bundleFile', path: bundleFile, content: `${key}${cert}`, mode },
    { option: 'chainFile', path: chainFile, content: chain, mode: PUBLIC },
    { option: 'certFile', path: certFile, content: cert, mode: PUBLIC },
  ] as const;
  return wanted.flatMap(({ path, ...file }) =>
    path === undefined ? [] : [{ ...file, path: pathFor(path, names) }],
  );
}

/**
 * Whether all of them are as they should be; links are not followed, and so are no files.
 * @throws an error when something else than a file is in the place of one: a folder, a pipe, a device
 */
export async function areWritten(files: readonly ExportedFile[]): Promise<boolean> {
  const found = await Promise.all(files.map(isWritten));
  return found.every(Boolean);
}

/**
 * Writes them: first all of them completely beside their places, brought to the disk, and then each into its place in one
 * step. Who reads never sees half a file; of several files, old and new ones for a moment.
 */
export async function writeFiles(files: readonly ExportedFile[]): Promise<void> {
  const staged: { readonly from: string; readonly to: string }[] = [];
  try {
    for (const file of files) {
      const { path } = file;
      await mkdir(dirname(path), { recursive: true, mode: folderMode(files) });
      // Without the name of the file, which may be as long as a name can be.
      const from = join(dirname(path), `.tlsmith-${randomBytes(8).toString('hex')}.tmp`);
      staged.push({ from, to: path });
      await stage(from, file);
    }
    for (const { from, to } of staged) await rename(from, to);
  } finally {
    await Promise.all(staged.map(({ from }) => rm(from, { force: true }).catch(() => undefined)));
  }
  for (const folder of new Set(files.map(({ path }) => dirname(path)))) await sync(folder);
}

async function stage(path: string, { content, mode }: ExportedFile): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function isWritten({ path, content, mode }: ExportedFile): Promise<boolean> {
  try {
    const found = await lstat(path);
    if (found.isSymbolicLink()) return false;
    if (!found.isFile()) throw new Error(`${path} is no file, and is left as it is`);
    if (found.size !== Buffer.byteLength(content)) return false;
    if ((await readFile(path, 'utf8')) !== content) return false;
    const isMode = process.platform === 'win32' || (found.mode & 0o777) === mode;
    // The same file with another mode is no change of the certificate.
    if (!isMode) await chmod(path, mode);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Whoever may read the key may get to it, and nobody else. */
function folderMode(files: readonly ExportedFile[]): number {
  const [key] = files.filter(({ mode }) => mode !== PUBLIC);
  if (key === undefined) return 0o755;
  return (key.mode & 0o040) === 0 ? 0o700 : 0o750;
}

async function sync(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  // Some file systems have no fsync for folders.
  await folder.sync().catch(() => undefined);
  await folder.close();
}
