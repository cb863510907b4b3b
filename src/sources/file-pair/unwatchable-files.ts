/** Files mounted one by one, which show the file that was there when they were mounted, whatever replaces it. */
import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Finding } from '../../credential/findings.js';
import { type Mount, mounts } from '../../files/mounts.js';

/** A finding for each of the files at `paths` that is a mount of its own (Docker `-v file:file`, Kubernetes `subPath`). */
export async function unwatchableFiles(paths: readonly string[]): Promise<Finding[]> {
  const all = await mounts();
  if (all.length === 0) return [];
  const found = await Promise.all([...new Set(paths)].map((path) => mountFinding(path, all)));
  return found.filter((finding) => finding !== undefined);
}

async function mountFinding(path: string, all: readonly Mount[]): Promise<Finding | undefined> {
  const location = await realpath(path).catch(() => path);
  const mount = all.find(({ point }) => point === location);
  if (mount === undefined) return undefined;
  return {
    code: 'WATCH_UNSUPPORTED',
    // A secret in memory that is mounted for reading is replaced with its container only: nothing will be missed.
    severity: mount.type === 'tmpfs' && mount.isReadOnly ? 'info' : 'warning',
    message: `${path} is mounted as a single file (Docker -v file:file, Kubernetes subPath): when it is replaced on the other side, as every renewal does, the old one stays here.`,
    hint: `Mount the folder instead: -v ./certs:${dirname(path)}:ro; in Kubernetes mount the secret without subPath.`,
  };
}
