// acme() against Pebble: a real certificate authority whose validators connect to the server under test.
import { describe, expect, it } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AcmeOptions, fileStorage, memoryStorage, type SecureServerOptions } from '../../src/index.js';
import { nodeHttp2, nodeHttps, sClient } from '../support/clients.js';
import type { Pebble } from '../support/pebble.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import {
  acmePage,
  acmeServer,
  acmeServing,
  type AcmeServing,
  HOST,
  nameGenerator,
} from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { tls } from './support/connections.js';
import { sharedPebble } from './support/shared-pebble.js';

const keep = closesAfterEach();
let pebble: Pebble;

sharedPebble((started) => {
  pebble = started;
});

const newName = nameGenerator('name');

function made(options: Partial<AcmeOptions>, server: SecureServerOptions = {}): AcmeServing {
  return acmeServer({ pebble, keep, options, server });
}

function serving(options: Partial<AcmeOptions>, server: SecureServerOptions = {}): Promise<AcmeServing> {
  return acmeServing({ pebble, keep, options, server });
}

async function page(host: string): Promise<{ status: number; names: string | undefined }> {
  const { status, names } = await acmePage(pebble, host);
  return { status, names };
}

describe('acme()', () => {
  it('gets a certificate by tls-alpn-01 on the one port of the application, which sees nothing of it', async () => {
    const name = newName();
    const { secure, seen } = await serving({ domains: name });
    await secure.ready();
    expect(seen).toEqual([]);
    expect(await page(name)).toEqual({ status: 200, names: `DNS:${name}` });
    expect(secure.status().certificates).toMatchObject([
      { names: [name], source: 'acme', state: 'valid', attempts: 0 },
    ]);
    const { chain } = await sClient({ port: pebble.tlsPort, host: name, caPem: await pebble.rootPem() });
    expect(chain).toHaveLength(2);
  });

  it('lets the first handshake wait for the first certificate', async () => {
    const name = newName();
    await serving({ domains: name });
    expect(await page(name)).toEqual({ status: 200, names: `DNS:${name}` });
  });

  it('gets a certificate by http-01 from the companion listener, which redirects everything else', async () => {
    const name = newName();
    const { secure, seen } = await serving(
      { domains: name, challenges: ['http-01'] },
      { http: { port: pebble.httpPort } },
    );
    await secure.ready();
    expect(seen).toEqual([]);
    expect(await page(name)).toEqual({ status: 200, names: `DNS:${name}` });
  });

  it('gets a certificate by http-01 with no TLS port that validators could reach', async () => {
    const name = newName();
    const { secure } = made({ domains: name }, { http: { port: pebble.httpPort, host: HOST } });
    await secure.listen({ port: 0, host: HOST });
    await secure.ready();
    expect(secure.status().certificates).toMatchObject([{ names: [name], state: 'valid' }]);
  });

  it('answers http-01 inside a port-80 server of the application', async () => {
    const name = newName();
    const { secure } = made({ domains: name, challenges: ['http-01'] });
    const own = keep(createServer(secure.requestListener((_request, response) => response.end('own'))));
    own.listen(pebble.httpPort, HOST);
    await once(own, 'listening');
    await secure.listen({ port: 0, host: HOST });
    await secure.ready();
    expect(secure.status().certificates).toMatchObject([{ names: [name], state: 'valid' }]);
  });

  it('gets one certificate for several names, and another for a single one', async () => {
    const [one, two, single] = [newName(), newName(), newName()];
    const { secure } = await serving({ domains: [[one, two], single] });
    await secure.ready();
    expect(await page(one)).toEqual({ status: 200, names: `DNS:${one}, DNS:${two}` });
    expect(await page(two)).toEqual(await page(one));
    expect(await page(single)).toEqual({ status: 200, names: `DNS:${single}` });
  });

  it('gets a certificate for an IP address by its reverse name', async () => {
    const { secure } = await serving({ domains: '127.0.0.1' });
    await secure.ready();
    expect(await page('127.0.0.1')).toEqual({ status: 200, names: 'IP Address:127.0.0.1' });
  });

  it('gets a certificate for an IPv6 address by its reverse name', async () => {
    const { secure } = made({ domains: '[::1]' });
    await secure.listen({ port: pebble.tlsPort, host: '::1' });
    await secure.ready();
    const caPem = await pebble.rootPem();
    const socket = await tls(pebble.tlsPort, { host: '::1', ca: caPem, servername: '' });
    expect(socket.getPeerCertificate().subjectaltname).toBe('IP Address:0:0:0:0:0:0:0:1');
    socket.destroy();
  });

  it('works in front of HTTP/2', async () => {
    const name = newName();
    const { secure } = await serving({ domains: name }, { http2: true });
    await secure.ready();
    const client = { port: pebble.tlsPort, host: name, caPem: await pebble.rootPem() };
    expect(await nodeHttp2(client)).toMatchObject({ status: 200, alpn: 'h2' });
  });

  it.each(['ecdsa-p384', 'rsa-2048'] as const)('gets a certificate for a key of type %s', async (keyType) => {
    const name = newName();
    const { secure } = await serving({ domains: name, keyType });
    await secure.ready();
    const { certificate } = await nodeHttps({
      port: pebble.tlsPort,
      host: name,
      caPem: await pebble.rootPem(),
    });
    expect(certificate.asn1Curve ?? certificate.bits).toBe(keyType === 'rsa-2048' ? 2048 : 'secp384r1');
  });

  it('orders nothing after a restart with the same storage', () =>
    withTemporaryFolder(async (folder) => {
      const name = newName();
      const storage = fileStorage(folder.file('storage'));
      const before = pebble.orders();
      const serials: unknown[] = [];
      for (let run = 0; run < 3; run += 1) {
        const { secure } = await serving({ domains: name }, { storage });
        await secure.ready();
        serials.push(secure.status().certificates[0]?.serialNumber);
        await secure.close({ graceMs: 0 });
      }
      expect(new Set(serials).size).toBe(1);
      expect(pebble.orders() - before).toBe(1);
    }));

  it('renews after a restart by a new order', async () => {
    const name = newName();
    const storage = memoryStorage();
    const first = await serving({ domains: name }, { storage });
    await first.secure.ready();
    const serial = first.secure.status().certificates[0]?.serialNumber;
    await first.secure.close({ graceMs: 0 });
    const before = pebble.orders();
    const { secure } = await serving({ domains: name }, { storage });
    await secure.renew(name);
    expect(secure.status().certificates[0]?.serialNumber).not.toBe(serial);
    expect(pebble.orders() - before).toBe(1);
  });

  it('makes a new key for each certificate', async () => {
    const name = newName();
    const { secure } = await serving({ domains: name });
    await secure.ready();
    const keys = new Set<string>();
    for (let count = 0; count < 3; count += 1) {
      const socket = await tls(pebble.tlsPort, { servername: name, ca: await pebble.rootPem() });
      const { publicKey } = new X509Certificate(socket.getPeerCertificate().raw);
      keys.add(publicKey.export({ type: 'spki', format: 'pem' }).toString());
      socket.destroy();
      await secure.renew(name);
    }
    expect(keys.size).toBe(3);
  });

  it('uses one account for all certificates that are ordered at the same time', async () => {
    const before = pebble.logged(/There are now \d+ accounts/).length;
    const list = Array.from({ length: 8 }, newName);
    const { secure } = await serving({ domains: list.join(', ') });
    await secure.ready();
    expect(secure.status().certificates.map(({ state }) => state)).toEqual(list.map(() => 'valid'));
    expect(pebble.logged(/There are now \d+ accounts/).length - before).toBe(1);
  });

  it('renews without a failed handshake, and without the application seeing a validator', async () => {
    const name = newName();
    const { secure, seen } = await serving({ domains: name });
    await secure.ready();
    const first = secure.status().certificates[0]?.serialNumber;
    const caPem = await pebble.rootPem();
    const statuses: number[] = [];
    const serials = new Set<string>();
    let isOver = false;
    const clients = Array.from({ length: 4 }, async () => {
      while (!isOver) {
        const { status, certificate } = await nodeHttps({ port: pebble.tlsPort, host: name, caPem });
        statuses.push(status);
        serials.add(certificate.serialNumber);
      }
    });
    await secure.renew(name);
    const second = secure.status().certificates[0]?.serialNumber;
    await page(name);
    isOver = true;
    await Promise.all(clients);
    expect(second).not.toBe(first);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect([...serials].sort()).toEqual([first, second].sort());
    expect(new Set(seen)).toEqual(new Set(['connection', 'request /']));
    expect(seen.filter((line) => line === 'connection')).toHaveLength(statuses.length + 1);
  });

  it('takes names in and out while it runs', async () => {
    const [first, second] = [newName(), newName()];
    const { secure, source } = await serving({ domains: first });
    await secure.ready();
    await source.manage(second);
    expect(await page(second)).toEqual({ status: 200, names: `DNS:${second}` });
    await source.unmanage(second);
    expect(secure.status().certificates.map((certificate) => certificate.names)).toEqual([[first]]);
    await source.manage([first]);
    expect(secure.status().certificates).toHaveLength(1);
  });

  it('revokes what is in use and serves another', async () => {
    const name = newName();
    const { secure, source } = await serving({ domains: name });
    await secure.ready();
    const serial = secure.status().certificates[0]?.serialNumber ?? '';
    await source.revoke(name);
    expect(await pebble.certificateStatus(serial)).toBe('Revoked');
    const next = secure.status().certificates[0]?.serialNumber ?? '';
    expect(next).not.toBe(serial);
    expect(await pebble.certificateStatus(next)).toBe('Valid');
    await expect(source.revoke('else.test')).rejects.toMatchObject({ code: 'NAME_NOT_MANAGED' });
  });
});
