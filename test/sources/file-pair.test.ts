import { execFile } from 'node:child_process';
import { copyFile, mkdir, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { isTlsmithError } from '../../src/errors.js';
import { filePair, type FilePairOptions } from '../../src/sources/file-pair.js';
import type { CertificateSource } from '../../src/sources/certificate-source.js';
import { recordingHost, type RecordingHost } from '../issuance/support/source-host.js';
import { testCa } from '../support/certificates.js';
import { manualClock } from '../support/manual-clock.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';

const { signal } = new AbortController();
const running: CertificateSource[] = [];

afterEach(async () => {
  for (const source of running.splice(0)) await source.close?.();
});

describe('a file pair', () => {
  it('answers for the names in its certificate, and as default', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { source } = await started(await pairIn(folder, ['a.test', '*.b.test']));
      expect(await source.find({ serverName: 'x.b.test', signal })).toMatchObject({
        names: ['a.test', '*.b.test'],
      });
      expect(await source.find({ serverName: 'c.test', signal })).toBeUndefined();
      expect(await source.default?.()).toMatchObject({ names: ['a.test', '*.b.test'] });
      expect([...(source.list?.() ?? [])]).toHaveLength(1);
    });
  });

  it('takes the chain from a file of its own', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const pair = await (await testCa()).issue({ names: ['a.test'] });
      const { certFile, keyFile, chainFile } = await pair.writeTo(folder, 'a');
      await writeFile(certFile, pair.leaf);
      const { source } = await started({ certFile, keyFile, chainFile });
      const [credential] = [...(source.list?.() ?? [])];
      expect(credential?.cert.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    });
  });

  it.each(['passphrase', 'passphraseFile'] as const)('opens an encrypted key with `%s`', async (option) => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const pair = await (await testCa()).issue({ names: ['a.test'], passphrase: 'correct horse' });
      const files = await pair.writeTo(folder, 'a');
      await writeFile(join(folder, 'passphrase'), 'correct horse\n');
      const value = option === 'passphrase' ? 'correct horse' : join(folder, 'passphrase');
      const { source } = await started({ certFile: files.certFile, keyFile: files.keyFile, [option]: value });
      expect([...(source.list?.() ?? [])]).toHaveLength(1);
    });
  });

  it('is read again on reload; a bad replacement never displaces the good one', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const options = await pairIn(folder, ['a.test']);
      const { source, host } = await started(options);
      const before = await source.default?.();
      await source.reload?.({ signal });
      expect(await source.default?.()).toBe(before);
      await writeFile(options.keyFile, 'garbage');
      await expect(source.reload?.({ signal })).rejects.toMatchObject({ code: 'TLS_PEM_INVALID' });
      expect(await source.default?.()).toBe(before);
      await pairIn(folder, ['b.test']);
      await source.reload?.({ signal });
      expect(await source.default?.()).toMatchObject({ names: ['b.test'] });
      const actions = host.events.map((event) => (event.type === 'certificate' ? event.action : event.type));
      expect(actions).toEqual(['loaded', 'reloaded']);
    });
  });

  it('tells its findings at every start, also when nothing has changed since the last', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const source = filePair(await pairIn(folder, []));
      running.push(source);
      for (const host of [recordingHost({ clock: manualClock() }), recordingHost({ clock: manualClock() })]) {
        await source.start?.(host);
        expect(host.findings.map(({ code }) => code)).toEqual(['TLS_CERT_NO_NAMES']);
        expect(host.events).toMatchObject([{ action: 'loaded' }]);
      }
    });
  });

  it('takes back its findings when a reload has mended them', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { source, host } = await started(await pairIn(folder, []));
      await pairIn(folder, ['a.test']);
      await source.reload?.({ signal });
      expect(host.resolvedCodes).toEqual(['TLS_CERT_NO_NAMES']);
    });
  });

  it('never serves what an older read has found after what a newer one has', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const pair = await (await testCa()).issue({ names: ['a.test'] });
      const { certFile: full, keyFile } = await pair.writeTo(folder, 'pair');
      const [fifo, certFile] = [join(folder, 'fifo'), join(folder, 'link.pem')];
      await promisify(execFile)('mkfifo', [fifo]);
      await symlink(full, certFile);
      const { source } = await started({ certFile, keyFile });
      await relink(certFile, fifo);
      const older = source.reload?.({ signal });
      const writer = await open(fifo, 'w'); // Resolves when the older read has opened the other end.
      await relink(certFile, full);
      const newer = source.reload?.({ signal });
      // A newer read that did not wait its turn would be done by then.
      for (let round = 0; round < 50; round += 1) await readFile(full);
      await writer.writeFile(pair.leaf);
      await writer.close();
      await Promise.all([older, newer]);
      const [credential] = [...(source.list?.() ?? [])];
      expect(credential?.cert.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    });
  });

  it('says what lies in the folder when a file is missing', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { keyFile } = await pairIn(folder, ['a.test']);
      await writeFile(join(folder, 'cert.crt'), '');
      const error = await failure({ certFile: join(folder, 'cert.pem'), keyFile });
      expect(error).toMatchObject({ code: 'TLS_FILE_NOT_FOUND', path: join(folder, 'cert.pem') });
      expect(error.message).toContain('cert.crt');
    });
  });

  it('names the missing target when a link leads nowhere, and the folder when that is missing or empty', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { keyFile } = await pairIn(folder, ['a.test']);
      await symlink('../archive/cert1.pem', join(folder, 'link.pem'));
      await mkdir(join(folder, 'empty'));
      expect((await failure({ certFile: join(folder, 'link.pem'), keyFile })).message).toContain(
        '../archive/cert1.pem',
      );
      expect((await failure({ certFile: join(folder, 'empty', 'x.pem'), keyFile })).message).toContain(
        'is empty',
      );
      expect((await failure({ certFile: join(folder, 'none', 'x.pem'), keyFile })).message).toContain(
        'does not exist',
      );
      const atTheRoot = await failure({ certFile: '/no-such-file.pem', keyFile });
      expect(atTheRoot.hint).not.toContain('-v'); // Nobody mounts over the root.
    });
  });

  it('lists no more than eight names of a folder', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { keyFile } = await pairIn(folder, ['a.test']);
      for (let number = 0; number < 20; number += 1) await writeFile(join(folder, `file${number}`), '');
      expect((await failure({ certFile: join(folder, 'x.pem'), keyFile })).message).toMatch(/and \d+ more/);
    });
  });

  it('explains the folder that Docker makes for a missing file', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { keyFile } = await pairIn(folder, ['a.test']);
      await mkdir(join(folder, 'mounted.pem'));
      const error = await failure({ certFile: join(folder, 'mounted.pem'), keyFile });
      expect(error).toMatchObject({ code: 'TLS_FILE_IS_DIRECTORY' });
      expect(error.hint).toContain('Docker');
    });
  });

  it.each<readonly [string, string]>([
    ['', 'TLS_FILE_EMPTY'],
    ['no PEM at all', 'TLS_PEM_INVALID'],
    ['-----BEGIN CERTIFICATE-----\nMIIB', 'TLS_PEM_INVALID'],
  ])('refuses a certificate file that holds %j', async (content, code) => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const options = await pairIn(folder, ['a.test']);
      await writeFile(options.certFile, content);
      const error = await failure(options);
      expect(error.code).toBe(code);
      expect(error.message).toContain(options.certFile);
    });
  });

  it('says that certificate and key look swapped', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { certFile, keyFile } = await pairIn(folder, ['a.test']);
      const error = await failure({ certFile: keyFile, keyFile: certFile });
      expect(error).toMatchObject({
        code: 'TLS_PEM_WRONG_KIND',
        hint: expect.stringContaining('swapped') as unknown,
      });
    });
  });

  it('keeps working from a copy that only differs in line ends and a byte order mark', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const pair = await (await testCa()).issue({ names: ['a.test'] });
      const { certFile, keyFile } = await pair.writeTo(folder, 'a');
      await copyFile(certFile, join(folder, 'copy.pem'));
      await writeFile(join(folder, 'copy.pem'), `\uFEFF${pair.cert.replaceAll('\n', '\r\n')}`);
      const { source } = await started({ certFile: join(folder, 'copy.pem'), keyFile });
      expect([...(source.list?.() ?? [])]).toHaveLength(1);
    });
  });

  it.each([
    [undefined, '`certFile` and `keyFile`'],
    ['cert.pem', '`certFile` and `keyFile`'],
    [{}, 'certFile'],
    [{ certFile: 'a' }, 'keyFile'],
    [{ certFile: 'a', keyFile: '' }, 'keyFile'],
    [{ certFile: 'a', keyFile: 'b', chainFile: 7 }, 'chainFile'],
    [{ certFile: 'a', keyFile: 'b', passphrase: 7 }, 'passphrase'],
    [{ certFile: 'a', keyFile: 'b', passphraseFile: 7 }, 'passphraseFile'],
    [{ certFile: 'a', keyFile: 'b', passphrase: 'x', passphraseFile: 'y' }, 'passphraseFile'],
    [{ certFile: 'a', keyFile: 'b', pfxFile: 'c' }, 'pfxFile'],
    [{ pfxFile: 'a', chainFile: 'b' }, 'pfxFile'],
    [{ pfxFile: 7 }, 'pfxFile'],
    [{ cert: 'a', keyFile: 'b' }, 'no option `cert`'],
    [{ certFile: 'a', keyfile: 'b' }, 'Did you mean `keyFile`?'],
  ])('names the option that is misused: %j', (options, name) => {
    expect(() => filePair(options as FilePairOptions)).toThrow(TypeError);
    expect(() => filePair(options as FilePairOptions)).toThrow(name);
  });

  async function relink(link: string, target: string): Promise<void> {
    await rm(link);
    await symlink(target, link);
  }

  async function pairIn(
    folder: string,
    names: readonly string[],
  ): Promise<{ certFile: string; keyFile: string }> {
    const pair = await (await testCa()).issue({ names });
    const { certFile, keyFile } = await pair.writeTo(folder, 'pair');
    return { certFile, keyFile };
  }

  async function started(
    options: FilePairOptions,
  ): Promise<{ source: CertificateSource; host: RecordingHost }> {
    const source = filePair(options);
    running.push(source);
    const host = recordingHost({ clock: manualClock() });
    await source.start?.(host);
    return { source, host };
  }

  async function failure(options: FilePairOptions): Promise<Error & { code?: string; hint?: string }> {
    try {
      await started(options);
    } catch (error) {
      if (isTlsmithError(error)) return error;
      throw error;
    }
    throw new Error('the pair was accepted');
  }
});
