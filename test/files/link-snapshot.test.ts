import { execFile } from 'node:child_process';
import { mkdir, open, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { LinkSnapshot } from '../../src/files/link-snapshot.js';
import { PairReader } from '../../src/sources/file-pair/pair-reader.js';
import { testCa } from '../support/certificates.js';
import { type TemporaryFolder, withTemporaryFolder } from '../support/temporary-folder.js';

/** Two versions of a pair behind `..data`, as Kubernetes lays them out; the first one is current. */
async function twoVersions(folder: TemporaryFolder): Promise<{ certFile: string; keyFile: string }> {
  const ca = await testCa();
  for (const version of ['1', '2']) {
    const pair = await ca.issue({ names: ['a.test'], serialNumber: `100${version}` });
    await pair.writeTo(folder.file(`..${version}`), 'tls');
  }
  await symlink('..1', folder.file('..data'));
  for (const name of ['tls.crt', 'tls.key']) await symlink(`..data/${name}`, folder.file(name));
  return { certFile: folder.file('tls.crt'), keyFile: folder.file('tls.key') };
}

async function swap(folder: TemporaryFolder): Promise<void> {
  await symlink('..2', folder.file('..data_tmp'));
  await rename(folder.file('..data_tmp'), folder.file('..data'));
}

describe('a snapshot of links', () => {
  it('leads to the same side of a swap for as long as it is used', async () => {
    await withTemporaryFolder(async (folder) => {
      const { certFile, keyFile } = await twoVersions(folder);
      const snapshot = new LinkSnapshot();
      expect(await snapshot.locate(certFile)).toBe(folder.file('..1', 'tls.crt'));
      await swap(folder);
      expect(await snapshot.locate(keyFile)).toBe(folder.file('..1', 'tls.key'));
      expect(await new LinkSnapshot().locate(keyFile)).toBe(folder.file('..2', 'tls.key'));
    });
  });

  it('names every folder in which the way to a file may change', async () => {
    await withTemporaryFolder(async (folder) => {
      await mkdir(folder.file('live'));
      await mkdir(folder.file('archive'));
      await symlink('../archive/cert1.pem', folder.file('live', 'cert.pem'));
      await symlink(folder.file('live'), folder.file('certs'));
      const snapshot = new LinkSnapshot();
      const path = await snapshot.locate(folder.file('certs', 'cert.pem'));
      expect(path).toBe(folder.file('archive', 'cert1.pem')); // Though it does not exist.
      expect([...snapshot.folders].sort()).toEqual(
        [folder.path, folder.file('archive'), folder.file('live')].sort(),
      );
    });
  });

  it('ends where links lead in a circle, and leaves those of /proc to the system', async () => {
    await withTemporaryFolder(async (folder) => {
      await symlink('b', folder.file('a'));
      await symlink('a', folder.file('b'));
      expect(await new LinkSnapshot().locate(folder.file('a', 'x'))).toMatch(/[ab]\/x$/);
      expect(await new LinkSnapshot().locate('/proc/self/fd/0')).toBe('/proc/self/fd/0');
    });
  });

  it('takes `..` from where a link has led, as the system does', async () => {
    await withTemporaryFolder(async (folder) => {
      await mkdir(folder.file('deep', 'er'), { recursive: true });
      await symlink('deep/er', folder.file('link'));
      await symlink('link/../x', folder.file('file'));
      expect(await new LinkSnapshot().locate(folder.file('file'))).toBe(folder.file('deep', 'x'));
    });
  });
});

describe('a load in the middle of which `..data` is swapped', () => {
  it('takes certificate and key from the side where it began', async () => {
    await withTemporaryFolder(async (folder) => {
      expect(await loadedThroughout(folder, () => swap(folder))).toBe('1001');
    });
  });

  it('begins again when that side is removed meanwhile', async () => {
    await withTemporaryFolder(async (folder) => {
      const swapAndRemove = async (): Promise<void> => {
        await swap(folder);
        await rm(folder.file('..1'), { recursive: true });
      };
      expect(await loadedThroughout(folder, swapAndRemove)).toBe('1002');
    });
  });

  /** Holds the load by a passphrase that has yet to come, and says which certificate was loaded in the end. */
  async function loadedThroughout(folder: TemporaryFolder, meanwhile: () => Promise<void>): Promise<string> {
    const files = await twoVersions(folder);
    const passphraseFile = join(folder.path, 'passphrase');
    await promisify(execFile)('mkfifo', [passphraseFile]);
    const reader = new PairReader({
      kind: 'pem',
      ...files,
      chainFile: undefined,
      passphrase: undefined,
      passphraseFile,
    });
    const loading = reader.load(Date.now());
    const writer = await open(passphraseFile, 'w'); // Resolves when the reader has opened the other end.
    await meanwhile();
    // Who reads once more finds a file, not a pipe without a writer.
    await writeFile(folder.file('ordinary'), 'not needed');
    await rename(folder.file('ordinary'), passphraseFile);
    await writer.writeFile('not needed');
    await writer.close();
    return (await loading).credential.serialNumber;
  }
});
