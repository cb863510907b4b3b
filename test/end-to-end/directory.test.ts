// Certificates from a folder, in every layout that a tool puts them in, seen by real clients while files change.
import { mkdir, readdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  createSecureServer,
  directory,
  type DirectoryOptions,
  type SecureServer,
  type SecureServerOptions,
  selfSigned,
} from '../../src/index.js';
import { type LeafRequest, testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { curl, sClient } from '../support/clients.js';
import { folderPerTest } from '../support/folder-per-test.js';
import { until } from '../support/until.js';
import { withoutPolls } from '../support/without-polls.js';
import { closesAfterEach } from './support/cleanup.js';
import { portOf, tls } from './support/connections.js';
import { memoryLog } from './support/log.js';

const keep = closesAfterEach();
let ca: TestCa;

beforeAll(async () => {
  ca = await testCa();
});

const folder = folderPerTest();

interface Serving {
  readonly secure: SecureServer;
  readonly port: number;
}

async function serving(
  options: DirectoryOptions | string = folder.path,
  others: SecureServerOptions = {},
): Promise<Serving> {
  const secure = keep(
    createSecureServer(
      { logger: false, sources: directory(options), ...others },
      (_: IncomingMessage, response: ServerResponse) => response.end('ok'),
    ),
  );
  await secure.listen({ port: 0, host: '127.0.0.1' });
  return { secure, port: portOf(secure.server) };
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(folder.file(path)), { recursive: true });
  await writeFile(folder.file(path), text, { mode: 0o600 });
}

/** Writes a file beside and renames it over the old one. */
async function replace(path: string, text: string): Promise<void> {
  await write(`${dirname(path)}/.next`, text);
  await rename(folder.file(`${dirname(path)}/.next`), folder.file(path));
}

function issue(names: readonly string[], request: Partial<LeafRequest> = {}): Promise<TestPair> {
  return ca.issue({ names, ...request });
}

async function putFlat(base: string, names: readonly string[], request: Partial<LeafRequest> = {}) {
  const { cert, key } = await issue(names, request);
  await replace(`${base}.key`, key);
  await replace(`${base}.crt`, cert);
}

/** The serial number that a client with this server name gets. */
async function serialFor(port: number, host: string, sendsServerName = true): Promise<string> {
  const { chain, isConnected } = await sClient({ port, host, sendsServerName, caPem: ca.rootPem });
  return isConnected ? new X509Certificate(chain[0] ?? '').serialNumber : 'no handshake';
}

describe('a layout of a folder is served:', () => {
  it.each<[string, string, string]>([
    ['<name>.crt and .key', 'a.test.crt', 'a.test.key'],
    ['<name>.cer and .key', 'a.test.cer', 'a.test.key'],
    ['<name>.pem and -key.pem', 'a.test.pem', 'a.test-key.pem'],
    ['mkcert', 'a.test+5.pem', 'a.test+5-key.pem'],
    ['a wildcard of mkcert', '_wildcard.a.test.pem', '_wildcard.a.test-key.pem'],
    ['a wildcard as it stands', '*.a.test.crt', '*.a.test.key'],
    ['a wildcard of certmagic', 'wildcard_.a.test.crt', 'wildcard_.a.test.key'],
    ['certbot', 'live/a.test/fullchain.pem', 'live/a.test/privkey.pem'],
    ['Kubernetes', 'tls.crt', 'tls.key'],
    ['Kubernetes, one folder per name', 'a.test/tls.crt', 'a.test/tls.key'],
    ['one folder per name', 'a.test/a.test.crt', 'a.test/a.test.key'],
    ['<name>.cert and .key', 'a.test.cert', 'a.test.key'],
    ['<name>.pem and .key', 'a.test.pem', 'a.test.key'],
    ['<name>-cert.pem and -key.pem', 'a.test-cert.pem', 'a.test-key.pem'],
    ['haproxy with a key beside', 'a.test.pem', 'a.test.pem.key'],
    ['a wildcard with an underscore', '_.a.test.crt', '_.a.test.key'],
    ['acme.sh', 'a.test_ecc/fullchain.cer', 'a.test_ecc/a.test.key'],
    ['certbot, one lineage', 'fullchain.pem', 'privkey.pem'],
    ['a kind of key in the name', 'a.test.ecdsa.crt', 'a.test.ecdsa.key'],
    ['the default pair', 'default.crt', 'default.key'],
  ])('%s', async (_, certFile, keyFile) => {
    const { cert, key } = await issue(['a.test', '*.a.test', '127.0.0.1']);
    await write(certFile, cert);
    await write(keyFile, key);
    const { secure, port } = await serving();
    for (const host of ['a.test', 'x.a.test']) {
      expect(await sClient({ port, host, caPem: ca.rootPem })).toMatchObject({
        verifyCode: 0,
        chain: { length: 2 },
      });
      expect(await curl({ port, host, caPem: ca.rootPem })).toMatchObject({ status: 200, body: 'ok' });
    }
    // One level only, and an address by its own name.
    expect((await sClient({ port, host: 'y.x.a.test', caPem: ca.rootPem })).verifyCode).not.toBe(0);
    expect((await curl({ port, host: '127.0.0.1', caPem: ca.rootPem })).status).toBe(200);
    expect(secure.status().findings).toEqual([]);
  });

  it.each<[string, string, string, string]>([
    ['a chain of its own', 'a.test.crt', 'a.test.chain.crt', 'a.test.key'],
    ['a chain of its own, in PEM', 'a.test.pem', 'a.test.chain.pem', 'a.test-key.pem'],
    [
      'certbot without full chain',
      'live/a.test/cert.pem',
      'live/a.test/chain.pem',
      'live/a.test/privkey.pem',
    ],
  ])('%s', async (_, certFile, chainFile, keyFile) => {
    const { leaf, chain, key } = await issue(['a.test']);
    await write(certFile, leaf);
    await write(chainFile, chain);
    await write(keyFile, key);
    const { secure, port } = await serving();
    const seen = await sClient({ port, host: 'a.test', caPem: ca.rootPem });
    expect(seen).toMatchObject({ verifyCode: 0, chain: { length: 2 } });
    expect((await curl({ port, host: 'a.test', caPem: ca.rootPem })).status).toBe(200);
    expect(secure.status().findings).toEqual([]);
  });

  it('a chain from root to leaf, sent from leaf to issuer and without the root', async () => {
    const { cert, leaf, chain, key } = await issue(['a.test']);
    await write('a.test.crt', `${ca.rootPem}${chain}${leaf}`);
    await write('a.test.key', key);
    const { port } = await serving();
    const seen = await sClient({ port, host: 'a.test', caPem: ca.rootPem });
    expect(seen.verifyCode).toBe(0);
    expect(seen.chain.join('')).toBe(cert);
  });

  it('one combined file', async () => {
    const { cert, key } = await issue(['a.test']);
    await write('a.test.pem', key + cert);
    const { port } = await serving();
    expect((await curl({ port, host: 'a.test', caPem: ca.rootPem })).status).toBe(200);
  });
});

describe('a client of a folder', () => {
  it('that names nobody, or a stranger, gets the default pair', async () => {
    await putFlat('default', ['d.test'], { serialNumber: '0D' });
    await putFlat('a', ['a.test'], { serialNumber: '0A' });
    const { port } = await serving();
    expect(await serialFor(port, 'a.test')).toBe('0A');
    expect(await serialFor(port, 'a.test', false)).toBe('0D');
    expect(await serialFor(port, 'stranger.test')).toBe('0D');
    expect(await serialFor(port, '127.0.0.1')).toBe('0D');
  });

  it('that comes by address gets the pair with that address', async () => {
    await putFlat('default', ['d.test'], { serialNumber: '0D' });
    await putFlat('a', ['127.0.0.1'], { serialNumber: '0A' });
    const { port } = await serving();
    expect(await serialFor(port, '127.0.0.1')).toBe('0A');
  });

  it.each([
    ...['../outside', '../../outside', '../outside.crt', '/etc/hostname', 'a.test/../../outside'],
    ...['-uninstall', '--help', '*', '*.test', 'a.test%2f..', '$HOME', '`id`'],
  ])('that asks for %j is refused, whatever lies there', async (host) => {
    const { cert, key } = await issue(['outside']);
    await write('outside.crt', cert);
    await write('outside.key', key);
    await putFlat('in/a.test', ['a.test'], { serialNumber: '0A' });
    const { port } = await serving(folder.file('in'));
    const seen = await sClient({ port, host, caPem: ca.rootPem });
    expect(seen).toMatchObject({ isConnected: false, alert: 112, chain: [] });
    expect(await serialFor(port, 'a.test')).toBe('0A');
    expect(await readdir(folder.file('in'))).toHaveLength(2);
  });

  it('gets a self-signed certificate that was written once, and the same after a restart', async () => {
    const options = { path: folder.path, fallback: selfSigned({ names: ['a.test'] }) };
    const first = await serving(options);
    const serial = await serialFor(first.port, 'a.test');
    await first.secure.close();
    const second = await serving({ path: folder.path, fallback: selfSigned({ names: ['a.test'] }) });
    expect(await serialFor(second.port, 'a.test')).toBe(serial);
    const answer = await curl({ port: second.port, host: 'a.test', caFile: folder.file('default.crt') });
    expect(answer.status).toBe(200);
  });

  it('makes no file, however many are asked for that nobody has', async () => {
    const options = { path: folder.path, fallback: selfSigned({ names: ['a.test'] }) };
    const { port } = await serving(options);
    const shown = async (servername: string): Promise<string> => {
      const socket = await tls(port, { servername, rejectUnauthorized: false });
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber;
    };
    const serial = await shown('a.test');
    const ask = async (client: number): Promise<void> => {
      for (let number = client; number < 1_000; number += 10)
        expect(await shown(`n${number}.unknown.test`)).toBe(serial);
    };
    await Promise.all(Array.from({ length: 10 }, (_, client) => ask(client)));
    expect((await readdir(folder.path)).sort()).toEqual(['default.crt', 'default.key']);
  });

  it('that no certificate covers is told with the files that were looked for, and where', async () => {
    await putFlat('a.test', ['a.test']);
    const log = memoryLog();
    const { secure, port } = await serving(folder.path, { logger: log.logger, unknownName: 'reject' });
    expect(await serialFor(port, 'shop.b.test')).toBe('no handshake');
    const sought = `looked in ${folder.path} for shop.b.test.crt, shop.b.test.pem, shop.b.test/fullchain.pem, _wildcard.b.test.crt, _wildcard.b.test.pem, and for`;
    const [told] = log.lines.filter(({ facts }) => facts['code'] === 'SERVER_NAME_UNKNOWN');
    expect(told?.message).toContain(
      `asked for shop.b.test, and no certificate covers it; there are: a.test; ${sought}`,
    );
    await secure.close();
    await expect(serving(folder.path, { defaultName: 'shop.b.test' })).rejects.toMatchObject({
      code: 'DEFAULT_NAME_NOT_COVERED',
      message: expect.stringContaining(`for defaultName shop.b.test; ${sought}`) as unknown,
    });
  });

  it('gets an expired certificate only where nothing valid matches, and loudly', async () => {
    const day = 86_400_000;
    const old = { notBefore: Date.now() - 9 * day, notAfter: Date.now() - day };
    await putFlat('old', ['a.test', 'b.test'], { ...old, serialNumber: '01' });
    await putFlat('new', ['a.test'], { serialNumber: '02' });
    const { secure, port } = await serving();
    expect(await serialFor(port, 'a.test')).toBe('02');
    expect(secure.status().findings).toEqual([]);
    expect(await serialFor(port, 'b.test')).toBe('01');
    expect(secure.status().findings).toMatchObject([{ code: 'TLS_CERT_EXPIRED', severity: 'error' }]);
  });
});

/** Handshakes one after the other until told to stop; each must succeed. */
function handshakes(port: number, servername = 'a.test') {
  const serials: string[] = [];
  const failures: unknown[] = [];
  let isOver = false;
  const loop = async (): Promise<void> => {
    while (!isOver) {
      try {
        const socket = await tls(port, { servername, ca: ca.rootPem });
        serials.push(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      } catch (error) {
        failures.push(error);
      }
      await new Promise((resolve) => setTimeout(resolve, 4));
    }
  };
  const running = Promise.all([loop(), loop()]);
  return {
    failures,
    /** Waits for so many more, during which the server has time to look at what is in the folder. */
    async goOn(count: number): Promise<void> {
      const enough = serials.length + count;
      await until(() => serials.length >= enough, `${count} handshakes`);
    },
    async sees(serial: string): Promise<void> {
      await until(() => serials.at(-1) === serial, `${serial} to be served`);
    },
    async stop(): Promise<void> {
      isOver = true;
      await running;
    },
  };
}

describe('under a stream of handshakes, none fails while', () => {
  it('files are renamed over, rewritten in place, and removed and written anew', async () => {
    await putFlat('a', ['a.test'], { serialNumber: '10' });
    const { secure, port } = await serving();
    const clients = handshakes(port);
    await clients.sees('10');
    await putFlat('a', ['a.test'], { serialNumber: '11' });
    await clients.sees('11');
    const inPlace = await issue(['a.test'], { serialNumber: '12' });
    await writeFile(folder.file('a.key'), inPlace.key);
    await writeFile(folder.file('a.crt'), inPlace.cert);
    await clients.sees('12');
    const anew = await issue(['a.test'], { serialNumber: '13' });
    for (const name of ['a.crt', 'a.key']) await unlink(folder.file(name));
    await clients.goOn(40);
    await write('a.crt', anew.cert);
    await write('a.key', anew.key);
    await clients.sees('13');
    await clients.stop();
    expect(clients.failures).toEqual([]);
    expect(secure.status().findings).toEqual([]);
  });

  it('certbot replaces its four links one after the other', async () => {
    const names = ['cert', 'privkey', 'chain', 'fullchain'];
    const archive = async (version: number): Promise<void> => {
      const pair = await issue(['a.test'], { serialNumber: `2${version}` });
      const texts = { cert: pair.leaf, privkey: pair.key, chain: pair.chain, fullchain: pair.cert };
      for (const [name, text] of Object.entries(texts))
        await write(`archive/a.test/${name}${version}.pem`, text);
    };
    const link = (name: string, version: number): Promise<void> =>
      symlink(`../../archive/a.test/${name}${version}.pem`, folder.file(`live/a.test/${name}.pem`));
    await archive(1);
    await mkdir(folder.file('live/a.test'), { recursive: true });
    for (const name of names) await link(name, 1);
    const { secure, port } = await serving();
    const clients = handshakes(port);
    await clients.sees('21');
    for (const version of [2, 3, 4]) {
      await archive(version);
      for (const name of names) {
        await unlink(folder.file(`live/a.test/${name}.pem`));
        await clients.goOn(12);
        await link(name, version);
        await clients.goOn(12);
      }
      await clients.sees(`2${version}`);
    }
    await clients.stop();
    expect(clients.failures).toEqual([]);
    expect(secure.status().findings).toEqual([]);
  });

  it('Kubernetes swaps its snapshot', async () => {
    const snapshot = async (version: number): Promise<void> => {
      const { cert, key } = await issue(['a.test'], { serialNumber: `3${version}` });
      await write(`..${version}/tls.crt`, cert);
      await write(`..${version}/tls.key`, key);
      await write(`..${version}/ca.crt`, ca.rootPem);
      await symlink(`..${version}`, folder.file('..data_tmp'));
      await rename(folder.file('..data_tmp'), folder.file('..data'));
    };
    await snapshot(1);
    for (const name of ['tls.crt', 'tls.key', 'ca.crt']) await symlink(`..data/${name}`, folder.file(name));
    const { secure, port } = await serving();
    const clients = handshakes(port);
    await clients.sees('31');
    for (const version of [2, 3, 4]) {
      await snapshot(version);
      await rm(folder.file(`..${version - 1}`), { recursive: true });
      await clients.sees(`3${version}`);
    }
    await clients.stop();
    expect(clients.failures).toEqual([]);
    expect(secure.status().findings).toEqual([]);
  });

  it('a change is served where the system notifies, without a look that is due by time', async () => {
    await putFlat('a', ['a.test'], { serialNumber: '40' });
    const { port } = await serving(folder.path, { clock: withoutPolls });
    const clients = handshakes(port);
    await clients.sees('40');
    for (const serialNumber of ['41', '42', '43', '44', '45']) {
      await putFlat('a', ['a.test'], { serialNumber });
      await clients.sees(serialNumber);
    }
    await clients.stop();
    expect(clients.failures).toEqual([]);
  });
});

describe('a server', () => {
  it('does not start with a folder that is missing, and says what there is', async () => {
    await write('certificates/x.crt', '');
    await expect(serving(folder.file('certs'))).rejects.toMatchObject({
      code: 'TLS_FILE_NOT_FOUND',
      message: expect.stringContaining('certificates') as unknown,
    });
  });

  it('lists what it has loaded, with names and days left', async () => {
    await putFlat('a', ['a.test']);
    const { secure, port } = await serving();
    await serialFor(port, 'a.test');
    expect(secure.status().certificates).toMatchObject([
      { names: ['a.test'], source: 'directory', state: 'valid' },
    ]);
  });

  it('in strict mode does not start with a broken pair in the folder', async () => {
    await putFlat('a.test', ['a.test']);
    await write('b.test.crt', 'garbage');
    await write('b.test.key', 'garbage');
    const starting = serving(folder.path, { strict: true });
    await expect(starting).rejects.toMatchObject({ code: 'TLS_PEM_INVALID' });
  });
});
