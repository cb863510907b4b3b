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
import { parseOptions } from '../src/parse-options.js';
import { SecureServer } from '../src/secure-server.js';
import { memoryStorage } from '../src/storage/memory-storage.js';
import { portOf } from './end-to-end/support/connections.js';
import { memoryLog } from './end-to-end/support/log.js';
import { credentialFor } from './handshake/support/sources.js';
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

describe('what serves a certificate', () => {
  it.each(['with an application', 'with nothing attached'])(
    'may be made ahead, and is refused where it cannot be: %s',
    async (how) => {
      const hosts: SourceHost[] = [];
      const source: CertificateSource = {
        name: 'preparing',
        find: () => undefined,
        start: (host) => void hosts.push(host),
      };
      const options = { sources: [source, selfSigned({ names: 'localhost' })], logger: false } as const;
      const secure =
        how === 'with an application'
          ? createSecureServer(options, () => undefined)
          : createSecureServer(options);
      await secure.start();
      const [host] = hosts;
      const [own, other] = await Promise.all([credentialFor('a.test'), credentialFor('b.test')]);
      expect(() => {
        host?.prepare(own);
      }).not.toThrow();
      expect(() => {
        host?.prepare({ ...own, id: 'mixed up', key: other.key });
      }).toThrow(expect.objectContaining({ code: 'TLS_KEY_UNSUPPORTED' }));
      await secure.close();
    },
  );
});

describe('a server whose own code cannot be loaded any more', () => {
  it('says so when nobody waits for its start, and does not keep the port', async () => {
    const log = memoryLog();
    const settings = parseOptions({ logger: log.logger });
    // As good as a file that is gone: the core asks for its settings first of all.
    Object.defineProperty(settings, 'policies', {
      get: () => {
        throw new Error('Cannot find module');
      },
    });
    const server = createServer();
    const secure = new SecureServer({ settings, sources: [], storage: memoryStorage }, server);
    const failed = once(secure, 'failed');
    const closed = once(server, 'close');
    server.listen(0, '127.0.0.1');
    expect(await failed).toMatchObject([{ error: { code: 'SOURCE_FAILED' }, names: [] }]);
    await closed;
    expect(log.lines).toMatchObject([
      { level: 'error', message: expect.stringContaining('Cannot find module') as unknown },
    ]);
  });
});
