// Who else can write what is served: modes, groups and folders as people leave them, and set-ups where nothing is wrong.
import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { writableFolders } from '../../src/files/writable-by-others.js';
import { createSecureServer, directory, filePair } from '../../src/index.js';
import { directories } from '../sources/directory/support/started-directory.js';
import { mayMount, withMounts } from '../sources/support/mounting.js';
import { withWatchedPair } from '../sources/support/watched-pair.js';
import { testCa, type TestPair } from '../support/certificates.js';
import { type TemporaryFolder, withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

const CODE = 'TLS_FILE_WRITABLE_BY_OTHERS';
const OTHER_GROUP = 54_321;
const asRoot = process.getuid?.() === 0 ? it : it.skip;
const started = directories();
let pair: TestPair;
beforeAll(async () => {
  pair = await (await testCa()).issue({ names: ['a.test'] });
});

/** A pair in `certs`, in a folder that others may look into. */
async function withPair(
  use: (folder: TemporaryFolder, files: { certFile: string; keyFile: string }) => Promise<void>,
): Promise<void> {
  await withTemporaryFolder(async (folder) => {
    await chmod(folder.path, 0o755);
    const { certFile, keyFile } = await pair.writeTo(folder.file('certs'), 'a.test');
    await chmod(folder.file('certs'), 0o755);
    await use(folder, { certFile, keyFile });
  });
}

async function foundByPair(files: { certFile: string; keyFile: string; chainFile?: string }) {
  let found: readonly unknown[] = [];
  await withWatchedPair(files, ({ host }) => {
    found = [...host.findings];
    return Promise.resolve();
  });
  return found;
}

async function foundInFolder(path: string) {
  const { host, reload, source } = await started(path);
  await reload();
  await source.close?.();
  return host.findings;
}

function saying(text: string): unknown {
  return expect.stringContaining(text);
}

describe('files that everybody can write', () => {
  it.each<[string, 'certFile' | 'keyFile', number]>([
    ['a certificate', 'certFile', 0o646],
    ['a key', 'keyFile', 0o602],
  ])('are told of when it is %s', async (_what, which, mode) => {
    await withPair(async (folder, files) => {
      await chmod(files[which], mode);
      const told = {
        code: CODE,
        severity: 'warning',
        message: saying(
          `${files[which]} has mode 0${mode.toString(8)}: every user and program on this machine`,
        ),
        hint: saying(`chmod o-w ${files[which]}`),
      };
      expect(await foundByPair(files)).toMatchObject([told]);
      expect(await foundInFolder(folder.file('certs'))).toMatchObject([told]);
    });
  });

  it('are told of together, a chain of its own among them', async () => {
    await withPair(async (folder, files) => {
      const chainFile = folder.file('certs', 'chain.pem');
      await writeFile(chainFile, pair.chain);
      for (const path of [chainFile, files.certFile]) await chmod(path, 0o666);
      const message = saying(`${files.certFile} has mode 0666 and ${chainFile} has mode 0666`);
      expect(await foundByPair({ ...files, chainFile })).toMatchObject([{ code: CODE, message }]);
    });
  });

  it('are none in a folder that is closed to them', async () => {
    await withPair(async (folder, files) => {
      await chmod(files.certFile, 0o666);
      await chmod(folder.file('certs'), 0o700);
      expect(await foundByPair(files)).toEqual([]);
    });
  });

  it('keep a strict server from starting', async () => {
    await withPair(async (_folder, files) => {
      await chmod(files.certFile, 0o666);
      await expect(
        createSecureServer(
          { sources: filePair(files), strict: true, logger: false },
          () => undefined,
        ).start(),
      ).rejects.toMatchObject({ code: CODE });
    });
  });
});

describe('files that a group can write', () => {
  asRoot('are worth a remark when neither root nor this process is in it', async () => {
    await withPair(async (_folder, files) => {
      await chown(files.keyFile, 0, OTHER_GROUP);
      await chmod(files.keyFile, 0o660);
      const message = saying(`${files.keyFile} has mode 0660: everybody in the group ${OTHER_GROUP}`);
      expect(await foundByPair(files)).toMatchObject([{ code: CODE, severity: 'info', message }]);
    });
  });

  it('are as they should be when it is a group of this process', async () => {
    await withPair(async (folder, files) => {
      for (const path of [files.certFile, files.keyFile]) await chmod(path, 0o660);
      await chmod(folder.file('certs'), 0o775);
      expect(await foundByPair(files)).toEqual([]);
      expect(await foundInFolder(folder.file('certs'))).toEqual([]);
    });
  });

  asRoot('are none in a folder that is closed to the group', async () => {
    await withPair(async (folder, files) => {
      await chown(files.keyFile, 0, OTHER_GROUP);
      await chmod(files.keyFile, 0o660);
      await chown(folder.file('certs'), 0, OTHER_GROUP);
      await chmod(folder.file('certs'), 0o705);
      expect(await foundByPair(files)).toEqual([]);
    });
  });
});

describe('folders that everybody can write', () => {
  it.each(['certs', ''])('are told of, also above that of the files: %j', async (which) => {
    await withPair(async (folder, files) => {
      const open = which === '' ? folder.path : folder.file(which);
      await chmod(open, 0o777);
      const message = saying(`Folder ${open} has mode 0777: every user and program on this machine`);
      const told = { code: CODE, severity: 'warning', names: [open], message, hint: saying('chmod +t') };
      expect(await foundByPair(files)).toMatchObject([told]);
      expect(await foundInFolder(folder.file('certs'))).toMatchObject([told]);
    });
  });

  it('are told of where links lead', async () => {
    await withPair(async (folder, { certFile, keyFile }) => {
      await mkdir(folder.file('links'));
      await symlink(certFile, folder.file('links', 'fullchain.pem'));
      await symlink(keyFile, folder.file('links', 'privkey.pem'));
      await chmod(folder.file('certs'), 0o777);
      const files = {
        certFile: folder.file('links', 'fullchain.pem'),
        keyFile: folder.file('links', 'privkey.pem'),
      };
      expect(await foundByPair(files)).toMatchObject([{ code: CODE, names: [folder.file('certs')] }]);
    });
  });

  it('with a sticky bit keep the files of a pair, but let pairs be added to a folder of pairs', async () => {
    await withPair(async (folder, files) => {
      await chmod(folder.file('certs'), 0o1777);
      expect(await foundByPair(files)).toEqual([]);
      expect(await foundInFolder(folder.file('certs'))).toMatchObject([
        {
          code: CODE,
          severity: 'warning',
          message: saying('mode 1777'),
          hint: expect.not.stringContaining('+t'),
        },
      ]);
    });
  });

  it('are none in one that is closed to them', async () => {
    await withPair(async (folder, files) => {
      await chmod(folder.file('certs'), 0o777);
      await chmod(folder.path, 0o700);
      expect(await foundByPair(files)).toEqual([]);
      expect(await foundInFolder(folder.file('certs'))).toEqual([]);
    });
  });

  it('are told of once, and taken back, while a pair or a folder is served', async () => {
    await withPair(async (folder, files) => {
      const servers = [filePair(files), directory(folder.file('certs'))].map((sources) =>
        createSecureServer({ sources, logger: false }, () => undefined),
      );
      try {
        for (const secure of servers) await secure.start();
        const codes = () => servers.map((secure) => secure.status().findings.map(({ code }) => code));
        await chmod(folder.file('certs'), 0o777);
        await until(
          () => codes().every(([code, ...more]) => code === CODE && more.length === 0),
          'both to tell',
        );
        await chmod(folder.file('certs'), 0o755);
        await until(() => codes().every(({ length }) => length === 0), 'both to take it back');
      } finally {
        for (const secure of servers) await secure.close();
      }
    });
  });

  asRoot('for a group that is not ours are worth a remark', async () => {
    await withPair(async (folder) => {
      await chown(folder.file('certs'), 0, OTHER_GROUP);
      await chmod(folder.file('certs'), 0o775);
      expect(await writableFolders([folder.file('certs')])).toMatchObject([
        { code: CODE, severity: 'info', message: saying(`group ${OTHER_GROUP}`) },
      ]);
    });
  });
});

(mayMount ? describe : describe.skip)('what containers mount', () => {
  it('as a secret of Kubernetes gives no finding, though its folder is open to all', async () => {
    await withMounts(async (folder, mount) => {
      await chmod(folder.path, 0o755);
      await mkdir(folder.file('certs'));
      await mount('-t', 'tmpfs', '-o', 'mode=1777', 'tmpfs', folder.file('certs'));
      const now = folder.file('certs', '..2026_12_01');
      const { certFile, keyFile } = await pair.writeTo(now, 'tls');
      await chmod(now, 0o777);
      await symlink('..2026_12_01', folder.file('certs', '..data'));
      for (const name of ['tls.crt', 'tls.key']) await symlink(`..data/${name}`, folder.file('certs', name));
      await chmod(certFile, 0o666);
      await chmod(keyFile, 0o600);
      const files = { certFile: folder.file('certs', 'tls.crt'), keyFile: folder.file('certs', 'tls.key') };
      expect(await foundByPair(files)).not.toEqual([]);
      await mount('-o', 'remount,ro', folder.file('certs'));
      expect(await foundByPair(files)).toEqual([]);
      expect(await foundInFolder(folder.file('certs'))).toEqual([]);
    });
  });

  it('as a volume that its programs share is worth a remark', async () => {
    await withMounts(async (folder, mount) => {
      await chmod(folder.path, 0o755);
      await mkdir(folder.file('certs'));
      await mount('-t', 'tmpfs', '-o', 'mode=777', 'tmpfs', folder.file('certs'));
      await pair.writeTo(folder.file('certs'), 'a.test');
      expect(await foundInFolder(folder.file('certs'))).toMatchObject([
        { code: CODE, severity: 'info', message: saying('as volumes of containers have by default') },
      ]);
    });
  });
});
