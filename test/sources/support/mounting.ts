// Whether a test may mount, and mounts that are gone with their folder.
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { type TemporaryFolder, withTemporaryFolder } from '../../support/temporary-folder.js';

const run = promisify(execFile);

/** Whether this user may mount; tried in a namespace that is gone at once. */
export const mayMount =
  process.platform === 'linux' &&
  process.getuid?.() === 0 &&
  spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

/** Mounts with the arguments of mount(8), of which the last is the mount point. */
export type MountTool = (...args: string[]) => Promise<void>;

/** Gives `use` a folder to mount in. */
export async function withMounts(
  use: (folder: TemporaryFolder, mount: MountTool) => Promise<void>,
): Promise<void> {
  await withTemporaryFolder(async (folder) => {
    const points = new Set<string>();
    try {
      await use(folder, async (...args) => {
        await run('mount', args);
        points.add(args.at(-1) ?? '');
      });
    } finally {
      for (const point of [...points].reverse()) await run('umount', ['-l', point]);
    }
  });
}
