// acme() on a folder whose disk is full, read-only or damaged, on real file systems: nothing is ordered that could not
// be kept, and what is there serves.
import { expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { rm, truncate, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { fileStorage } from '../../src/index.js';
import { mayMount, withMounts } from '../sources/support/mounting.js';
import { pathsIn } from '../storage/temporary-folder.js';
import type { Pebble } from '../support/pebble.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import {
  acmePage,
  acmeServing,
  type AcmeServing,
  nameGenerator,
  nextFailure,
} from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { sharedPebble } from './support/shared-pebble.js';

const run = promisify(execFile);
const whereMountsAre = mayMount ? it : it.skip;
const keep = closesAfterEach();
const newName = nameGenerator('disk');
let pebble: Pebble;

sharedPebble((started) => {
  pebble = started;
});

function serving(name: string, folder: string): Promise<AcmeServing> {
  return acmeServing({ pebble, keep, options: { domains: name }, server: { storage: fileStorage(folder) } });
}

/** The files of the values whose path matches. */
async function generations(folder: string, path: RegExp): Promise<readonly string[]> {
  return (await pathsIn(folder, /~gen$/)).filter((each) => path.test(each));
}

/** Until not a byte more fits. */
async function fill(path: string): Promise<void> {
  await expect(run('dd', ['if=/dev/zero', `of=${path}`, 'bs=4k'])).rejects.toThrow(/No space left/);
}

whereMountsAre('A disk that fills up: nothing more is ordered, until there is space again', () =>
  withMounts(async (folder, mount) => {
    const disk = folder.path;
    await mount('-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk);
    const name = newName();
    const { secure } = await serving(name, folder.file('storage'));
    await secure.ready();
    const { serialNumber } = await acmePage(pebble, name);
    const before = pebble.orders();
    await fill(folder.file('ballast'));
    await expect(secure.renew(name)).rejects.toMatchObject({ code: 'STORAGE_NOT_WRITABLE' });
    await expect(secure.renew(name)).rejects.toMatchObject({ code: 'STORAGE_NOT_WRITABLE' });
    expect(pebble.orders()).toBe(before);
    const lastError = { code: 'STORAGE_NOT_WRITABLE', message: expect.stringMatching(/ENOSPC/) };
    expect(secure.status().certificates).toMatchObject([
      { serialNumber, state: 'valid', attempts: 2, lastError, nextAttempt: expect.any(String) },
    ]);
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
    await rm(folder.file('ballast'));
    await secure.reload();
    await secure.renew(name);
    expect((await acmePage(pebble, name)).serialNumber).not.toBe(serialNumber);
    expect(secure.status().findings).toEqual([]);
    expect(pebble.orders()).toBe(before + 1);
  }),
);

whereMountsAre('A disk that becomes read-only: what is stored serves, also after a restart', () =>
  withMounts(async (folder, mount) => {
    await mount('-t', 'tmpfs', 'tmpfs', folder.path);
    const name = newName();
    const first = await serving(name, folder.file('storage'));
    await first.secure.ready();
    const { serialNumber } = await acmePage(pebble, name);
    const before = pebble.orders();
    await run('mount', ['-o', 'remount,ro', folder.path]);
    await expect(first.secure.renew(name)).rejects.toMatchObject({ code: 'STORAGE_NOT_WRITABLE' });
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
    const lastError = { code: 'STORAGE_NOT_WRITABLE', message: expect.stringMatching(/EROFS/) };
    expect(first.secure.status().certificates).toMatchObject([
      { serialNumber, state: 'valid', attempts: 1, lastError, nextAttempt: expect.any(String) },
    ]);
    await first.secure.close({ graceMs: 0 });
    const again = await serving(name, folder.file('storage'));
    expect(again.secure.status().findings).toMatchObject([{ code: 'STORAGE_NOT_WRITABLE' }]);
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
    await expect(again.secure.renew(name)).rejects.toMatchObject({ code: 'STORAGE_NOT_WRITABLE' });
    expect(pebble.orders()).toBe(before);
    await run('mount', ['-o', 'remount,rw', folder.path]);
    await again.secure.reload();
    await again.secure.renew(name);
    expect(again.secure.status().findings).toEqual([]);
    expect(pebble.orders()).toBe(before + 1);
  }),
);

it('Files cut short by a power failure: the certificate before serves, and nothing is ordered', () =>
  withTemporaryFolder(async (folder) => {
    const name = newName();
    const storage = folder.file('storage');
    const first = await serving(name, storage);
    await first.secure.ready();
    const { serialNumber } = await acmePage(pebble, name);
    await first.secure.renew(name);
    await first.secure.close({ graceMs: 0 });
    const before = pebble.orders();
    for (const path of await generations(storage, /\/current\//)) await truncate(path, 100);
    const { secure } = await serving(name, storage);
    expect(secure.status().findings).toMatchObject([
      { code: 'STORAGE_CORRUPT', names: [name], source: 'acme' },
    ]);
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
    expect(pebble.orders()).toBe(before);
    await secure.renew(name);
    expect(secure.status().findings).toEqual([]);
  }));

it('Files full of rubbish: the certificate is fetched again, by the order that is still there', () =>
  withTemporaryFolder(async (folder) => {
    const name = newName();
    const storage = folder.file('storage');
    const first = await serving(name, storage);
    await first.secure.ready();
    const { serialNumber } = await acmePage(pebble, name);
    await first.secure.close({ graceMs: 0 });
    const before = pebble.orders();
    for (const path of await generations(storage, /\/managed\//)) await writeFile(path, 'rubbish');
    const { secure } = await serving(name, storage);
    await secure.ready();
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
    expect(pebble.orders()).toBe(before);
  }));

it('An account that is damaged: nothing is ordered under another one, and the error says what is damaged', () =>
  withTemporaryFolder(async (folder) => {
    const name = newName();
    const storage = folder.file('storage');
    const first = await serving(name, storage);
    await first.secure.ready();
    const { serialNumber } = await acmePage(pebble, name);
    await first.secure.close({ graceMs: 0 });
    const accounts = pebble.logged(/There are now \d+ accounts/).length;
    for (const path of await generations(storage, /\/account\//)) await truncate(path, 10);
    const { secure } = await serving(name, storage);
    const failing = nextFailure({ secure });
    await expect(secure.renew(name)).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' });
    expect((await failing).error.message).toContain('account');
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
    expect(pebble.logged(/There are now \d+ accounts/)).toHaveLength(accounts);
  }));
