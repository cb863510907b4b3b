// What can be wrong with the files of a pair, made wrong with the tools that people use.
import { execFile } from 'node:child_process';
import { chmod, chown, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Finding } from '../../src/credential/findings.js';
import type { FilePairOptions } from '../../src/sources/file-pair.js';
import { testCa, type TestPair } from '../support/certificates.js';
import { compiled } from '../support/programs.js';
import { withoutPrivileges } from '../end-to-end/support/child.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { mayMount, withMounts } from './support/mounting.js';
import { failureOf, withWatchedPair } from './support/watched-pair.js';

const run = promisify(execFile);
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? it : it.skip;
let pair: TestPair;

beforeAll(async () => {
  pair = await (await testCa()).issue({ names: ['a.test'] });
});

interface Files {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A pair in a folder that others may look into. */
async function withPair(use: (folder: string, files: Files) => Promise<void>): Promise<void> {
  await withTemporaryFolder(async ({ path: folder }) => {
    await chmod(folder, 0o755);
    const { certFile, keyFile } = await pair.writeTo(folder, 'pair');
    await use(folder, { certFile, keyFile });
  });
}

async function findingsOf(options: FilePairOptions): Promise<readonly Finding[]> {
  let findings: readonly Finding[] = [];
  await withWatchedPair(options, ({ host }) => {
    findings = [...host.findings];
    return Promise.resolve();
  });
  return findings;
}

interface Told {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** How the start ends for a process with no rights but those that owners and modes give its user. */
async function toldUnprivileged(options: FilePairOptions): Promise<Told> {
  const program = compiled(__dirname, 'children', 'load-file-pair.ts');
  const command = [process.execPath, program, JSON.stringify(options)];
  const [wrapper = '', ...args] = [...withoutPrivileges(), ...command];
  const { stdout } = await run(wrapper, args);
  return JSON.parse(stdout) as Told;
}

/** The same for a process that becomes another user's. */
async function toldTo(user: number, options: FilePairOptions): Promise<Told> {
  const program = compiled(__dirname, 'children', 'load-file-pair.ts');
  const { stdout } = await run(process.execPath, [program, JSON.stringify(options), String(user)]);
  return JSON.parse(stdout) as Told;
}

const [uid, gid] = [process.getuid?.(), process.getgid?.()];

describe('a file that this user may not read', () => {
  asRoot('is named with its owner and mode, the process and the way to mend it', async () => {
    await withPair(async (_folder, files) => {
      await chown(files.keyFile, NOBODY, NOBODY);
      const told = await toldUnprivileged(files);
      expect(told.code).toBe('TLS_FILE_UNREADABLE');
      expect(told.message).toMatch(/owner 65534:65534 mode 0600, this process is 0:0/);
      expect(told.hint).toContain(`chown 0 ${files.keyFile}`);
    });
  });

  asRoot('is told to a user who is not root, with what root left it as', async () => {
    await withPair(async (_folder, files) => {
      const told = await toldTo(NOBODY, files);
      expect(told.code).toBe('TLS_FILE_UNREADABLE');
      expect(told.message).toMatch(/owner 0:0 mode 0600, this process is 65534:65534/);
      expect(told.hint).toContain(`Prefer: chown 65534 ${files.keyFile}; or chgrp 65534 and chmod 640`);
      expect(told.hint).toContain('fsGroup with defaultMode 0440');
      // The mend that the hint begins with.
      await chown(files.keyFile, NOBODY, NOBODY);
      expect(await toldTo(NOBODY, files)).toMatchObject({ code: 'loaded', findings: [] });
    });
  });

  it('though it is his own is told with what is left to do', async () => {
    await withPair(async (_folder, files) => {
      await chmod(files.keyFile, 0o000);
      const told = await toldUnprivileged(files);
      expect(told.code).toBe('TLS_FILE_UNREADABLE');
      expect(told.message).toContain(`owner ${uid}:${gid} mode 0000, this process is ${uid}:${gid}`);
      expect(told.hint).toContain(`chmod 600 ${files.keyFile}`);
    });
  });

  asRoot('may be read through a group', async () => {
    await withPair(async (_folder, files) => {
      await chown(files.keyFile, NOBODY, 0);
      await chmod(files.keyFile, 0o640);
      expect(await toldUnprivileged(files)).toMatchObject({ code: 'loaded', findings: [] });
    });
  });

  it('is told with the folder above it that is closed', async () => {
    await withPair(async (folder) => {
      const closed = join(folder, 'closed');
      const files = await pair.writeTo(join(closed, 'deep'), 'pair');
      await chmod(closed, 0o000);
      const told = await toldUnprivileged({ certFile: files.certFile, keyFile: files.keyFile });
      await chmod(closed, 0o700);
      expect(told.code).toBe('TLS_FILE_UNREADABLE');
      expect(told.message).toContain(`the folder ${closed} is closed to it (owner ${uid}:${gid} mode 0000)`);
      expect(told.hint).toContain(`chgrp ${gid} ${closed}`);
    });
  });

  it('is told with the archive folder of certbot that its link leads through', async () => {
    await withPair(async (folder) => {
      const [live, archive] = [join(folder, 'live', 'a.test'), join(folder, 'archive')];
      await mkdir(live, { recursive: true });
      await pair.writeTo(join(archive, 'a.test'), 'pair');
      await symlink('../../archive/a.test/pair.crt', join(live, 'fullchain.pem'));
      await symlink('../../archive/a.test/pair.key', join(live, 'privkey.pem'));
      await chmod(archive, 0o000);
      const told = await toldUnprivileged({
        certFile: join(live, 'fullchain.pem'),
        keyFile: join(live, 'privkey.pem'),
      });
      await chmod(archive, 0o700);
      expect(told.message).toContain(`the folder ${archive} is closed to it`);
      expect(told.hint).toContain('--deploy-hook');
    });
  });

  it('because its link leads back to itself is told as that', async () => {
    await withPair(async (folder, { keyFile }) => {
      await symlink('loop.pem', join(folder, 'loop.pem'));
      const error = await failureOf({ certFile: join(folder, 'loop.pem'), keyFile });
      expect(error).toMatchObject({ code: 'TLS_FILE_UNREADABLE' });
      expect(error.message).toContain('leads back to itself');
    });
  });

  it('because there is no end to it is not read for ever', async () => {
    await withPair(async (_folder, { keyFile }) => {
      const error = await failureOf({ certFile: '/dev/zero', keyFile });
      expect(error.message).toContain('larger than 1 MiB');
    });
  });
});

describe('a key that others can read', () => {
  it.each(['644', '604', '666'])('is told with its mode %s', async (mode) => {
    await withPair(async (_folder, files) => {
      await chmod(files.keyFile, parseInt(mode, 8));
      const found = (await findingsOf(files)).filter(({ code }) => code === 'TLS_KEY_WORLD_READABLE');
      expect(found).toMatchObject([
        {
          severity: 'warning',
          message: expect.stringContaining(`${files.keyFile} has mode 0${mode}`) as unknown,
        },
      ]);
    });
  });

  it.each(['600', '400', '640', '440', '700'])('is not one of mode %s', async (mode) => {
    await withPair(async (_folder, files) => {
      await chmod(files.keyFile, parseInt(mode, 8));
      expect(await findingsOf(files)).toEqual([]);
    });
  });

  it('is not one in a folder that is closed to them', async () => {
    await withPair(async (folder, files) => {
      await chmod(files.keyFile, 0o644);
      await chmod(folder, 0o750);
      expect(await findingsOf(files)).toEqual([]);
    });
  });

  it('is not one that is encrypted, unless they can read the passphrase as well', async () => {
    await withPair(async (folder, { certFile }) => {
      const [keyFile, passphraseFile] = [join(folder, 'encrypted.key'), join(folder, 'passphrase')];
      const args = ['pkey', '-aes256', '-passout', 'pass:secret', '-out', keyFile];
      await run('openssl', [...args, '-in', join(folder, 'pair.key')]);
      await writeFile(passphraseFile, 'secret\n', { mode: 0o600 });
      await chmod(keyFile, 0o644);
      expect(await findingsOf({ certFile, keyFile, passphrase: 'secret' })).toEqual([]);
      expect(await findingsOf({ certFile, keyFile, passphraseFile })).toEqual([]);
      await chmod(passphraseFile, 0o644);
      const [finding] = await findingsOf({ certFile, keyFile, passphraseFile });
      expect(finding).toMatchObject({ code: 'TLS_KEY_WORLD_READABLE', severity: 'warning' });
      expect(finding?.message).toContain(passphraseFile);
    });
  });
});

describe('a file that holds something else', () => {
  it.each<readonly [string, string[], string]>([
    ['a request', ['req', '-new', '-subj', '/CN=a.test', '-key', 'pair.key'], 'CERTIFICATE REQUEST'],
    ['a public key', ['pkey', '-in', 'pair.key', '-pubout'], 'PUBLIC KEY'],
    ['a certificate in DER', ['x509', '-in', 'pair.crt', '-outform', 'DER'], 'binary DER'],
    ['a key', ['pkey', '-in', 'pair.key'], 'PRIVATE KEY'],
  ])('is refused as certificate when it holds %s', async (_what, args, named) => {
    await withPair(async (folder, { keyFile }) => {
      await run('openssl', [...args, '-out', 'other'], { cwd: folder });
      const error = await failureOf({ certFile: join(folder, 'other'), keyFile });
      expect(error).toMatchObject({ code: 'TLS_PEM_WRONG_KIND' });
      expect(error.message).toContain(join(folder, 'other'));
      expect(error.message).toContain(named);
    });
  });

  it.each<readonly [string, string[], string]>([
    ['a public key', ['pkey', '-in', 'pair.key', '-pubout'], 'PUBLIC KEY'],
    ['a key in DER', ['pkey', '-in', 'pair.key', '-outform', 'DER'], 'binary DER'],
    ['a certificate', ['x509', '-in', 'pair.crt'], 'CERTIFICATE'],
    ['parameters only', ['ecparam', '-name', 'prime256v1'], 'EC PARAMETERS'],
  ])('is refused as key when it holds %s', async (_what, args, named) => {
    await withPair(async (folder, { certFile }) => {
      await run('openssl', [...args, '-out', 'other'], { cwd: folder });
      const error = await failureOf({ certFile, keyFile: join(folder, 'other') });
      expect(error).toMatchObject({ code: 'TLS_PEM_WRONG_KIND' });
      expect(error.message).toContain(named);
    });
  });

  it('such as the key of another certificate is refused with the key that would do', async () => {
    await withPair(async (folder, { certFile, keyFile }) => {
      const others = join(folder, 'others');
      await mkdir(others);
      for (let number = 0; number < 5; number += 1) {
        const curve = ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
        await run('openssl', [...curve, '-out', join(others, `${number}.key`)]);
      }
      await run('mkfifo', [join(others, 'pipe.key')]);
      await copyFile(keyFile, join(others, 'right.pem'));
      const error = await failureOf({ certFile, keyFile: join(others, '0.key') });
      expect(error).toMatchObject({ code: 'TLS_KEY_MISMATCH', matchingKeyFile: join(others, 'right.pem') });
      expect(error.message).toContain(`The key that does belong to it is ${join(others, 'right.pem')}.`);
    });
  });

  it('such as the key of the CA is refused, and nothing is suggested when nothing fits', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      await writeFile(join(folder, 'a.crt'), pair.cert);
      await run('openssl', ['genpkey', '-algorithm', 'ED25519', '-out', join(folder, 'ca.key')]);
      const error = await failureOf({ certFile: join(folder, 'a.crt'), keyFile: join(folder, 'ca.key') });
      expect(error).toMatchObject({ code: 'TLS_KEY_MISMATCH' });
      expect(error.message).not.toContain('The key that does');
    });
  });

  it('names the first of two faults', async () => {
    await withPair(async (folder) => {
      await writeFile(join(folder, 'empty.crt'), '');
      const error = await failureOf({
        certFile: join(folder, 'empty.crt'),
        keyFile: join(folder, 'none.key'),
      });
      expect(error).toMatchObject({ code: 'TLS_FILE_NOT_FOUND' });
      expect(error.message).toContain('empty.crt, pair.chain.crt, pair.crt, pair.key');
    });
  });
});

describe('files that are fine', () => {
  it.each<readonly [string, (folder: string, files: Files) => Promise<FilePairOptions>]>([
    ['as they are', (_folder, files) => Promise.resolve(files)],
    [
      'as one file',
      async (folder, { certFile, keyFile }) => {
        const both = join(folder, 'both.pem');
        await writeFile(both, (await readFile(keyFile, 'utf8')) + (await readFile(certFile, 'utf8')), {
          mode: 0o600,
        });
        return { certFile: both, keyFile: both };
      },
    ],
    [
      'behind links',
      async (folder, { certFile }) => {
        await symlink(certFile, join(folder, 'link.crt'));
        await symlink('pair.key', join(folder, 'link.key'));
        return { certFile: join(folder, 'link.crt'), keyFile: join(folder, 'link.key') };
      },
    ],
    [
      'by relative paths',
      (_folder, { certFile, keyFile }) =>
        Promise.resolve({
          certFile: join('..', '..', '..', '..', '..', '..', '..', certFile),
          keyFile: join('..', '..', '..', '..', '..', '..', '..', keyFile),
        }),
    ],
  ])('give no finding %s', async (_what, layout) => {
    await withPair(async (folder, files) => {
      expect(await findingsOf(await layout(folder, files))).toEqual([]);
    });
  });
});

(mayMount ? describe : describe.skip)('a mounted pair', () => {
  it('is served from a read-only mount of its folder without a finding', async () => {
    await withMounts(async (folder, mount) => {
      const { certFile, keyFile } = await pair.writeTo(folder.file('source'), 'pair');
      await mkdir(folder.file('certs'));
      await mount('--bind', folder.file('source'), folder.file('certs'));
      await mount('-o', 'remount,bind,ro', folder.file('certs'));
      await expect(writeFile(folder.file('certs', 'x'), '')).rejects.toMatchObject({ code: 'EROFS' });
      const there = (path: string): string => path.replace('source', 'certs');
      expect(await findingsOf({ certFile: there(certFile), keyFile: there(keyFile) })).toEqual([]);
    });
  });

  it('file by file is told: replacements would not be seen', async () => {
    await withMounts(async (folder, mount) => {
      const { certFile, keyFile } = await pair.writeTo(folder.path, 'pair');
      await writeFile(folder.file('mounted here.crt'), '');
      await mount('--bind', certFile, folder.file('mounted here.crt'));
      expect(await findingsOf({ certFile: folder.file('mounted here.crt'), keyFile })).toMatchObject([
        {
          code: 'WATCH_UNSUPPORTED',
          severity: 'warning',
          message: expect.stringContaining(
            `${folder.file('mounted here.crt')} is mounted as a single file`,
          ) as unknown,
        },
      ]);
    });
  });

  it('by Kubernetes with subPath is told, though it is in memory and read-only', async () => {
    await withMounts(async (folder, mount) => {
      await mkdir(folder.file('secret'));
      await mount('-t', 'tmpfs', 'tmpfs', folder.file('secret'));
      const { certFile, keyFile } = await pair.writeTo(folder.file('secret', '..2026_11'), 'tls');
      const mounted = { certFile: folder.file('tls.crt'), keyFile: folder.file('tls.key') };
      for (const [from, to] of [
        [certFile, mounted.certFile],
        [keyFile, mounted.keyFile],
      ] as const) {
        await writeFile(to, '');
        await mount('--bind', from, to);
        await mount('-o', 'remount,bind,ro', to);
      }
      expect(await findingsOf(mounted)).toMatchObject([
        { code: 'WATCH_UNSUPPORTED', severity: 'warning' },
        { code: 'WATCH_UNSUPPORTED', severity: 'warning' },
      ]);
    });
  });

  it('by Docker Swarm is worth a remark only: such secrets never change', async () => {
    await withPair(async (_folder, { certFile, keyFile }) => {
      const file = '/run/secrets/tls.crt';
      const script = `mount -t tmpfs tmpfs /run && mkdir /run/secrets && touch ${file} && mount --bind "$0" ${file} && exec "$@"`;
      const options = { certFile: file, keyFile };
      const program = compiled(__dirname, 'children', 'load-file-pair.ts');
      const command = [process.execPath, program, JSON.stringify(options)];
      const { stdout } = await run('unshare', ['-m', 'sh', '-c', script, certFile, ...command]);
      expect(JSON.parse(stdout)).toMatchObject({
        code: 'loaded',
        findings: [{ code: 'WATCH_UNSUPPORTED', severity: 'info' }],
      });
    });
  });

  it('as secrets of a container are is told as information only, though all may read the key', async () => {
    await withMounts(async (folder, mount) => {
      await chmod(folder.path, 0o755);
      await mkdir(folder.file('secret'));
      await mount('-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', folder.file('secret'));
      const { certFile, keyFile } = await pair.writeTo(folder.file('secret'), 'tls');
      await chmod(keyFile, 0o644);
      expect(await findingsOf({ certFile, keyFile })).toMatchObject([{ severity: 'warning' }]);
      await mount('-o', 'remount,ro', folder.file('secret'));
      const findings = await findingsOf({ certFile, keyFile });
      expect(findings).toMatchObject([{ code: 'TLS_KEY_WORLD_READABLE', severity: 'info' }]);
    });
  });
});
