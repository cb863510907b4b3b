// clientAuth with the authorities of the operating system, where this Node can read them.
import { expect, it, jest } from '@jest/globals';
import { mkdir, writeFile } from 'node:fs/promises';
import { testCa } from '../support/certificates.js';
import { clientAuthority, type ClientPair } from '../support/client-authority.js';
import { nodeHttps } from '../support/clients.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { firstLine, startChild } from './support/child.js';
import type { SystemTrustInput } from './support/children/system-trust.js';
import { portOfUrl } from './support/connections.js';

jest.setTimeout(120_000);

const canReadSystem = 'getCACertificates' in process.getBuiltinModule('node:tls');

it('a client of an authority in the trust store is authorized, beside those named; elsewhere start() says which Node can', async () => {
  const ca = await testCa();
  const [installed, named, strange] = await Promise.all(
    ['Installed', 'Named', 'Strange'].map((name) => clientAuthority(name)),
  );
  await withTemporaryFolder(async (folder) => {
    const [store, empty] = [folder.file('store.pem'), folder.file('empty')];
    await Promise.all([writeFile(store, installed!.pem), mkdir(empty)]);
    const { cert, key } = await ca.issue({ names: ['a.test'] });
    const input: SystemTrustInput = { cert, key, ca: [named!.pem] };
    const child = startChild('system-trust', {
      input,
      wrapper: ['env', `SSL_CERT_FILE=${store}`, `SSL_CERT_DIR=${empty}`],
    });
    try {
      const { urls, code } = (await firstLine(child)) as { urls?: string[]; code?: string };
      if (!canReadSystem) {
        expect(code).toBe('CLIENT_CA_SYSTEM_UNAVAILABLE');
        return;
      }
      const port = portOfUrl(urls?.[0]);
      const isAuthorized = async (options: Partial<ClientPair>): Promise<string> =>
        (await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem, options })).body;
      expect(await isAuthorized(await installed!.issue({ name: 'ann' }))).toBe('true');
      expect(await isAuthorized(await named!.issue({ name: 'bob' }))).toBe('true');
      expect(await isAuthorized(await strange!.issue({ name: 'eve' }))).toBe('false');
      expect(await isAuthorized({})).toBe('false');
    } finally {
      const closed = new Promise((resolve) => child.once('close', resolve));
      child.stdin?.end();
      await closed;
    }
  });
});
