// Ten thousand renames at once: few looks, and the last of them after the storm.
import { execFile } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { namesIn, textOf, withWatch } from './support/watched.js';

const FILES = 10_000;
/** Looks come at most every 250 ms during a storm, and a few more follow its beginning and its end. */
const mostLooks = (stormMs: number): number => 4 + stormMs / 250;

let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await temporaryFolder();
  for (let index = 0; index < FILES; index += 1) writeFileSync(folder.file(`0-${index}.pem`), '');
});
afterAll(() => folder.remove());

describe('Of ten thousand renames', () => {
  it('by another process, few looks are made, the last of them after the storm', async () => {
    const script = [
      'import os, sys',
      'os.chdir(sys.argv[1])',
      `for index in range(${FILES}): os.rename(f"0-{index}.pem", f"1-{index}.pem")`,
    ].join('\n');
    await storm('1', () => promisify(execFile)('python3', ['-c', script, folder.path]));
  });

  it('that overflow what the system keeps of notifications, the last is seen, too', async () => {
    await storm('2', () => {
      // While this runs, no notification is taken in.
      for (let index = 0; index < FILES; index += 1) {
        renameSync(folder.file(`1-${index}.pem`), folder.file(`2-${index}.pem`));
      }
    });
  });
});

/** How many files have the prefix of the storm's end. */
function renamed(prefix: string): number {
  return (namesIn(folder.path) ?? []).filter((name) => name.startsWith(`${prefix}-`)).length;
}

async function storm(prefix: string, rename: () => unknown): Promise<void> {
  const see = (): unknown => [renamed(prefix), textOf(folder.file('end'))];
  await withWatch({ folders: [folder.path], see }, async ({ looks, sees }) => {
    const before = looks.length;
    const began = performance.now();
    await rename();
    await sees([FILES, textOf(folder.file('end'))]);
    // Notifications come in order: when this one has led to a look, there are none left of the storm.
    writeFileSync(folder.file('end'), prefix);
    await sees([FILES, prefix]);
    expect(looks.length - before).toBeLessThanOrEqual(mostLooks(performance.now() - began));
  });
}
