// acme() and what certificate authorities do differently: accounts that have to be known, nonces that are refused,
// validations that are remembered, chains to choose from, short lives, accounts that are lost.
import { afterEach, describe, expect, it } from '@jest/globals';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { Agent, type AgentOptions } from 'node:https';
import { connect, type Socket } from 'node:net';
import { type Duplex, PassThrough } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { readdir, stat } from 'node:fs/promises';
import { inspect } from 'node:util';
import {
  acme,
  type AcmeOptions,
  createSecureServer,
  fileStorage,
  memoryStorage,
  type Storage,
} from '../../src/index.js';
import { keysOf } from '../issuance/support/faulty-storage.js';
import { sClient } from '../support/clients.js';
import { type Pebble, type PebbleOptions, startPebble } from '../support/pebble.js';
import { startPebbleFront } from '../support/pebble-front.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import {
  acmePage,
  acmeServing,
  type AcmeServing,
  nameGenerator,
  nextFailure,
} from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { portOf } from './support/connections.js';

const running: Pebble[] = [];
const newName = nameGenerator('authority');

// Registered first, so that it runs after the servers under test have closed.
afterEach(async () => {
  for (const pebble of running.splice(0)) await pebble.stop();
});
const keep = closesAfterEach();

async function authority(options: PebbleOptions = {}): Promise<Pebble> {
  const pebble = await startPebble(options);
  running.push(pebble);
  return pebble;
}

function serving(
  pebble: Pebble,
  options: Partial<AcmeOptions>,
  storage: Storage = memoryStorage(),
): Promise<AcmeServing> {
  return acmeServing({ pebble, keep, options, server: { storage } });
}

const MAC_KEY = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';

describe('An authority that wants to know its accounts', () => {
  it('gets the external account binding, once', async () => {
    const pebble = await authority({ externalAccounts: { 'kid-1': MAC_KEY } });
    const { secure } = await serving(pebble, {
      domains: newName(),
      externalAccountBinding: { kid: 'kid-1', hmacKey: MAC_KEY },
    });
    await secure.ready();
    expect(secure.status().certificates).toMatchObject([{ state: 'valid' }]);
  });

  it('refuses for good without one', async () => {
    const pebble = await authority({ externalAccounts: { 'kid-1': MAC_KEY } });
    const { secure } = await serving(pebble, { domains: newName() });
    await expect(secure.ready()).rejects.toMatchObject({ code: 'ACME_ACCOUNT_REFUSED', isPermanent: true });
  });

  it('refuses one with the wrong key, and the key is not told', async () => {
    const pebble = await authority({ externalAccounts: { 'kid-1': MAC_KEY } });
    const hmacKey = 'AAAAAAAAQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';
    const { secure } = await serving(pebble, {
      domains: newName(),
      externalAccountBinding: { kid: 'kid-1', hmacKey },
    });
    const { error } = await nextFailure({ secure });
    expect(error.code).toBe('ACME_ACCOUNT_REFUSED');
    expect(inspect(error, { depth: 9 })).not.toContain(hmacKey);
  });
});

describe('An authority', () => {
  it('that refuses half of all nonces issues all the same, and is never sent one twice', async () => {
    const pebble = await authority({ rejectedNonces: 50 });
    const front = await startPebbleFront(pebble);
    keep(() => front.stop());
    const list = Array.from({ length: 10 }, newName);
    const { secure, failed } = await serving(pebble, { domains: list, directoryUrl: front.directoryUrl });
    await secure.ready();
    expect(failed).toEqual([]);
    expect(pebble.orders()).toBe(10);
    const nonces = front.requests.map(({ nonce }) => nonce).filter((nonce) => nonce !== undefined);
    expect(new Set(nonces).size).toBe(nonces.length);
  });

  it.each([
    ['20 names in one certificate', (list: string[]) => [list]],
    ['20 certificates', (list: string[]) => list],
  ])('is asked for %s at once without a warning of node’s', async (_, arranged) => {
    const pebble = await authority();
    const warnings: Error[] = [];
    const onWarning = (warning: Error): number => warnings.push(warning);
    process.on('warning', onWarning);
    const domains = arranged(Array.from({ length: 20 }, newName));
    const { secure } = await serving(pebble, { domains });
    await secure.ready();
    await new Promise(setImmediate);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
    expect(pebble.orders()).toBe(domains.length);
  });

  it('that remembers validations is not asked to validate again', async () => {
    const pebble = await authority({ reusedAuthorizations: 100 });
    const [known, added] = [newName(), newName()];
    const { secure, source, failed } = await serving(pebble, { domains: known });
    await secure.ready();
    await secure.renew(known);
    expect(pebble.logged(/Starting \d+ validations/)).toHaveLength(1);
    await source.manage([[known, added]]);
    await secure.ready();
    expect(failed).toEqual([]);
    expect(pebble.logged(/Starting \d+ validations/)).toHaveLength(2);
    expect(pebble.orders()).toBe(3);
  });

  it('with several chains serves the one that is preferred, and its own where there is none', async () => {
    const pebble = await authority({ alternateRoots: 2 });
    const rootPem = await pebble.rootPem(1);
    const preferredChain = /CN=(.*)/.exec(new X509Certificate(rootPem).subject)?.[1] ?? '';
    const [one, other] = [newName(), newName()];
    const { secure } = await serving(pebble, { domains: one });
    await secure.ready();
    const client = { port: pebble.tlsPort, host: one, caPem: rootPem };
    expect((await sClient(client)).verifyCode).not.toBe(0);
    await secure.close({ graceMs: 0 });
    const preferring = await serving(pebble, { domains: one, preferredChain });
    await preferring.secure.ready();
    expect(await sClient(client)).toMatchObject({ verifyCode: 0 });
    await preferring.secure.close({ graceMs: 0 });
    const vain = await serving(pebble, { domains: other, preferredChain: 'no such issuer' });
    await vain.secure.ready();
    expect(await acmePage(pebble, other)).toMatchObject({ status: 200 });
    expect(preferring.warnings).toEqual([]);
    expect(vain.warnings).toContainEqual(expect.stringContaining('has no chain under no such issuer'));
  });

  it('takes the end of validity that is asked for', async () => {
    const pebble = await authority();
    const { secure } = await serving(pebble, { domains: newName(), lifetimeMs: 3_600_000 });
    await secure.ready();
    const [certificate] = secure.status().certificates;
    const leftMs = Date.parse(certificate?.notAfter ?? '') - Date.now();
    expect(leftMs).toBeGreaterThan(3_500_000);
    expect(leftMs).toBeLessThan(3_700_000);
    expect(certificate?.nextRenewal?.why).toBe('1/2 of the lifetime left');
  });

  it('that issues for 20 seconds is asked for the next certificate in time, again and again', async () => {
    const pebble = await authority({ validitySeconds: 20 });
    const name = newName();
    const { secure, failed } = await serving(pebble, { domains: name });
    const serials = new Set<string>();
    secure.on('certificate', ({ serialNumber }) => serials.add(serialNumber));
    await secure.ready();
    while (serials.size < 2) {
      expect(await acmePage(pebble, name)).toMatchObject({ status: 200 });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(failed).toEqual([]);
    expect(pebble.orders()).toBe(2);
  });
});

describe('A proxy', () => {
  it('given as `agent` is what every request goes through', async () => {
    const pebble = await authority();
    const asked: string[] = [];
    const proxy = createServer().on('connect', ({ url = '' }: { url?: string }, client: Socket) => {
      asked.push(url);
      const onward = connect(pebble.ports.acme, '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
      for (const [one, other] of [
        [client, onward],
        [onward, client],
      ] as const)
        one.on('error', () => other.destroy()).on('close', () => other.destroy());
      client.pipe(onward).pipe(client);
    });
    keep(proxy).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const agent = new ProxyAgent(portOf(proxy), { ca: pebble.serverCa, maxSockets: 2 });
    // Whoever connects by himself finds nobody of this name.
    const directoryUrl = 'https://ca.invalid/dir';
    const { secure, failed } = await serving(pebble, { domains: newName(), directoryUrl, agent });
    await secure.ready();
    await secure.close({ graceMs: 0 });
    agent.destroy();
    expect(failed).toEqual([]);
    expect(new Set(asked)).toEqual(new Set(['ca.invalid:443']));
  });
});

/** The least that an agent for a proxy does (RFC 9110 §9.3.6). */
class ProxyAgent extends Agent {
  readonly #port: number;

  constructor(port: number, options: AgentOptions) {
    super(options);
    this.#port = port;
  }

  override createConnection(
    options: AgentOptions & { readonly host?: string; readonly port?: number },
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const path = `${String(options.host)}:${String(options.port)}`;
    const tunnel = request({ method: 'CONNECT', host: '127.0.0.1', port: this.#port, path });
    tunnel.on('connect', (_response, socket) => {
      callback?.(null, connectTls({ ...options, socket, servername: 'localhost' }));
    });
    tunnel.on('error', (error) => callback?.(error, new PassThrough()));
    tunnel.end();
  }
}

describe('The account', () => {
  it('is found again when it was made and the process was killed before it could be stored', async () => {
    const pebble = await authority();
    const storage = memoryStorage();
    let puts = 0;
    const breaking: Storage = {
      ...storage,
      put: (key, bytes, options) => {
        if (key.endsWith('/account') && (puts += 1) === 2) return Promise.reject(new Error('killed'));
        return storage.put(key, bytes, options);
      },
    };
    const first = await serving(pebble, { domains: newName() }, breaking);
    await nextFailure(first);
    await first.secure.close({ graceMs: 0 });
    const second = await serving(pebble, { domains: newName() }, storage);
    await second.secure.ready();
    expect(pebble.logged(/There are now \d+ accounts/)).toHaveLength(1);
  });

  it('that the authority has lost is not replaced: there is a code for it, and the certificate still serves', async () => {
    const pebble = await authority();
    const storage = memoryStorage();
    const name = newName();
    const { secure } = await serving(pebble, { domains: name }, storage);
    await secure.ready();
    const before = await acmePage(pebble, name);
    const accountKey = (await keysOf(storage, 'acme/')).find((key) => key.endsWith('/account')) ?? '';
    const stored = await storage.get(accountKey);
    const rootPem = await pebble.rootPem();
    await pebble.stop();
    running.splice(0);
    await authority({ ports: pebble.ports });
    await expect(secure.renew(name)).rejects.toMatchObject({ code: 'ACME_ACCOUNT_MISSING' });
    await expect(secure.renew(name)).rejects.toMatchObject({ code: 'ACME_ACCOUNT_MISSING' });
    const { chain } = await sClient({ port: pebble.tlsPort, host: name, caPem: rootPem });
    expect(chain).toHaveLength(2);
    expect(secure.status().certificates).toMatchObject([
      { serialNumber: before.serialNumber, state: 'valid', attempts: 2 },
    ]);
    expect(await storage.get(accountKey)).toEqual(stored);
  });

  it('is told with the CAA records that allow no other', async () => {
    const pebble = await authority();
    const front = await startPebbleFront(pebble, { caaIdentities: ['ca.example'] });
    keep(() => front.stop());
    const lines: string[] = [];
    const ignore = (): void => undefined;
    const info = (...line: readonly unknown[]): number => lines.push(line.map(String).join(' '));
    const names = [newName(), newName()];
    const { secure } = await acmeServing({
      ...{ pebble, keep, options: { domains: names, directoryUrl: front.directoryUrl } },
      server: { logger: { debug: ignore, info, warn: ignore, error: ignore } },
    });
    await secure.ready();
    const told = lines.filter((line) => line.includes('CAA'));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(
      /0 issue "ca\.example; accounturi=https:\/\/127\.0\.0\.1:\d+\/my-account\/\w+; validationmethods=tls-alpn-01,http-01"/,
    );
  });

  it('is made with the contact that was given, and without one where none was', async () => {
    const pebble = await authority();
    const front = await startPebbleFront(pebble);
    keep(() => front.stop());
    const { directoryUrl } = front;
    for (const given of [{ email: 'tls@shop.test' }, {}]) {
      const { secure } = await serving(pebble, { domains: newName(), directoryUrl, ...given });
      await secure.ready();
      await secure.close({ graceMs: 0 });
    }
    const made = front.requests.filter(({ path }) => path === '/sign-me-up');
    expect(made.map(({ payload }) => payload)).toMatchObject([
      { termsOfServiceAgreed: true, contact: ['mailto:tls@shop.test'] },
      { termsOfServiceAgreed: true },
    ]);
    expect(made[1]?.payload?.['contact'] ?? []).toEqual([]);
  });

  it('can be of a key that the user has', async () => {
    const pebble = await authority();
    const storage = memoryStorage();
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const accountKey = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
    const { secure } = await serving(pebble, { domains: newName(), accountKey }, storage);
    await secure.ready();
    expect(await keysOf(storage, 'acme/')).toContainEqual(expect.stringMatching(/\/account-[0-9a-f]{16}$/));
  });

  it('belongs to one authority: another one gets an account and certificates of its own', async () => {
    const [staging, production] = [await authority(), await authority()];
    const storage = memoryStorage();
    const name = newName();
    const first = await serving(staging, { domains: name }, storage);
    await first.secure.ready();
    await first.secure.close({ graceMs: 0 });
    const second = await serving(production, { domains: name }, storage);
    await second.secure.ready();
    expect([staging.orders(), production.orders()]).toEqual([1, 1]);
    expect(await acmePage(production, name)).toMatchObject({ status: 200 });
  });

  it('is stored for nobody else to read', () =>
    withTemporaryFolder(async (folder) => {
      const pebble = await authority();
      const storage = fileStorage(folder.file('storage'));
      const { secure } = await serving(pebble, { domains: newName() }, storage);
      await secure.ready();
      const entries = await readdir(folder.file('storage'), { recursive: true, withFileTypes: true });
      for (const entry of entries.filter((each) => each.isFile())) {
        const { mode } = await stat(`${entry.parentPath}/${entry.name}`);
        expect(mode & 0o077).toBe(0);
      }
      expect(entries.length).toBeGreaterThan(3);
    }));
});

describe('The staging authority of Let’s Encrypt', () => {
  it('is told of at the start, because no browser trusts its certificates', async () => {
    const source = acme({ domains: [], termsOfServiceAgreed: true, directoryUrl: 'letsencrypt-staging' });
    const secure = keep(createSecureServer({ sources: source, storage: memoryStorage(), logger: false }));
    await secure.start();
    expect(secure.status().findings).toMatchObject([{ code: 'ACME_STAGING_ACTIVE', source: 'acme' }]);
  });
});
