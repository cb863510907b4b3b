// Lineages of certbot and secrets of Kubernetes lie in a folder each: more of them than one would look at every second.
import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from '@jest/globals';
import { testCa } from '../../support/certificates.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';
import { withoutPolls } from '../../support/without-polls.js';
import { directories } from './support/started-directory.js';

const FOLDERS = 1_100;
const started = directories();
let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(() => folder.remove());

it('Of more than a thousand folders each is watched: a replacement in the last one is served without a poll', async () => {
  const ca = await testCa();
  const shared = await (await ca.issue({ names: ['shared.test'] })).writeTo(folder.path, '.shared');
  for (let index = 0; index < FOLDERS; index += 1) {
    const path = join(folder.path, `name-${index}.test`);
    await mkdir(path);
    await copyFile(shared.certFile, join(path, 'tls.crt'));
    await copyFile(shared.keyFile, join(path, 'tls.key'));
  }
  const { served, reload } = await started(folder.path, { clock: withoutPolls });
  await reload();
  // Which one is watched last depends on the order in which the system lists them.
  for (const index of [0, FOLDERS / 2, FOLDERS - 1]) {
    const name = `new-${index}.test`;
    const pair = await ca.issue({ names: [name] });
    for (const [file, text] of [
      ['tls.key', pair.key],
      ['tls.crt', pair.cert],
    ] as const) {
      // All of it in that folder: a change in another one would lead to a look at all.
      const path = folder.file(`name-${index}.test/${file}`);
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
    }
    await until(async () => (await served(name)) !== undefined);
  }
});
