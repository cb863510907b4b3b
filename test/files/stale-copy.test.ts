// A certificate that was copied from certbot once, and certbot's own files, made as certbot makes them.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { createCredential } from '../../src/credential/credential.js';
import type { Finding } from '../../src/credential/findings.js';
import { readPairFile } from '../../src/files/read-pair-file.js';
import { staleCopy } from '../../src/files/stale-copy.js';
import { type LeafRequest, testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { type TemporaryFolder, withTemporaryFolder } from '../support/temporary-folder.js';

const DAY_MS = 86_400_000;
const NEWER = { notBefore: Date.now() - DAY_MS / 2 };
let ca: TestCa;
let copied: TestPair;
beforeAll(async () => {
  ca = await testCa();
  copied = await issue();
});

function issue(request: Partial<LeafRequest> = {}): Promise<TestPair> {
  return ca.issue({ names: ['a.test', '*.a.test'], ...request });
}

async function lineage(folder: TemporaryFolder, name: string, { cert }: TestPair): Promise<void> {
  for (const kind of ['live', 'archive'])
    await mkdir(folder.file('certbot', kind, name), { recursive: true });
  await writeFile(folder.file('certbot', 'archive', name, 'fullchain1.pem'), cert);
  await symlink(
    `../../archive/${name}/fullchain1.pem`,
    folder.file('certbot', 'live', name, 'fullchain.pem'),
  );
}

async function findingAbout(
  pair: TestPair,
  folder: TemporaryFolder,
  path: string,
): Promise<Finding | undefined> {
  await writeFile(path, pair.cert);
  const certFile = await readPairFile(path, 'Certificate file');
  return staleCopy(createCredential(pair), { certFile }, folder.file('certbot', 'live'));
}

describe('a copy of what certbot has obtained', () => {
  it.each(['a.test', 'b.test'])('is told when the lineage %s is ahead of it', async (name) => {
    await withTemporaryFolder(async (folder) => {
      const names = name === 'b.test' ? ['*.b.test', 'b.test'] : ['a.test', '*.a.test'];
      await lineage(folder, name, await issue({ ...NEWER, names: [...names, 'more.test'] }));
      const finding = await findingAbout(await issue({ names }), folder, folder.file('copy.crt'));
      expect(finding).toMatchObject({ code: 'TLS_CERT_STALE_COPY', severity: 'warning', names });
      expect(finding?.message).toMatch(
        /copy\.crt is a copy of what certbot had before: .*\/live\/[ab]\.test holds a newer/,
      );
      expect(finding?.hint).toContain('--deploy-hook');
    });
  });

  it.each<[string, () => Promise<TestPair>]>([
    ['as old as it', () => Promise.resolve(copied)],
    ['older', () => issue({ notBefore: Date.now() - 9 * DAY_MS })],
    ['for fewer names', () => issue({ ...NEWER, names: ['a.test'] })],
  ])('is not told when the lineage is %s', async (_what, there) => {
    await withTemporaryFolder(async (folder) => {
      await lineage(folder, 'a.test', await there());
      expect(await findingAbout(copied, folder, folder.file('copy.crt'))).toBeUndefined();
    });
  });

  it('is none when it lies in the folder of certbot, or when there is no certbot', async () => {
    await withTemporaryFolder(async (folder) => {
      expect(await findingAbout(copied, folder, folder.file('copy.crt'))).toBeUndefined();
      await lineage(folder, 'a.test', await issue(NEWER));
      const own = folder.file('certbot', 'archive', 'a.test', 'fullchain0.pem');
      expect(await findingAbout(copied, folder, own)).toBeUndefined();
      expect(await findingAbout(copied, folder, folder.file('copy.crt'))).toBeDefined();
    });
  });
});
