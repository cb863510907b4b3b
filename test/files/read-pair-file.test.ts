// Files as they are read for a client that waits: on a disk of this machine, and where that turns out to be wrong.
import { execFile } from 'node:child_process';
import { open, symlink, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { readPairFile } from '../../src/files/read-pair-file.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';

const LOCAL = { isOnLocalDisk: true };
const LARGEST_BYTES = 1_048_576;

describe('A file on a local disk', () => {
  it('is read as any other: whole, with whose it is, and behind links', async () => {
    await withTemporaryFolder(async (folder) => {
      for (const size of [0, 1, 4_095, 4_096, 4_097, LARGEST_BYTES]) {
        const content = Buffer.alloc(size, 'x');
        await writeFile(folder.file('a.pem'), content, { mode: 0o640 });
        const read = await readPairFile(folder.file('a.pem'), 'Certificate file', LOCAL);
        expect(read.bytes.equals(content)).toBe(true);
        expect(read.stats).toMatchObject({ size, mode: 0o100640 });
        expect(read.path).toBe(folder.file('a.pem'));
      }
      await symlink('a.pem', folder.file('link.pem'));
      const { bytes } = await readPairFile(folder.file('link.pem'), 'Certificate file', LOCAL);
      expect(bytes).toHaveLength(LARGEST_BYTES);
    });
  });

  it.each([
    ['that is gone', 'TLS_FILE_NOT_FOUND', () => Promise.resolve()],
    ['that is a folder', 'TLS_FILE_IS_DIRECTORY', (path: string) => run('mkdir', [path])],
    [
      'that is too large',
      'TLS_PEM_INVALID',
      (path: string) => writeFile(path, Buffer.alloc(LARGEST_BYTES + 1)),
    ],
  ])('is refused as any other: one %s', async (_, code, make) => {
    await withTemporaryFolder(async (folder) => {
      await make(folder.file('a.pem'));
      await expect(readPairFile(folder.file('a.pem'), 'Certificate file', LOCAL)).rejects.toMatchObject({
        code,
      });
    });
  });

  it('that has become a pipe is waited for without stopping the server', async () => {
    await withTemporaryFolder(async (folder) => {
      const pipe = folder.file('a.pem');
      await run('mkfifo', [pipe]);
      const reading = readPairFile(pipe, 'Certificate file', LOCAL);
      const writer = await open(pipe, 'w'); // Resolves when the reader has opened the other end.
      await writer.writeFile('from the pipe');
      await writer.close();
      expect((await reading).bytes.toString()).toBe('from the pipe');
    });
  });
});

async function run(command: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)(command, args);
}
