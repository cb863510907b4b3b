// ACME behind a real load balancer, configured as docs/behind-a-proxy.md says: what it passes on is validated, and where it
// ends TLS itself that is said.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import type { AcmeOptions, SecureServerOptions } from '../../src/index.js';
import { testCa } from '../support/certificates.js';
import type { Pebble } from '../support/pebble.js';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';
import {
  acmePage,
  acmeServer,
  type AcmeServing,
  HOST,
  nameGenerator,
  nextFailure,
} from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { portOf } from './support/connections.js';
import { type Proxy, proxyOf } from './support/proxies.js';
import { sharedPebble } from './support/shared-pebble.js';

/** Which block of the page it is. */
const [PASSED_THROUGH, ENDED_IN_FRONT, PLAIN] = [0, 1, 2];
const keep = closesAfterEach();
const newName = nameGenerator('balanced');
let pebble: Pebble;
let folder: TemporaryFolder;
let proxy: Proxy | undefined;

sharedPebble((started) => {
  pebble = started;
});

beforeAll(async () => {
  folder = await temporaryFolder();
  const { cert, key } = await (await testCa({ name: 'Balancer CA' })).issue({ names: ['a.test'] });
  await writeFile(folder.file('a.test.both.pem'), `${cert}\n${key}`);
});

afterEach(async () => {
  await proxy?.close();
  proxy = undefined;
});

afterAll(async () => {
  await folder.remove();
});

/** A server on ports of its own, and haproxy at one where Pebble's validators come. */
async function balanced(
  block: number,
  frontPort: number,
  { options, server }: { readonly options: Partial<AcmeOptions>; readonly server: SecureServerOptions },
): Promise<AcmeServing> {
  // Nothing is managed before haproxy is there.
  const { domains = [], ...others } = options;
  const made = acmeServer({ pebble, keep, server, options: { ...others, domains: [] } });
  await made.secure.listen({ port: 0, host: HOST });
  const httpPort = made.secure.status().listeners.find(({ protocol }) => protocol === 'http')?.port ?? 0;
  proxy = await proxyOf('haproxy', block, {
    ...{ httpsPort: portOf(made.secure.server), httpPort, folder, frontPort },
  });
  await made.source.manage(domains);
  return made;
}

describe('Behind haproxy', () => {
  it('in TCP mode tls-alpn-01 passes through, and so do clients', async () => {
    const name = newName();
    const { secure, failed } = await balanced(PASSED_THROUGH, pebble.tlsPort, {
      options: { domains: name, challenges: ['tls-alpn-01'] },
      server: { proxyProtocol: { from: [HOST] } },
    });
    await secure.ready();
    expect(failed).toEqual([]);
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, names: `DNS:${name}` });
  });

  it('in HTTP mode http-01 is passed on', async () => {
    const name = newName();
    const { secure, failed } = await balanced(PLAIN, pebble.httpPort, {
      options: { domains: name, challenges: ['http-01'] },
      server: { http: { port: 0, host: HOST } },
    });
    await secure.ready();
    expect(failed).toEqual([]);
    expect(secure.status().certificates).toMatchObject([{ names: [name], state: 'valid' }]);
  });

  it('that ends TLS itself tls-alpn-01 is told of as intercepted', async () => {
    const made = await balanced(ENDED_IN_FRONT, pebble.tlsPort, {
      options: { domains: [], challenges: ['tls-alpn-01'] },
      server: { http: { port: 0, host: HOST }, trustProxy: [HOST] },
    });
    const failing = nextFailure(made);
    await made.source.manage(newName());
    expect((await failing).error).toMatchObject({
      code: 'ACME_ALPN_INTERCEPTED',
      hint: expect.stringContaining('terminates TLS'),
    });
  });
});
