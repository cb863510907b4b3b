import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import {
  type CertificateSource,
  createSecureServer,
  pemPair,
  selfSigned,
  type SourceHost,
} from '../src/index.js';
import { portOf } from './end-to-end/support/connections.js';
import { testCa } from './support/certificates.js';
import { nodeHttps } from './support/clients.js';

describe('a server that is attached', () => {
  it('at whatever moment of the start is secured', async () => {
    const ca = await testCa();
    const pair = await ca.issue({ names: ['a.test'] });
    const secure = createSecureServer({ sources: pemPair(pair), logger: false });
    const starting = secure.start();
    const servers = [];
    for (let turn = 0; turn < 40; turn += 1) {
      const server = createServer((_request, response) => response.end('page'));
      secure.attach(server);
      servers.push(server);
      await Promise.resolve();
    }
    await starting;
    for (const server of servers) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      expect((await nodeHttps({ port: portOf(server), host: 'a.test', caPem: ca.rootPem })).body).toBe(
        'page',
      );
    }
    await secure.close({ graceMs: 0 });
  });
});

describe('the check of what is served', () => {
  it('does not wait for the very start it is part of, when the server listens already', async () => {
    const server = createServer((_request, response) => response.end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const secure = createSecureServer(
      { sources: selfSigned({ names: 'localhost' }), strict: true, logger: false },
      server,
    );
    await expect(secure.start()).resolves.toBe(secure);
    expect(secure.status().findings).toEqual([]);
    await secure.close();
  });
});

describe('a source', () => {
  it('may ask what is really served, and is told when it is another certificate', async () => {
    const seen: SourceHost[] = [];
    const source: CertificateSource = {
      name: 'asking',
      find: () => undefined,
      start: (host) => void seen.push(host),
    };
    const secure = createSecureServer(
      { sources: [source, selfSigned({ names: 'localhost' })], logger: false },
      () => undefined,
    );
    await secure.listen({ port: 0, host: '127.0.0.1' });
    const [certificate] = secure.status().certificates;
    const [host] = seen;
    await expect(host?.verifyServed('localhost', certificate?.fingerprint256 ?? '')).resolves.toBeUndefined();
    await expect(host?.verifyServed('localhost', 'AB:CD')).rejects.toMatchObject({
      code: 'SERVED_CERTIFICATE_DIFFERS',
    });
    await expect(host?.verifyServed('127.0.0.1', 'AB:CD')).resolves.toBeUndefined();
    await secure.close();
  });
});
