/** Files mounted one by one, which show the file that was there when they were mounted, whatever replaces it. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Finding } from '../credential/findings.js';
import { type Mount, mounts } from './mounts.js';

/** Where Docker Swarm mounts secrets. They never change: another secret is another container. */
const SWARM_SECRETS = '/run/secrets';

/** A finding for each of the files at `paths` that is a mount of its own (Docker `-v file:file`, Kubernetes `subPath`). */
export async function unwatchableFiles(paths: readonly string[]): Promise<Finding[]> {
  const all = await mounts();
  if (all.length === 0) return [];
  const found = await Promise.all([...new Set(paths)].map((path) => mountFinding(path, all)));
  return found.filter((finding) => finding !== undefined);
}

/** The same for files in these folders, of those by whose names `isMeant`; each finding names its file. */
export async function unwatchableFilesIn(
  folders: readonly string[],
  isMeant: (fileName: string) => boolean,
): Promise<Finding[]> {
  const candidates = (await mounts()).filter(({ point }) => isMeant(basename(point)));
  // Mostly there is none, and a large folder costs nothing.
  if (candidates.length === 0) return [];
  const findings = new Map<string, Finding>();
  for (const folder of folders) {
    const location = await realpath(folder).catch(() => folder);
    for (const mount of candidates.filter(({ point }) => dirname(point) === location)) {
      const path = join(folder, basename(mount.point));
      findings.set(path, { ...findingOf(path, mount), names: [path] });
    }
  }
  return [...findings.values()];
}

async function mountFinding(path: string, all: readonly Mount[]): Promise<Finding | undefined> {
  const location = await realpath(path).catch(() => path);
  const mount = all.find(({ point }) => point === location);
  return mount === undefined ? undefined : findingOf(path, mount);
}

function findingOf(path: string, { point }: Mount): Finding {
  return {
    code: 'WATCH_UNSUPPORTED',
    severity: dirname(point) === SWARM_SECRETS ? 'info' : 'warning',
    message: `${path} is mounted as a single file (Docker -v file:file, Kubernetes subPath): when it is replaced on the other side, as every renewal does, the old one stays here.`,
    hint: `Mount the folder instead: -v ./certs:${dirname(path)}:ro; in Kubernetes mount the secret without subPath.`,
  };
}
