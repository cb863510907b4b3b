// A new folder before each test of a file.
import { afterEach, beforeEach } from '@jest/globals';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.js';

/** Called once at the top of a test file; the answer stands for the folder of the test that runs. */
export function folderPerTest(): TemporaryFolder {
  let folder: TemporaryFolder | undefined;
  const current = (): TemporaryFolder => {
    if (folder === undefined) throw new Error('No test runs: there is no folder yet.');
    return folder;
  };
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder?.remove());
  return {
    get path() {
      return current().path;
    },
    file: (...segments) => current().file(...segments),
    remove: () => current().remove(),
  };
}
