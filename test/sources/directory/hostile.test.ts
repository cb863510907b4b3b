// Folders as they should not be: broken pairs among good ones, files that are none, names that lead out of it.
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rename, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { selfSigned } from '../../../src/issuance/self-signed.js';
import { newTestKey, testCa, type TestCa, type TestKey, type TestPair } from '../../support/certificates.js';
import { compiled } from '../../support/programs.js';
import { folderPerTest } from '../../support/folder-per-test.js';
import { withoutPrivileges } from '../../end-to-end/support/child.js';
import { mayMount, withMounts } from '../support/mounting.js';
import { until } from '../../support/until.js';
import { directories } from './support/started-directory.js';

const started = directories();
const { signal } = new AbortController();
let ca: TestCa;
let key: TestKey;

beforeAll(async () => {
  ca = await testCa();
  key = await newTestKey('ecdsa-p256');
});

const folder = folderPerTest();

function issue(name: string, request: object = {}): Promise<TestPair> {
  return ca.issue({ names: [name], key, ...request });
}

async function put(base: string, { cert, key: keyText }: TestPair): Promise<void> {
  await writeFile(folder.file(`${base}.crt`), cert);
  await writeFile(folder.file(`${base}.key`), keyText, { mode: 0o600 });
}

/** Ways to break `<base>.crt` and `<base>.key`, and the code that says so. */
const BREAKS: readonly (readonly [code: string, breakIt: (base: string) => Promise<unknown>])[] = [
  ['TLS_FILE_EMPTY', (base) => writeFile(folder.file(`${base}.crt`), '')],
  ['TLS_FILE_EMPTY', (base) => writeFile(folder.file(`${base}.key`), '')],
  ['TLS_PEM_INVALID', (base) => writeFile(folder.file(`${base}.crt`), 'no certificate')],
  ['TLS_PEM_INVALID', (base) => writeFile(folder.file(`${base}.crt`), '-----BEGIN CERTIFICATE-----\nMIIB')],
  ['TLS_FILE_NOT_FOUND', (base) => unlink(folder.file(`${base}.key`))],
  ['TLS_FILE_NOT_FOUND', (base) => unlink(folder.file(`${base}.crt`))],
  [
    'TLS_FILE_IS_DIRECTORY',
    async (base) => {
      await unlink(folder.file(`${base}.crt`));
      await mkdir(folder.file(`${base}.crt`));
    },
  ],
  [
    'TLS_PEM_WRONG_KIND',
    async (base) => {
      await rename(folder.file(`${base}.crt`), folder.file('swap'));
      await rename(folder.file(`${base}.key`), folder.file(`${base}.crt`));
      await rename(folder.file('swap'), folder.file(`${base}.key`));
    },
  ],
  [
    'TLS_KEY_MISMATCH',
    async (base) => {
      const other = await ca.issue({ names: ['other.test'] });
      await writeFile(folder.file(`${base}.key`), other.key);
    },
  ],
  [
    'TLS_KEY_PASSPHRASE_REQUIRED',
    async (base) => put(base, await issue(base, { passphrase: 'correct horse' })),
  ],
  [
    'TLS_FILE_NOT_FOUND',
    async (base) => {
      await unlink(folder.file(`${base}.crt`));
      await symlink('../nowhere.crt', folder.file(`${base}.crt`));
    },
  ],
  [
    'TLS_FILE_UNREADABLE',
    async (base) => {
      await unlink(folder.file(`${base}.crt`));
      await promisify(execFile)('mkfifo', [folder.file(`${base}.crt`)]);
    },
  ],
  [
    'TLS_FILE_UNREADABLE',
    async (base) => {
      await unlink(folder.file(`${base}.key`));
      await symlink(`${base}.key`, folder.file(`${base}.key`));
    },
  ],
  [
    'TLS_FILE_NOT_FOUND',
    async (base) => {
      await unlink(folder.file(`${base}.key`));
      await symlink('../nowhere.key', folder.file(`${base}.key`));
    },
  ],
  ['TLS_PEM_INVALID', (base) => change(`${base}.crt`, (text) => text.slice(0, 300))],
  ['TLS_PEM_INVALID', (base) => change(`${base}.key`, (text) => text.slice(0, 100))],
  ['TLS_PEM_INVALID', (base) => change(`${base}.crt`, (text) => text.replace('MII', 'M!I'))],
  ['TLS_PEM_INVALID', (base) => change(`${base}.crt`, (text) => Buffer.from(`\uFEFF${text}`, 'utf16le'))],
  ['TLS_PEM_INVALID', (base) => writeFile(folder.file(`${base}.crt`), '<html>404 Not Found</html>')],
  ['TLS_FILE_EMPTY', (base) => writeFile(folder.file(`${base}.key`), ' \r\n\t\n')],
  ['TLS_PEM_WRONG_KIND', (base) => change(`${base}.crt`, (text) => new X509Certificate(text).raw)],
  [
    'TLS_PEM_WRONG_KIND',
    (base) =>
      change(`${base}.key`, (text) => createPrivateKey(text).export({ type: 'pkcs8', format: 'der' })),
  ],
  [
    'TLS_PEM_WRONG_KIND',
    (base) => change(`${base}.key`, (text) => createPublicKey(text).export({ type: 'spki', format: 'pem' })),
  ],
  [
    'TLS_KEY_MISMATCH',
    async (base) => {
      const other = await ca.issue({ names: [base], keyType: 'ed25519' });
      await writeFile(folder.file(`${base}.key`), other.key);
    },
  ],
  [
    'TLS_KEY_PASSPHRASE_REQUIRED',
    async (base) => put(base, await issue(base, { passphrase: 'correct horse', keyFormat: 'traditional' })),
  ],
  ['TLS_KEY_UNSUPPORTED', async (base) => put(base, await ca.issue({ names: [base], keyType: 'rsa-1024' }))],
];

async function change(file: string, how: (text: string) => string | Buffer): Promise<void> {
  await writeFile(folder.file(file), how(await readFile(folder.file(file), 'utf8')));
}

describe('among a thousand pairs', () => {
  it('every tenth is broken in another way: the others serve, and each broken one has a finding of its own', async () => {
    const names = Array.from({ length: 1_000 }, (_, number) => `n${number}.test`);
    const broken = new Map<string, string>();
    for (const [number, name] of names.entries()) {
      await put(name, await issue(name));
      if (number % 10 !== 0) continue;
      const [code, breakIt] = BREAKS[(number / 10) % BREAKS.length] as (typeof BREAKS)[number];
      await breakIt(name);
      broken.set(name, code);
    }
    const { host, served, reload } = await started(folder.path);
    await reload();
    for (const name of names)
      expect([name, (await served(name)) !== undefined]).toEqual([name, !broken.has(name)]);
    const told = new Map(host.findings.map((finding) => [finding.names?.join(), finding]));
    expect(host.findings).toHaveLength(100);
    for (const [name, code] of broken) {
      expect(told.get(name)).toMatchObject({ code, severity: 'error' });
      expect(told.get(name)?.message).toContain(folder.file(name));
    }
  });

  it('a flood of findings is cut short, and that is told', async () => {
    for (let number = 0; number < 600; number += 1) {
      await writeFile(folder.file(`n${number}.test.crt`), 'garbage');
      await writeFile(folder.file(`n${number}.test.key`), 'garbage', { mode: 0o600 });
    }
    const { host, reload } = await started(folder.path);
    await reload();
    expect(host.findings).toHaveLength(501);
    expect(host.findings.filter(({ code }) => code === 'DIRECTORY_FINDINGS_OMITTED')).toHaveLength(1);
  });
});

describe('thousands of files', () => {
  it('renamed over at once are all served right within ten seconds', async () => {
    const count = 1_500;
    const next = folder.file('..next');
    await mkdir(next);
    for (let number = 0; number < count; number += 1) {
      const name = `n${number}.test`;
      await put(name, await issue(name, { serialNumber: '01' }));
      const { cert, key: keyText } = await issue(name, { serialNumber: '02' });
      await writeFile(join(next, `${name}.crt`), cert);
      await writeFile(join(next, `${name}.key`), keyText, { mode: 0o600 });
    }
    const { serial, reload } = await started(folder.path);
    await reload();
    for (let number = 0; number < 50; number += 1) expect(await serial(`n${number}.test`)).toBe('01');
    for (const file of await readdir(next)) await rename(join(next, file), folder.file(file));
    for (const number of [0, 7, 49, 50, 999, 1_499])
      await until(async () => (await serial(`n${number}.test`)) === '02', `n${number}.test`);
  });
});

describe('a name that would lead out of the folder', () => {
  const NAMES = [
    ...['../outside', '../../etc/passwd', '/etc/hostname', '..', '.', '', '..\\outside', '%2e%2e/outside'],
    ...['outside\0', 'a.test/../outside', '..data', '__proto__', 'constructor', '-uninstall', '*.test', '*'],
  ];

  it.each(NAMES)('finds nothing: %j', async (serverName) => {
    const outside = await issue('outside');
    await mkdir(folder.file('in'));
    await put('outside', outside);
    await put('in/a.test', await issue('a.test'));
    const { source, served, reload } = await started(folder.file('in'));
    expect(await served(serverName)).toBeUndefined();
    await reload();
    expect(source.find({ serverName, signal })).toBeUndefined();
  });

  it('as a link to a folder of other pairs is not followed', async () => {
    await mkdir(folder.file('in'));
    await put('outside.test', await issue('outside.test'));
    await symlink('..', folder.file('in', 'up'));
    await put('in/a.test', await issue('a.test'));
    const { served, reload } = await started(folder.file('in'));
    await reload();
    expect(await served('outside.test')).toBeUndefined();
  });
});

describe('what this user may not read', () => {
  /** Told by a process with no rights but those that owners and modes give its user. */
  function findingsIn(path: string): Promise<unknown> {
    return toldBy('load-directory.ts', [path]);
  }

  async function toldBy(child: string, parameters: readonly string[]): Promise<unknown> {
    const program = compiled(__dirname, '..', 'children', child);
    const command = [...withoutPrivileges(), process.execPath, program, ...parameters];
    const [wrapper = '', ...args] = command;
    const { stdout } = await promisify(execFile)(wrapper, args);
    return JSON.parse(stdout);
  }

  it('is told with its owner and mode, and the pairs beside it serve', async () => {
    await put('a.test', await issue('a.test'));
    await put('b.test', await issue('b.test'));
    await chmod(folder.file('a.test.key'), 0o000);
    const [uid, gid] = [process.getuid?.(), process.getgid?.()];
    expect(await findingsIn(folder.path)).toMatchObject([
      {
        code: 'TLS_FILE_UNREADABLE',
        severity: 'error',
        names: ['a.test'],
        message: `Private key ${folder.file('a.test.key')} cannot be read: owner ${uid}:${gid} mode 0000, this process is ${uid}:${gid}.`,
        hint: expect.stringContaining(`chmod 600 ${folder.file('a.test.key')}`) as unknown,
      },
    ]);
  });

  it('being a folder among others is told with its owner and mode, and what lies beside it serves', async () => {
    await mkdir(folder.file('closed'));
    await mkdir(folder.file('lost+found'));
    await put('a.test', await issue('a.test'));
    await put('closed/b.test', await issue('b.test'));
    for (const closed of ['closed', 'lost+found']) await chmod(folder.file(closed), 0o000);
    const findings = await findingsIn(folder.path);
    await chmod(folder.file('closed'), 0o700);
    const [uid, gid] = [process.getuid?.(), process.getgid?.()];
    expect(findings).toEqual([
      {
        code: 'DIRECTORY_UNLISTED',
        severity: 'warning',
        names: [folder.file('closed')],
        message: `Folder ${folder.file('closed')} cannot be read: owner ${uid}:${gid} mode 0000, this process is ${uid}:${gid}. Pairs in it are not found; those found before are still served.`,
        hint: expect.stringContaining(`chgrp ${gid} ${folder.file('closed')} and chmod 750`) as unknown,
      },
    ]);
  });

  it('from some time on is served on, and the finding is taken back once it may be read again', async () => {
    await mkdir(folder.file('closed'));
    await put('a.test', await issue('a.test'));
    await put('closed/b.test', await issue('b.test'));
    const seen = await toldBy('close-folder.ts', [folder.path, folder.file('closed'), 'b.test']);
    expect(seen).toEqual([
      { isServed: true, codes: [] },
      { isServed: true, codes: ['DIRECTORY_UNLISTED', 'RELOAD_REJECTED'] },
      { isServed: true, codes: [] },
    ]);
  });

  it('because certbot keeps its archive for root is told with the ways around that', async () => {
    await mkdir(folder.file('archive', 'a.test'), { recursive: true });
    await mkdir(folder.file('live', 'a.test'), { recursive: true });
    await put('archive/a.test/pair', await issue('a.test'));
    await symlink('../../archive/a.test/pair.crt', folder.file('live', 'a.test', 'fullchain.pem'));
    await symlink('../../archive/a.test/pair.key', folder.file('live', 'a.test', 'privkey.pem'));
    await put('live/b.test', await issue('b.test'));
    await chmod(folder.file('archive'), 0o000);
    const findings = await findingsIn(folder.file('live'));
    await chmod(folder.file('archive'), 0o700);
    expect(findings).toMatchObject([
      {
        code: 'TLS_FILE_UNREADABLE',
        names: ['a.test'],
        message: expect.stringContaining(`the folder ${folder.file('archive')} is closed to it`) as unknown,
        hint: expect.stringMatching(/--deploy-hook.*open both folders.*acme\(\)/) as unknown,
      },
    ]);
  });
});

describe('a folder that cannot be written', () => {
  (mayMount ? it : it.skip)('has its self-signed default in memory, and a note', async () => {
    await withMounts(async (mounted, mount) => {
      await mkdir(mounted.file('certs'));
      await mount('--bind', mounted.file('certs'), mounted.file('certs'));
      await mount('-o', 'remount,bind,ro', mounted.file('certs'));
      const path = mounted.file('certs');
      const directory = await started({ path, fallback: selfSigned({ names: ['a.test'] }) });
      expect(await directory.default()).toMatchObject({ names: ['a.test'] });
      expect(await directory.served('a.test')).toBeDefined();
      expect(directory.host.findings).toMatchObject([{ code: 'DIRECTORY_NOT_WRITABLE', severity: 'info' }]);
      expect(await readdir(path)).toEqual([]);
      await directory.source.close?.();
    });
  });
});

describe('the default pair that is written', () => {
  it('keeps its key to itself, and leaves nothing else behind', async () => {
    await chmod(folder.path, 0o755);
    await started({ path: folder.path, fallback: selfSigned({ names: ['a.test'] }) });
    expect((await readdir(folder.path)).sort()).toEqual(['default.crt', 'default.key']);
    expect((await stat(folder.file('default.key'))).mode & 0o777).toBe(0o600);
    expect((await stat(folder.file('default.crt'))).mode & 0o777).toBe(0o644);
  });

  it('never takes the place of files that are there', async () => {
    await writeFile(folder.file('default.key'), 'precious', { mode: 0o600 });
    const { default: byDefault } = await started({
      path: folder.path,
      fallback: selfSigned({ names: ['a.test'] }),
    });
    expect(await byDefault()).toMatchObject({ names: ['a.test'] });
    expect(await readdir(folder.path)).toEqual(['default.key']);
  });

  it('is written by one of two servers that start at once, and served by both', async () => {
    const start = () => started({ path: folder.path, fallback: selfSigned({ names: ['a.test'] }) });
    const both = await Promise.all([start(), start()]);
    for (const { reload } of both) await reload();
    const [one, other] = await Promise.all(both.map(({ default: byDefault }) => byDefault()));
    expect(one).toBeDefined();
    expect(other?.serialNumber).toBe(one?.serialNumber);
  });
});
