// What mkcert itself has written, served as it lies there and as how-tos copy it, and shown by a browser that knows its authority.
import { copyFile, mkdir } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { createSecureServer, directory } from '../../src/index.js';
import { chromium, curl, run } from '../support/clients.js';
import { type TemporaryFolder, withTemporaryFolder } from '../support/temporary-folder.js';
import { closesAfterEach } from './support/cleanup.js';
import { portOf } from './support/connections.js';

const keep = closesAfterEach();

/** As in the issue tracker of every second project: five names and addresses in one certificate. */
const NAMES = ['a.test', '*.b.test', 'localhost', '127.0.0.1', '::1'];

async function mkcert(folder: TemporaryFolder): Promise<{ caFile: string; base: string }> {
  await mkdir(folder.file('made'));
  const env = { CAROOT: folder.file('authority') };
  const { exitCode, stderr } = await run({ program: 'mkcert', args: NAMES, env, cwd: folder.file('made') });
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  return { caFile: folder.file('authority', 'rootCA.pem'), base: folder.file('made', 'a.test+4') };
}

async function serving(path: string) {
  const secure = keep(
    createSecureServer(
      // Strict: nothing about it is worth a warning.
      { sources: directory(path), logger: false, strict: true },
      (_: IncomingMessage, response: ServerResponse) => response.end('the page'),
    ),
  );
  await secure.listen({ port: 0, host: '127.0.0.1' });
  return { secure, port: portOf(secure.server) };
}

describe('what mkcert has written', () => {
  it('is served under the names that it has given, without a finding', async () => {
    await withTemporaryFolder(async (folder) => {
      const { caFile } = await mkcert(folder);
      const { secure, port } = await serving(folder.file('made'));
      for (const host of ['a.test', 'x.b.test', 'localhost', '127.0.0.1'])
        expect(await curl({ port, host, caFile })).toMatchObject({ status: 200, body: 'the page' });
      expect((await curl({ port, host: 'x.y.b.test', caFile })).status).not.toBe(200);
      expect(secure.status().findings).toEqual([]);
      const { dom } = await chromium({ url: `https://a.test:${port}/`, caFile });
      expect(dom).toContain('the page');
      await secure.close();
    });
  });

  it('is served when it was copied to default.crt and default.key', async () => {
    await withTemporaryFolder(async (folder) => {
      const { caFile, base } = await mkcert(folder);
      await mkdir(folder.file('certs'));
      await copyFile(`${base}.pem`, folder.file('certs', 'default.crt'));
      await copyFile(`${base}-key.pem`, folder.file('certs', 'default.key'));
      const { secure, port } = await serving(folder.file('certs'));
      const { dom } = await chromium({ url: `https://x.b.test:${port}/`, caFile });
      expect(dom).toContain('the page');
      expect(await curl({ port, host: '127.0.0.1', caFile })).toMatchObject({ status: 200 });
      await secure.close();
    });
  });
});
