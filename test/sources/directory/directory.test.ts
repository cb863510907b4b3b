import { mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import type { Credential } from '../../../src/credential/credential.js';
import { TlsmithError } from '../../../src/errors.js';
import { directory, type DirectoryOptions } from '../../../src/sources/directory.js';
import { selfSigned } from '../../../src/issuance/self-signed.js';
import { type LeafRequest, testCa, type TestPair } from '../../support/certificates.js';
import { type ManualClock, manualClock } from '../../support/manual-clock.js';
import { folderPerTest } from '../../support/folder-per-test.js';
import { until } from '../../support/until.js';
import { directories } from './support/started-directory.js';

const DAY_MS = 86_400_000;
const started = directories();

const folder = folderPerTest();

async function issue(names: readonly string[], request: Partial<LeafRequest> = {}): Promise<TestPair> {
  return (await testCa()).issue({ names, ...request });
}

/** Writes a pair as two files, complete or not at all, as a careful program does. */
async function put(cert: string, key: string, pair: TestPair): Promise<void> {
  for (const [name, text, mode] of [
    [key, pair.key, 0o600],
    [cert, pair.cert, 0o644],
  ] as const) {
    await mkdir(join(folder.path, name, '..'), { recursive: true });
    await writeFile(folder.file('.new'), text, { mode });
    await rename(folder.file('.new'), folder.file(name));
  }
}

async function putFlat(name: string, names: readonly string[], request: Partial<LeafRequest> = {}) {
  const pair = await issue(names, request);
  await put(`${name}.crt`, `${name}.key`, pair);
  return pair;
}

const POLL_MS = 1_000;

/** Stands still, and counts the looks by time that have ended: the next one is set then. */
function pollingClock(): { readonly clock: ManualClock; readonly looks: () => number } {
  const inner = manualClock();
  let polls = 0;
  const clock: ManualClock = {
    ...inner,
    setTimeout: (callback, delayMs) => {
      if (delayMs === POLL_MS) polls += 1;
      return inner.setTimeout(callback, delayMs);
    },
  };
  return { clock, looks: () => polls };
}

describe('a directory', () => {
  it('answers by what certificates say, whatever their files are called', async () => {
    await putFlat('server', ['a.test', '*.b.test', '192.0.2.7']);
    const { served } = await started(folder.path);
    expect(await served('a.test')).toBeDefined();
    expect(await served('x.b.test')).toBeDefined();
    expect(await served('192.0.2.7')).toBeDefined();
    expect(await served('server')).toBeUndefined();
    expect(await served('x.y.b.test')).toBeUndefined();
  });

  it.each([
    ['a.test.pem', 'a.test-key.pem'],
    ['a.test+5.pem', 'a.test+5-key.pem'],
    ['_wildcard.a.test.pem', '_wildcard.a.test-key.pem'],
    ['a.test/fullchain.pem', 'a.test/privkey.pem'],
    ['live/a.test/fullchain.pem', 'live/a.test/privkey.pem'],
    ['a.test/tls.crt', 'a.test/tls.key'],
    ['tls.crt', 'tls.key'],
    ['fullchain.pem', 'privkey.pem'],
    ['one/two/a.test.crt', 'one/two/a.test.key'],
  ])('reads %s with %s', async (cert, key) => {
    await put(cert, key, await issue(['a.test']));
    const { served, host } = await started(folder.path);
    expect(await served('a.test')).toMatchObject({ names: ['a.test'] });
    expect(host.findings).toEqual([]);
  });

  it('has what serves a pair made while it is loaded, and serves none for which that fails', async () => {
    const prepared: string[] = [];
    const prepare = ({ names: [name = ''] }: Credential): void => {
      prepared.push(name);
      if (name === 'bad.test') throw new TlsmithError('TLS_KEY_UNSUPPORTED', 'OpenSSL refuses it.');
    };
    for (const name of ['good.test', 'bad.test']) await putFlat(name, [name]);
    const { served, host, reload } = await started(folder.path, { prepare });
    await reload();
    expect(await served('good.test')).toBeDefined();
    expect(await served('bad.test')).toBeUndefined();
    expect(new Set(prepared)).toEqual(new Set(['bad.test', 'good.test']));
    expect(host.findings).toMatchObject([{ code: 'TLS_KEY_UNSUPPORTED', names: ['bad.test'] }]);
  });

  it('looks two folders deep and no deeper', async () => {
    await put('one/two/three/a.test.crt', 'one/two/three/a.test.key', await issue(['a.test']));
    const { served } = await started(folder.path);
    expect(await served('a.test')).toBeUndefined();
  });

  it('reads a certificate and its key from one file', async () => {
    const { cert, key } = await issue(['a.test']);
    await writeFile(folder.file('a.test.pem'), cert + key, { mode: 0o600 });
    const { served, host } = await started(folder.path);
    expect(await served('a.test')).toMatchObject({ names: ['a.test'] });
    expect(host.findings).toEqual([]);
  });

  it('takes the whole lineages of certbot, not its archive', async () => {
    const pair = await issue(['a.test']);
    await put('archive/a.test/fullchain1.pem', 'archive/a.test/privkey1.pem', pair);
    await mkdir(folder.file('live', 'a.test'), { recursive: true });
    for (const name of ['fullchain', 'privkey'])
      await symlink(`../../archive/a.test/${name}1.pem`, folder.file('live', 'a.test', `${name}.pem`));
    for (const path of [folder.path, folder.file('live'), folder.file('live', 'a.test')]) {
      const { served, host, source } = await started(path);
      expect(await served('a.test')).toMatchObject({ names: ['a.test'] });
      await until(() => [...(source.list?.() ?? [])].length === 1, 'one pair');
      expect(host.findings).toEqual([]);
    }
  });

  it('serves an exact name before a wildcard, in date before expired, the newest, then by file name', async () => {
    const now = Date.now();
    await putFlat('1', ['*.a.test'], { serialNumber: '11' });
    await putFlat('2', ['x.a.test'], { serialNumber: '12', notBefore: now - 2 * DAY_MS });
    await putFlat('3', ['x.a.test'], { serialNumber: '13', notBefore: now - DAY_MS });
    await putFlat('4', ['x.a.test'], { serialNumber: '14', notBefore: now + DAY_MS });
    await putFlat('5', ['y.a.test'], { serialNumber: '15', notBefore: now - 9 * DAY_MS, notAfter: now - 1 });
    await putFlat('6', ['z.test'], { serialNumber: '16', notBefore: now - 9 * DAY_MS, notAfter: now - 1 });
    const notBefore = now - DAY_MS;
    for (const [file, serialNumber] of [
      ['0', '17'],
      ['w.test', '18'],
      ['x', '19'],
    ] as const)
      await putFlat(file, ['w.test'], { serialNumber, notBefore });
    const { serial, reload } = await started(folder.path);
    await reload();
    expect(await serial('x.a.test')).toBe('13');
    expect(await serial('y.a.test')).toBe('11');
    expect(await serial('z.test')).toBe('16');
    expect(await serial('w.test')).toBe('18');
  });

  it('lists no pair that has a successor beside it', async () => {
    await putFlat('old', ['a.test'], { serialNumber: '91', notBefore: Date.now() - 2 * DAY_MS });
    await putFlat('new', ['a.test'], { serialNumber: '92', notBefore: Date.now() - DAY_MS });
    const { source, reload } = await started(folder.path);
    await reload();
    expect([...(source.list?.() ?? [])]).toMatchObject([{ serialNumber: '92' }]);
  });

  it('answers for a name by its file while other pairs are still unread', async () => {
    for (let number = 0; number < 20; number += 1) await putFlat(`n${number}.test`, [`n${number}.test`]);
    const { source } = await started(folder.path);
    const { signal } = new AbortController();
    expect(source.find({ serverName: 'n7.test', signal })).toHaveProperty('pending');
    expect(source.find({ serverName: 'unknown.test', signal })).toHaveProperty('pending');
  });

  it('serves the pair called default to clients that name none, or the only pair there is', async () => {
    await putFlat('a', ['a.test'], { serialNumber: '21' });
    const only = await started(folder.path);
    expect((await only.default())?.serialNumber).toBe('21');
    await putFlat('b', ['b.test'], { serialNumber: '22' });
    await only.reload();
    expect(await only.default()).toBeUndefined();
    await putFlat('default', ['c.test'], { serialNumber: '23' });
    await only.reload();
    expect((await only.default())?.serialNumber).toBe('23');
    const other = await started({ path: folder.path, defaultName: 'b' });
    expect((await other.default())?.serialNumber).toBe('22');
  });

  it('with `lookup: false` serves the default pair alone, for the names that it covers', async () => {
    await putFlat('a', ['a.test']);
    await putFlat('default', ['b.test']);
    await writeFile(folder.file('c.test.crt'), 'garbage');
    const { served, host, default: byDefault, reload } = await started({ path: folder.path, lookup: false });
    await reload();
    expect(host.findings).toEqual([]);
    expect(await served('a.test')).toBeUndefined();
    expect(await served('b.test')).toMatchObject({ names: ['b.test'] });
    expect(await byDefault()).toMatchObject({ names: ['b.test'] });
  });

  it('opens encrypted keys with a passphrase from a file, and again once the file is right', async () => {
    await putFlat('a', ['a.test'], { passphrase: 'correct horse' });
    await putFlat('b', ['b.test']);
    await writeFile(folder.file('passphrase'), 'wrong\n', { mode: 0o600 });
    const { served, host, reload } = await started({
      path: folder.path,
      passphraseFile: folder.file('passphrase'),
    });
    await reload();
    expect(host.findings).toMatchObject([{ code: 'TLS_KEY_PASSPHRASE_WRONG' }]);
    await writeFile(folder.file('passphrase'), 'correct horse\n');
    await reload();
    expect(await served('a.test')).toBeDefined();
  });

  it('tells of nothing that is no pair', async () => {
    await putFlat('a.test', ['a.test']);
    const { rootPem } = await testCa();
    await writeFile(folder.file('README'), 'hello');
    for (const name of [
      'ca.crt',
      'company.pem',
      'ca.example.crt',
      'a.test.crt~',
      '.a.test.crt.swp',
      'other.crt',
    ])
      await writeFile(folder.file(name), rootPem);
    for (const name of ['a.test.csr', 'notes.pem', 'server.pem', '..2024_05', 'account.key'])
      await writeFile(folder.file(name), 'no certificate');
    const { host, reload, default: byDefault } = await started(folder.path, { strict: true });
    await reload();
    expect(host.findings).toEqual([]);
    expect(await byDefault()).toMatchObject({ names: ['a.test'] });
  });

  it.each([
    [{}, 'path'],
    [{ path: '' }, 'path'],
    [{ path: 'x', defaultName: '../y' }, 'defaultName'],
    [{ path: 'x', lookup: 1 }, 'lookup'],
    [{ path: 'x', passphrase: 1 }, 'passphrase'],
    [{ path: 'x', passphrase: 'a', passphraseFile: 'b' }, 'passphraseFile'],
    [{ path: 'x', fallback: 'self-signed' }, 'fallback'],
    [{ path: 'x', defaultname: 'y' }, 'Did you mean `defaultName`'],
  ])('names the option that is misused: %j', (options, name) => {
    expect(() => directory(options as DirectoryOptions)).toThrow(TypeError);
    expect(() => directory(options as DirectoryOptions)).toThrow(name);
  });
});

describe('a directory at its start', () => {
  it('rejects when the folder is missing, and says what there is instead', async () => {
    await writeFile(folder.file('certificates'), '');
    await expect(started(folder.file('certs'))).rejects.toMatchObject({
      code: 'TLS_FILE_NOT_FOUND',
      message: expect.stringContaining('certificates') as unknown,
    });
    await expect(started(folder.file('certificates'))).rejects.toMatchObject({ code: 'DIRECTORY_IS_FILE' });
  });

  it('rejects when its only pair cannot be served', async () => {
    await putFlat('a', ['a.test']);
    await writeFile(folder.file('a.key'), (await issue(['a.test'])).key);
    await expect(started(folder.path)).rejects.toMatchObject({ code: 'TLS_KEY_MISMATCH' });
  });

  it('warns of an empty folder, and serves what is put there', async () => {
    const { host, served } = await started(folder.path);
    await until(() => host.findings.length > 0, 'the warning');
    expect(host.findings).toMatchObject([{ code: 'DIRECTORY_EMPTY', severity: 'warning' }]);
    await putFlat('a', ['a.test']);
    await until(async () => (await served('a.test')) !== undefined, 'the new pair');
    await until(() => host.resolvedCodes.includes('DIRECTORY_EMPTY'), 'the warning to go');
  });

  it('can be started again after it was closed', async () => {
    await putFlat('a', ['a.test']);
    const { source, host, served } = await started(folder.path);
    await source.close?.();
    await source.start?.(host);
    expect(await served('a.test')).toBeDefined();
  });
});

describe('a directory that changes', () => {
  it('serves what is added, replaced and removed', async () => {
    await putFlat('a', ['a.test'], { serialNumber: '31' });
    const { serial, served, host } = await started(folder.path);
    expect(await serial('a.test')).toBe('31');
    await putFlat('b', ['b.test'], { serialNumber: '32' });
    await until(async () => (await serial('b.test')) === '32', 'the added pair');
    await putFlat('a', ['a.test'], { serialNumber: '33' });
    await until(async () => (await serial('a.test')) === '33', 'the replaced pair');
    const reloaded = host.events.find((event) => event.type === 'certificate' && event.action === 'reloaded');
    expect(reloaded).toMatchObject({ credential: { serialNumber: '33' }, previous: { serialNumber: '31' } });
    await unlink(folder.file('b.crt'));
    await unlink(folder.file('b.key'));
    await until(async () => (await served('b.test')) === undefined, 'the removed pair to go');
  });

  it('serves a change before all that it holds is loaded', async () => {
    const pairs = 250;
    const { keyPair } = await putFlat('a', ['a.test'], { serialNumber: '01' });
    for (let index = 0; index < pairs; index += 1)
      await putFlat(`n${index}`, [`n${index}.test`], { key: keyPair });
    const { serial, source, reload } = await started(folder.path);
    expect(await serial('a.test')).toBe('01');
    await putFlat('a', ['a.test'], { serialNumber: '02' });
    await until(async () => (await serial('a.test')) === '02', 'the new certificate');
    expect([...(source.list?.() ?? [])].length).toBeLessThan(pairs);
    await reload();
    expect([...(source.list?.() ?? [])].length).toBe(pairs + 1);
  }, 60_000);

  it('goes on with the last good pair, and says so, until the new one is mended', async () => {
    await putFlat('a.test', ['a.test'], { serialNumber: '41' });
    const { serial, host, reload } = await started(folder.path);
    await reload();
    await writeFile(folder.file('a.test.crt'), 'garbage');
    await reload();
    expect(await serial('a.test')).toBe('41');
    expect(host.findings).toMatchObject([{ code: 'RELOAD_REJECTED', names: ['a.test'] }]);
    expect(host.findings[0]?.message).toContain(folder.file('a.test.crt'));
    expect(host.findings[0]?.message).toMatch(/until it expires at 20\d\d-/);
    await putFlat('a.test', ['a.test'], { serialNumber: '42' });
    await until(async () => (await serial('a.test')) === '42', 'the mended pair');
    await until(() => host.resolvedCodes.includes('RELOAD_REJECTED'), 'the finding to go');
  });

  it('says nothing of a pair that does not fit for a moment only', async () => {
    await putFlat('a.test', ['a.test'], { serialNumber: '51' });
    const { clock, looks } = pollingClock();
    const { serial, host, reload } = await started(folder.path, { clock });
    await reload();
    const next = await issue(['a.test'], { serialNumber: '52' });
    await writeFile(folder.file('a.test.key'), next.key);
    const before = looks();
    await clock.advance(POLL_MS);
    await until(() => looks() > before, 'a look at the folder');
    expect(await serial('a.test')).toBe('51');
    await writeFile(folder.file('a.test.crt'), next.cert);
    await reload();
    expect(await serial('a.test')).toBe('52');
    expect(host.findings).toEqual([]);
  });

  it('keeps a pair whose files are gone for a moment', async () => {
    await putFlat('a.test', ['a.test']);
    const { served, reload } = await started(folder.path);
    await reload();
    await unlink(folder.file('a.test.crt'));
    await unlink(folder.file('a.test.key'));
    for (let look = 0; look < 3; look += 1) {
      await reload();
      expect(await served('a.test')).toBeDefined();
    }
  });

  it('keeps serving when the folder vanishes, and goes on when it is back', async () => {
    await putFlat('in/a.test', ['a.test']);
    const path = folder.file('in');
    const { served, serial, host, reload } = await started(path);
    await reload();
    await rename(path, folder.file('away'));
    await expect(reload()).rejects.toMatchObject({ code: 'TLS_FILE_NOT_FOUND' });
    expect(await served('a.test')).toBeDefined();
    expect(host.findings).toMatchObject([{ code: 'TLS_FILE_NOT_FOUND', names: [path] }]);
    await rename(folder.file('away'), path);
    await putFlat('in/a.test', ['a.test'], { serialNumber: '61' });
    await until(async () => (await serial('a.test')) === '61', 'the pair in the folder that is back');
    expect(host.resolvedCodes).toContain('TLS_FILE_NOT_FOUND');
  });

  it('never mixes certificate and key of two Kubernetes snapshots', async () => {
    const snapshot = async (name: string, serialNumber: string): Promise<void> => {
      await put(`${name}/tls.crt`, `${name}/tls.key`, await issue(['a.test'], { serialNumber }));
      await symlink(name, folder.file('..data_tmp'));
      await rename(folder.file('..data_tmp'), folder.file('..data'));
    };
    await snapshot('..1', '71');
    for (const name of ['tls.crt', 'tls.key']) await symlink(`..data/${name}`, folder.file(name));
    const { serial, host } = await started(folder.path);
    for (let round = 2; round < 8; round += 1) {
      await snapshot(`..${round}`, `7${round}`);
      await rm(folder.file(`..${round - 1}`), { recursive: true });
      await until(async () => (await serial('a.test')) === `7${round}`, 'the next snapshot');
    }
    expect(host.findings).toEqual([]);
  });
});

describe('the fallback of a directory', () => {
  it('of a self-signed kind is written once, and is a pair of the folder from then on', async () => {
    const first = await started({ path: folder.path, fallback: selfSigned({ names: ['a.test'] }) });
    const serialNumber = (await first.default())?.serialNumber;
    expect(serialNumber).toBeDefined();
    expect(await first.serial('a.test')).toBe(serialNumber);
    await first.source.close?.();
    const second = await started({ path: folder.path, fallback: selfSigned({ names: ['a.test'] }) });
    expect((await second.default())?.serialNumber).toBe(serialNumber);
  });

  it('is not asked while there is a default pair', async () => {
    await putFlat('default', ['a.test'], { serialNumber: '81' });
    const fallback = { name: 'other', find: () => undefined, start: jest.fn<() => void>() };
    const { default: byDefault, reload } = await started({ path: folder.path, fallback });
    await reload();
    expect((await byDefault())?.serialNumber).toBe('81');
    expect(fallback.start).not.toHaveBeenCalled();
  });

  it('stands in for a default pair that has expired', async () => {
    await putFlat('default', ['a.test'], { notBefore: Date.now() - 9 * DAY_MS, notAfter: Date.now() - 1 });
    const { default: byDefault, reload } = await started({
      path: folder.path,
      fallback: selfSigned({ names: ['b.test'] }),
    });
    await reload();
    expect(await byDefault()).toMatchObject({ names: ['b.test'] });
  });
});
