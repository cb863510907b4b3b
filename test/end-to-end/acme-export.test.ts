// Another program beside the server, which has its certificate as files and is told when they change.
import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type ExportedCertificate, fileStorage, type FailedEvent } from '../../src/index.js';
import { nodeHttps } from '../support/clients.js';
import type { Pebble } from '../support/pebble.js';
import { folderPerTest } from '../support/folder-per-test.js';
import { until } from '../support/until.js';
import { acmePage, acmeServing, nameGenerator } from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { sharedPebble } from './support/shared-pebble.js';

const keep = closesAfterEach();
const newName = nameGenerator('exported');
let pebble: Pebble;

sharedPebble((started) => {
  pebble = started;
});

const folder = folderPerTest();

/** A server of somebody else's, with whatever the files hold when it is told to look. */
async function otherProgram(): Promise<{
  reload: (exported: ExportedCertificate) => Promise<void>;
  port: number;
}> {
  const server: Server = keep(createServer((_request, response) => response.end('another program')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    reload: async ({ certFile = '', keyFile = '' }) => {
      server.setSecureContext({ cert: await readFile(certFile), key: await readFile(keyFile) });
    },
  };
}

describe('A program that reads the files', () => {
  it('shows the same certificate as the server, also after a renewal', async () => {
    const name = newName();
    const { reload, port } = await otherProgram();
    let calls = 0;
    const { secure } = await acmeServing({
      ...{ pebble, keep, server: { storage: fileStorage(folder.file('storage')) } },
      options: {
        domains: name,
        exportTo: {
          certFile: folder.file('{name}', 'fullchain.pem'),
          keyFile: folder.file('{name}', 'privkey.pem'),
          hook: async (exported) => {
            await reload(exported);
            calls += 1;
          },
        },
      },
    });
    await secure.ready();
    const caPem = await pebble.rootPem();
    for (const count of [1, 2]) {
      await until(() => calls === count, 'the hook');
      const { serialNumber } = await acmePage(pebble, name);
      const other = await nodeHttps({ port, host: name, caPem });
      expect(other).toMatchObject({ body: 'another program', certificate: { serialNumber } });
      if (count === 1) await secure.renew(name);
    }
  });

  it('does not matter to the server, whatever becomes of files and hook', async () => {
    const name = newName();
    let calls = 0;
    const failed: FailedEvent[] = [];
    const { secure } = await acmeServing({
      ...{ pebble, keep },
      options: {
        domains: name,
        exportTo: {
          certFile: folder.file('cert.pem'),
          hook: () => {
            calls += 1;
            throw new Error('no such program');
          },
        },
      },
    });
    secure.on('failed', (event) => failed.push(event));
    await secure.ready();
    await until(() => secure.status().findings.length > 0, 'the finding');
    expect(secure.status().findings).toMatchObject([
      {
        code: 'EXPORT_HOOK_FAILED',
        source: 'acme',
        names: [name],
        message: expect.stringContaining('no such program'),
      },
    ]);
    await secure.renew(name);
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200 });
    await until(() => calls === 2, 'the second call');
    expect(failed).toEqual([]);
    expect(secure.status().certificates).toMatchObject([{ state: 'valid', attempts: 0 }]);
  });
});
