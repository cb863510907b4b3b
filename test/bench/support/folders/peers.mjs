// The same folder served by nginx, haproxy and caddy, where they are installed, and by node with a context for every name:
// time to the first handshake, memory, and processor time per handshake, all taken from outside.
import { setTimeout as wait } from 'node:timers/promises';
import { Random, summaryOf } from '../statistics.mjs';
import { microseconds, milliseconds, printTable } from '../table.mjs';
import { namesInUse } from './handshake-cost.mjs';
import { startForeignServer, startOwnServer } from './peer-start.mjs';
import { PEERS, versionOf } from './peer-servers.mjs';
import { clientOptionsFor, failuresOf, withProcesses } from './processes.mjs';
import { cpuOf, rssOf } from './process-tree.mjs';

const SETTLE_MS = 20;
const CONCURRENCY = 8;
const WARM_UP_ROUNDS = 1;
const ROUNDS = 5;
/** Processor time from /proc comes in steps of 10 ms. */
const FEWEST_CONNECTIONS = 200;
const LOAD_TIMEOUT_MS = 300_000;
const MEGABYTE = 2 ** 20;

export async function measurePeers({ entry, folder, seed, rounds = ROUNDS }) {
  const random = new Random(seed);
  const found = PEERS.map((peer) => ({ ...peer, version: versionOf(peer) }));
  const missing = found.filter(({ version }) => version === undefined);
  const contestants = [];
  try {
    return await withProcesses(async (start) => {
      const starting = { start, folder, entry, client: await warmClient(start, folder) };
      const generator = start.loadClient();
      for (const kind of ['tlsmith', 'bare'])
        contestants.push(await startOwnServer(kind, { ...starting, name: random.pick(folder.names) }));
      for (const peer of found.filter(({ version }) => version !== undefined))
        contestants.push(await startForeignServer(peer, { ...starting, name: random.pick(folder.names) }));
      for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
        const loads = loadsOf(folder.names, random);
        for (const contestant of random.shuffled(contestants))
          await playRound(contestant, { generator, folder, loads, counts: round >= 0 });
      }
      for (const contestant of contestants) contestant.loadedRss = rssOf(contestant.pid);
      return resultOf(contestants, missing);
    });
  } finally {
    await Promise.all(contestants.map(({ end }) => end()));
  }
}

/** Whose own first handshake is over. */
async function warmClient(start, folder) {
  const [server, client] = [start.server(), start.client()];
  const [name] = folder.names;
  const port = await server.call('open', { kind: 'bare', folder: folder.path, names: [name] });
  await client.call('firstHandshake', {
    ...clientOptionsFor(folder, port),
    name,
    timeoutMs: LOAD_TIMEOUT_MS,
  });
  await server.end();
  return client;
}

/** The names of a round: all that are in use in turn, and as many drawn from all. */
function loadsOf(names, random) {
  const warm = namesInUse(names);
  const connections = Math.max(FEWEST_CONNECTIONS, warm.length);
  return {
    warm: { names: warm, connections },
    cold: { names: Array.from({ length: connections }, () => random.pick(names)), connections },
  };
}

async function playRound({ pid, port, rounds }, { generator, folder, loads, counts }) {
  for (const [use, load] of Object.entries(loads)) {
    const before = cpuOf(pid);
    const options = { ...clientOptionsFor(folder, port), ...load, concurrency: CONCURRENCY };
    const { failed, problems } = await generator.call('load', options, LOAD_TIMEOUT_MS);
    await wait(SETTLE_MS);
    const cpu = (cpuOf(pid) - before) / load.connections;
    if (counts) rounds.push({ use, cpu, failed, problems });
  }
}

function resultOf(contestants, missing) {
  const megabytes = (bytes) => `${(bytes / MEGABYTE).toFixed(0)} MB`;
  const cpu = ({ rounds }, use) =>
    summaryOf(rounds.filter((round) => round.use === use).map((round) => round.cpu));
  printTable([
    ['peers', 'start', 'idle memory', 'after load', 'CPU per handshake', 'quartiles', 'drawn from all'],
    ...contestants.map((contestant) => {
      const [warm, cold] = [cpu(contestant, 'warm'), cpu(contestant, 'cold')];
      return [
        contestant.name,
        milliseconds(contestant.startMs),
        megabytes(contestant.idleRss),
        megabytes(contestant.loadedRss),
        microseconds(warm.median),
        `${microseconds(warm.q1)} - ${microseconds(warm.q3)}`,
        microseconds(cold.median),
      ];
    }),
  ]);
  if (missing.length > 0) {
    const packages = missing.map(({ debianPackage }) => debianPackage).join(' ');
    const names = missing.map(({ name }) => name).join(', ');
    console.log(
      `  missing, so not compared: ${names} (apt-get install -y --no-install-recommends ${packages})`,
    );
  }
  return {
    figures: contestants.flatMap((contestant) => figuresOf(contestant, cpu)),
    failures: contestants.flatMap(({ name, rounds }) => {
      const failed = rounds.reduce((sum, round) => sum + round.failed, 0);
      return failuresOf(name, { failed, problems: rounds.flatMap(({ problems }) => problems) });
    }),
    details: {
      missing: missing.map(({ name }) => name),
      contestants: contestants.map(({ name, startMs, idleRss, loadedRss, rounds }) => {
        return { name, startMs, idleRss, loadedRss, rounds };
      }),
    },
  };
}

function figuresOf(contestant, cpu) {
  const { name, startMs, idleRss } = contestant;
  return [
    { name: `${name}, process start to first handshake`, value: startMs, unit: ' ms' },
    { name: `${name}, idle memory`, value: idleRss / MEGABYTE, unit: ' MB' },
    { name: `${name}, CPU per handshake`, value: cpu(contestant, 'warm').median, unit: ' us' },
    {
      name: `${name}, CPU per handshake, names drawn from all`,
      value: cpu(contestant, 'cold').median,
      unit: ' us',
    },
  ];
}
