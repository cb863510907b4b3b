// A folder for one test, outside the checkout, gone afterwards.
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that belongs to one test. */
export interface TemporaryFolder {
  /** Its real path: no symbolic link in it. */
  readonly path: string;
  /** The path of something in it. */
  file(...segments: string[]): string;
  /** Removes it with all that is in it; harmless when it is gone already. */
  remove(): Promise<void>;
}

/** Makes a new empty folder; the caller removes it. */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(await realpath(tmpdir()), 'tlsmith-test-'));
  return {
    path,
    file: (...segments) => join(path, ...segments),
    remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/** Gives `use` a new folder and removes it afterwards, also when `use` fails. */
export async function withTemporaryFolder<Result>(
  use: (folder: TemporaryFolder) => Promise<Result>,
): Promise<Result> {
  const folder = await temporaryFolder();
  try {
    return await use(folder);
  } finally {
    await folder.remove();
  }
}
