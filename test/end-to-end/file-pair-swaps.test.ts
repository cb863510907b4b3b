// Files replaced in every way while clients come and go: no handshake fails, and each gets a certificate that was valid
// at some time since it came.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { execFile } from 'node:child_process';
import { rename } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { connect } from 'node:tls';
import { createSecureServer, filePair, type FilePairOptions } from '../../src/index.js';
import { SWAPPINGS } from '../sources/support/pair-swaps.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { curl, sClient } from '../support/clients.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { portOf } from './support/connections.js';
import { closesAfterEach } from './support/cleanup.js';
import { memoryLog } from './support/log.js';

const keep = closesAfterEach();
const SWAPS = 6;
const CLIENTS = 4;
let ca: TestCa;

beforeAll(async () => {
  ca = await testCa();
});

function pairOf(serialNumber: string): Promise<TestPair> {
  return ca.issue({ names: ['a.test'], serialNumber });
}

async function serving(options: FilePairOptions) {
  const log = memoryLog();
  const secure = keep(
    createSecureServer(
      { sources: filePair(options), logger: log.logger },
      (_: IncomingMessage, response: ServerResponse) => response.end('ok'),
    ),
  );
  await secure.listen({ port: 0, host: '127.0.0.1' });
  return { secure, port: portOf(secure.server), log };
}

interface Load {
  readonly failures: readonly string[];
  /** The serial numbers that each client has seen, in their order. */
  readonly seen: readonly (readonly string[])[];
  stop(): Promise<void>;
}

/** Clients that shake hands as fast as they can until they are stopped; every handshake is verified. */
function handshakes(port: number): Load {
  let isStopped = false;
  const failures: string[] = [];
  const seen: string[][] = Array.from({ length: CLIENTS }, () => []);
  const client = async (serials: string[]): Promise<void> => {
    while (!isStopped) {
      const socket = connect({ port, host: '127.0.0.1', servername: 'a.test', ca: ca.rootPem });
      try {
        await once(socket, 'secureConnect');
        serials.push(socket.getPeerCertificate().serialNumber);
      } catch (error) {
        failures.push(String(error));
      } finally {
        socket.destroy();
      }
      await wait(2);
    }
  };
  const clients = seen.map(client);
  return {
    failures,
    seen,
    stop: async () => {
      isStopped = true;
      await Promise.all(clients);
    },
  };
}

describe('while files are replaced under load', () => {
  it.each(Object.keys(SWAPPINGS))('no handshake fails when they are %s', async (name) => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const { replace, ...files } = await SWAPPINGS[name]!(folder, await pairOf('2000'));
      const { port, log } = await serving(files);
      const load = handshakes(port);
      for (let swap = 1; swap <= SWAPS; swap += 1) {
        const serial = `200${swap}`;
        await replace(await pairOf(serial));
        await until(() => load.seen.every((serials) => serials.at(-1) === serial), `${serial} to be served`);
      }
      await load.stop();
      expect(load.failures).toEqual([]);
      for (const serials of load.seen) expect([...serials].sort()).toEqual(serials); // Never back to an older one.
      expect(log.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    });
  });
});

describe('a file pair that is replaced', () => {
  it('is what curl and openssl get from then on, and status() tells of it', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const first = await pairOf('3001');
      const { replace, ...files } = await SWAPPINGS['renamed over']!(folder, first);
      const { secure, port } = await serving(files);
      const target = { port, host: 'a.test', caPem: ca.rootPem };
      expect((await sClient(target)).chain.join('')).toBe(first.cert);
      const reloaded = once(secure, 'certificate');
      const next = await pairOf('3002');
      await replace(next);
      expect(await reloaded).toMatchObject([
        { action: 'reloaded', serialNumber: '3002', previousSerialNumber: '3001' },
      ]);
      const seen = await sClient(target);
      expect(seen.verifyCode).toBe(0);
      expect(seen.chain.join('')).toBe(next.cert);
      expect((await curl(target)).body).toBe('ok');
      expect(secure.status().certificates).toMatchObject([{ serialNumber: '3002' }]);
    });
  });

  it('by one that cannot serve goes on with the old one, and status() says why', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const first = await pairOf('4001');
      const { certFile, keyFile } = await first.writeTo(folder, 'pair');
      const { secure, port } = await serving({ certFile, keyFile });
      const next = await pairOf('4002');
      await promisify(execFile)('truncate', ['-s', '100', certFile]);
      await until(() => secure.status().findings.length > 0, 'it is told');
      expect(secure.status().findings).toMatchObject([{ code: 'RELOAD_REJECTED', source: 'file-pair' }]);
      expect(JSON.stringify(secure.status())).not.toContain('PRIVATE KEY');
      const target = { port, host: 'a.test', caPem: ca.rootPem };
      expect((await sClient(target)).chain.join('')).toBe(first.cert);
      await next.writeTo(folder, 'new');
      await rename(`${folder}/new.key`, keyFile);
      await rename(`${folder}/new.crt`, certFile);
      await until(() => secure.status().findings.length === 0, 'it is taken back');
      expect((await sClient(target)).chain.join('')).toBe(next.cert);
    });
  });

  it('as PKCS#12 file is served as well', async () => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const pfxFile = `${folder}/a.pfx`;
      const write = async (pair: TestPair): Promise<void> => {
        const { certFile, keyFile } = await pair.writeTo(folder, 'a');
        const args = ['pkcs12', '-export', '-inkey', keyFile, '-in', certFile, '-passout', 'pass:x'];
        await promisify(execFile)('openssl', [...args, '-out', `${pfxFile}.new`]);
        await rename(`${pfxFile}.new`, pfxFile);
      };
      await write(await pairOf('5001'));
      const { secure, port } = await serving({ pfxFile, passphrase: 'x' });
      const reloaded = once(secure, 'certificate');
      const next = await pairOf('5002');
      await write(next);
      await reloaded;
      const seen = await sClient({ port, host: 'a.test', caPem: ca.rootPem });
      expect(seen.verifyCode).toBe(0);
      expect(seen.chain.join('')).toBe(next.cert);
    });
  });
});
