// Several processes on one folder: one order for each certificate and renewal, challenges answered by whichever process
// the validator meets, and the new certificate served by all. Real processes, a real cluster, and Pebble.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { nodeHttps } from '../support/clients.js';
import { type Pebble, startPebble } from '../support/pebble.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { acmePage, HOST, nameGenerator } from './support/acme-server.js';
import { type AcmeProcess, acmeProcess, type AcmeProcessOptions } from './support/acme-processes.js';
import type { AcmeProcessLine } from './support/children/acme-process.js';
import { closesAfterEach } from './support/cleanup.js';

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

/** Hands connections to each of these ports in turn, once they are known; counts them. */
async function balancer(port: number, behind: Promise<readonly number[]>): Promise<readonly number[]> {
  const visits = [0, 0, 0, 0];
  let next = 0;
  const server = keep(
    createServer((socket) => {
      socket.on('error', () => undefined);
      void behind.then((ports) => {
        const index = next++ % ports.length;
        visits[index]! += 1;
        const onward = connect(ports[index]!, HOST).on('error', () => undefined);
        socket.on('close', () => onward.destroy());
        onward.on('close', () => socket.destroy());
        socket.pipe(onward).pipe(socket);
      });
    }),
  );
  server.listen(port, HOST);
  await once(server, 'listening');
  return visits;
}

async function portsOf(
  which: 'port' | 'httpPort',
  starting: Promise<readonly AcmeProcess[]>,
): Promise<readonly number[]> {
  const processes = await starting;
  return processes.map(({ lines }) => lines.find(({ event }) => event === 'listening')?.[which] ?? 0);
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
    await one.told(({ serialNumber }) => serialNumber === renewed.serialNumber);
    expect(pebble.orders() - before).toBe(2);
    expect(await acmePage(pebble, name)).toMatchObject({ serialNumber: renewed.serialNumber });
  });

  it.each(['tls-alpn-01', 'http-01'] as const)(
    'may be four that know nothing of each other, behind a balancer: by %s',
    async (challenge) => {
      const names = Array.from({ length: 8 }, newName);
      const [storage, before] = [newStorage(), pebble.orders()];
      const starting = Promise.all(
        Array.from({ length: 4 }, () =>
          started({ storage, domains: names, port: 0, httpPort: 0, options: { challenges: [challenge] } }),
        ),
      );
      // Validators come to each in turn, whoever has ordered.
      const visits = [
        await balancer(pebble.tlsPort, portsOf('port', starting)),
        await balancer(pebble.httpPort, portsOf('httpPort', starting)),
      ][challenge === 'tls-alpn-01' ? 0 : 1]!;
      const processes = await starting;
      const certificates = (name: string): Promise<readonly AcmeProcessLine[]> =>
        Promise.all(
          processes.map((each) =>
            each.told((line) => line.event === 'certificate' && line.names?.[0] === name),
          ),
        );
      for (const name of names) {
        const serials = (await certificates(name)).map(({ serialNumber }) => serialNumber);
        expect(new Set(serials).size).toBe(1);
      }
      const lines = (): readonly AcmeProcessLine[] => processes.flatMap((each) => each.lines);
      expect(lines().filter(({ event }) => event === 'failed' || event === 'warning')).toEqual([]);
      expect(pebble.orders() - before).toBe(names.length);
      // All at once are told to renew.
      const [name = ''] = names;
      for (const each of processes) each.say(`renew ${name}`);
      const isRenewed = ({ action, names: [first] = [] }: AcmeProcessLine): boolean =>
        action === 'renewed' && first === name;
      const { serialNumber, pid } = await Promise.race(processes.map((each) => each.told(isRenewed)));
      await Promise.all(processes.map((each) => each.told((line) => line.serialNumber === serialNumber)));
      expect(
        lines()
          .filter(isRenewed)
          .map((line) => line.pid),
      ).toEqual([pid]);
      expect(pebble.orders() - before).toBe(names.length + 1);
      const caPem = await pebble.rootPem();
      for (const port of await portsOf('port', starting)) {
        const served = await nodeHttps({ port, host: name, caPem });
        expect(served.certificate.serialNumber).toBe(serialNumber);
      }
      expect(Math.min(...visits)).toBeGreaterThan(0);
    },
  );

  it.each([2, 4])('all %i serve a renewed certificate soon after one of them has it', async (count) => {
    const [name, storage] = [newName(), newStorage()];
    const processes = await Promise.all(
      Array.from({ length: count }, (_, index) =>
        started({ storage, domains: [name], ...(index === 0 ? {} : { port: 0 }) }),
      ),
    );
    await Promise.all(processes.map((each) => each.told(({ event }) => event === 'certificate')));
    const caPem = await pebble.rootPem();
    processes.at(-1)?.say(`renew ${name}`);
    const { serialNumber, at } = await Promise.race(
      processes.map((each) => each.told(({ action }) => action === 'renewed')),
    );
    const ports = await portsOf('port', Promise.resolve(processes));
    const waits = await Promise.all(
      ports.map(async (port) => {
        await until(async () => {
          const { certificate } = await nodeHttps({ port, host: name, caPem });
          return certificate.serialNumber === serialNumber;
        });
        return Date.now() - at;
      }),
    );
    // For whoever reads the log; nothing depends on how fast this machine is today.
    process.stdout.write(`${count} processes served it after ${waits.join(', ')} ms.\n`);
  });

  it('are the workers of a cluster that are replaced one by one, as at a reload, and no request fails', async () => {
    const [name, storage, before] = [newName(), newStorage(), pebble.orders()];
    const cluster = await started({ storage, domains: [name], workers: 2 });
    const first = await cluster.told(({ event }) => event === 'certificate');
    const caPem = await pebble.rootPem();
    const pids = new Set<unknown>();
    const statuses: number[] = [];
    let isOver = false;
    const clients = Array.from({ length: 3 }, async () => {
      while (!isOver) {
        const { status, headers } = await nodeHttps({ port: pebble.tlsPort, host: name, caPem });
        statuses.push(status);
        pids.add(headers['x-pid']);
      }
    });
    for (let round = 1; round <= 2; round += 1) {
      cluster.say('replace');
      await cluster.told(() => cluster.lines.filter(({ event }) => event === 'replaced').length === round);
    }
    isOver = true;
    await Promise.all(clients);
    expect(new Set(statuses)).toEqual(new Set([200]));
    const left = cluster.lines.filter(({ event }) => event === 'left');
    expect(left.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
    expect(pids.size).toBeGreaterThan(2);
    // They serve what their predecessors have stored, and order nothing.
    expect(pebble.orders() - before).toBe(1);
    const { certificate, headers } = await nodeHttps({ port: pebble.tlsPort, host: name, caPem });
    expect(certificate.serialNumber).toBe(first.serialNumber);
    expect(cluster.lines.some(({ pid }) => String(pid) === headers['x-pid'])).toBe(true);
    expect(cluster.lines.filter(({ event }) => event === 'failed' || event === 'warning')).toEqual([]);
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
    await Promise.all(
      Array.from(pids, (pid) =>
        cluster.told((line) => line.pid === pid && line.serialNumber === renewed.serialNumber),
      ),
    );
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
