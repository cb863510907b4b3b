// Several processes on one folder: one order for each certificate and renewal, challenges answered by whichever process
// the validator meets, and the new certificate served by all. Real processes, a real cluster, and Pebble.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { nodeHttps } from '../support/clients.js';
import { type Pebble, startPebble } from '../support/pebble.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { acmePage, nameGenerator } from './support/acme-server.js';
import { type AcmeProcess, acmeProcess, type AcmeProcessOptions } from './support/acme-processes.js';
import { closesAfterEach } from './support/cleanup.js';

jest.setTimeout(120_000);

/** What one process stored, the others serve within this. */
const PICKED_UP_MS = 1_000;

const keep = closesAfterEach();
const newName = nameGenerator('shared');
let pebble: Pebble;
let folder: TemporaryFolder;
let storages = 0;

beforeAll(async () => {
  pebble = await startPebble();
  folder = await temporaryFolder();
});

afterAll(async () => {
  await pebble.stop();
  await folder.remove();
});

function newStorage(): string {
  storages += 1;
  return folder.file(`storage-${storages}`);
}

type Options = Partial<AcmeProcessOptions> & Pick<AcmeProcessOptions, 'storage' | 'domains'>;

function started(options: Options): Promise<AcmeProcess> {
  return acmeProcess({ keep, pebble, ...options });
}

describe('Processes that share a folder', () => {
  it.each(['tls-alpn-01', 'http-01'] as const)("answer each other's %s challenges", async (challenge) => {
    const [name, storage] = [newName(), newStorage()];
    // The one that orders is not where validators come.
    await started({ storage, domains: [], httpPort: pebble.httpPort });
    const other = await started({
      ...{ storage, domains: [name], port: 0 },
      options: { challenges: [challenge] },
    });
    const { serialNumber } = await other.told(({ action }) => action === 'issued');
    expect(serialNumber).toBeDefined();
    expect(other.lines.filter(({ event }) => event === 'failed')).toEqual([]);
  });

  it('make one order for a certificate between them, and one for its renewal', async () => {
    const [name, storage, before] = [newName(), newStorage(), pebble.orders()];
    const [one, other] = await Promise.all([
      started({ storage, domains: [name] }),
      started({ storage, domains: [name], port: 0 }),
    ]);
    const first = await Promise.all(
      [one, other].map((each) => each.told(({ event }) => event === 'certificate')),
    );
    expect(new Set(first.map(({ serialNumber }) => serialNumber)).size).toBe(1);
    expect(pebble.orders() - before).toBe(1);
    other.say(`renew ${name}`);
    const renewed = await other.told(({ action }) => action === 'renewed');
    const pickedUp = await one.told(({ serialNumber }) => serialNumber === renewed.serialNumber);
    expect(pickedUp.at - renewed.at).toBeLessThan(PICKED_UP_MS);
    expect(pebble.orders() - before).toBe(2);
    expect(await acmePage(pebble, name)).toMatchObject({ serialNumber: renewed.serialNumber });
  });

  it('are the four workers of a cluster, on one port', async () => {
    const names = Array.from({ length: 4 }, newName);
    const [storage, before] = [newStorage(), pebble.orders()];
    const cluster = await started({ storage, domains: names, workers: 4 });
    const pids = new Set(cluster.lines.map(({ pid }) => pid));
    expect(pids.size).toBe(4);
    for (const pid of pids) {
      for (const name of names) {
        await cluster.told(
          (line) => line.pid === pid && line.event === 'certificate' && line.names?.[0] === name,
        );
      }
    }
    expect(pebble.orders() - before).toBe(names.length);
    const [name = ''] = names;
    cluster.say(`renew ${name}`);
    const renewed = await cluster.told(({ action }) => action === 'renewed');
    const pickedUp = await Promise.all(
      Array.from(pids, (pid) =>
        cluster.told((line) => line.pid === pid && line.serialNumber === renewed.serialNumber),
      ),
    );
    expect(Math.max(...pickedUp.map(({ at }) => at)) - renewed.at).toBeLessThan(PICKED_UP_MS);
    expect(pebble.orders() - before).toBe(names.length + 1);
    const caPem = await pebble.rootPem();
    const answered = new Map<unknown, string>();
    for (let request = 0; request < 40 && answered.size < 4; request += 1) {
      const { headers, certificate } = await nodeHttps({ port: pebble.tlsPort, host: name, caPem });
      answered.set(headers['x-pid'], certificate.serialNumber);
    }
    expect(answered.size).toBe(4);
    expect(new Set(answered.values())).toEqual(new Set([renewed.serialNumber]));
    expect(cluster.lines.filter(({ event }) => event === 'failed' || event === 'warning')).toEqual([]);
  });
});
