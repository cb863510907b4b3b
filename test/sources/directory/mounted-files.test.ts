// Files of a folder that were mounted one by one never show what replaces them: that is told at the start.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { testCa } from '../../support/certificates.js';
import type { TemporaryFolder } from '../../support/temporary-folder.js';
import { mayMount, withMounts } from '../support/mounting.js';
import { directories } from './support/started-directory.js';

const started = directories();

async function pairIn(folder: TemporaryFolder, name: string): Promise<{ certFile: string; keyFile: string }> {
  return (await (await testCa()).issue({ names: [name] })).writeTo(folder.path, name);
}

(mayMount ? describe : describe.skip)('in a folder', () => {
  it('a file that is mounted by itself is told by its path, in whatever folder it lies', async () => {
    await withMounts(async (folder, mount) => {
      const source = await pairIn(folder, 'source.test');
      await mkdir(folder.file('certs', 'a.test'), { recursive: true });
      const mounted = folder.file('certs', 'a.test', 'tls.crt');
      await writeFile(mounted, '');
      await mount('--bind', source.certFile, mounted);
      await writeFile(folder.file('certs', 'a.test', 'tls.key'), await readFile(source.keyFile), {
        mode: 0o600,
      });
      const { host, reload, served, source: directory } = await started(folder.file('certs'));
      await reload();
      expect(await served('source.test')).toBeDefined();
      expect(host.findings).toMatchObject([
        {
          code: 'WATCH_UNSUPPORTED',
          severity: 'warning',
          names: [mounted],
          hint: expect.stringContaining('without subPath') as unknown,
        },
      ]);
      expect(host.findings[0]?.message).toContain(`${mounted} is mounted as a single file`);
      await directory.close?.();
    });
  });

  it('nothing is told of a folder that is mounted whole, nor of mounted files that are none of a pair', async () => {
    await withMounts(async (folder, mount) => {
      await mkdir(folder.file('source'));
      await pairIn({ ...folder, path: folder.file('source') }, 'a.test');
      await writeFile(folder.file('source', 'app.conf'), '');
      await mkdir(folder.file('certs'));
      await mount('--bind', folder.file('source'), folder.file('certs'));
      await mount('--bind', folder.file('source', 'app.conf'), folder.file('certs', 'app.conf'));
      const { host, reload, source } = await started(folder.file('certs'));
      await reload();
      expect(host.findings).toEqual([]);
      await source.close?.();
    });
  });
});
