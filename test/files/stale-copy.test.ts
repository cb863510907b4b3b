// A certificate that was copied from certbot once, and certbot's own files, made as certbot makes them.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { createCredential } from '../../src/credential/credential.js';
import type { Finding } from '../../src/credential/findings.js';
import { readPairFile } from '../../src/files/read-pair-file.js';
import { CertbotLineages } from '../../src/files/certbot-lineages.js';
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
  return staleCopy(createCredential(pair), { certFile }, new CertbotLineages(folder.file('certbot', 'live')));
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

  it.each([
    ['that was ordered anew', 'a.test-0001'],
    ['that was given a name of its own', 'web'],
  ])('is told when a lineage %s is ahead of it, whichever others there are', async (_what, name) => {
    await withTemporaryFolder(async (folder) => {
      await lineage(folder, 'a.test', copied);
      await lineage(folder, name, await issue(NEWER));
      await lineage(folder, 'zz.test', await issue({ ...NEWER, names: ['zz.test'] }));
      await mkdir(folder.file('certbot', 'live', 'broken'));
      await writeFile(folder.file('certbot', 'live', 'README'), 'Do not move these files.');
      const finding = await findingAbout(copied, folder, folder.file('copy.crt'));
      expect(finding).toMatchObject({ code: 'TLS_CERT_STALE_COPY' });
      expect(finding?.message).toContain(folder.file('certbot', 'live', name));
    });
  });

  it('is told with the newest of several lineages', async () => {
    await withTemporaryFolder(async (folder) => {
      await lineage(folder, 'a.test', await issue({ notBefore: Date.now() - DAY_MS / 4 }));
      await lineage(folder, 'b', await issue({ notBefore: Date.now() - DAY_MS / 8 }));
      await lineage(folder, 'c', await issue(NEWER));
      const finding = await findingAbout(copied, folder, folder.file('copy.crt'));
      expect(finding?.message).toContain(folder.file('certbot', 'live', 'b'));
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

describe('the lineages of certbot', () => {
  it('are read once for all pairs of a folder, and a thousand of them at most', async () => {
    await withTemporaryFolder(async (folder) => {
      const made = Array.from({ length: 1_000 }, (_, index) =>
        mkdir(folder.file('certbot', 'live', `a${index}`), { recursive: true }),
      );
      await Promise.all(made);
      await lineage(folder, 'a', copied);
      await lineage(folder, 'b', copied);
      const lineages = new CertbotLineages(folder.file('certbot', 'live'));
      const all = lineages.all();
      expect(lineages.all()).toBe(all);
      expect((await all).map(({ folder: path }) => path)).toEqual([folder.file('certbot', 'live', 'a')]);
    });
  });
});
