// What a folder costs before anybody uses it: time to the first handshake, the event loop while the folder is read, and
// memory and processor time once it has been read.
import { median, Random } from '../statistics.mjs';
import { milliseconds, percent, printTable } from '../table.mjs';
import { untilQuiet } from './process-tree.mjs';
import { clientOptionsFor, msBetween, withProcesses } from './processes.mjs';

const TARGETS = { firstHandshakeMs: 1_000, loopMs: 20, rssMegabytes: 60, idleShare: 0.01 };
const STARTS = 3;
const FIRST_HANDSHAKE_TIMEOUT_MS = 30_000;
/** A large folder is looked at in full every 30 seconds: one such look is part of idling. */
const IDLE_SECONDS = { small: 10, large: 35 };
const LARGE_PAIRS = 500;
/** Small folders are loaded after they have been read. */
const QUIET_TIMEOUT_MS = 15_000;
const MEGABYTE = 2 ** 20;

export async function measureStartUp({ entry, folder, seed }) {
  const random = new Random(seed);
  const bare = await measureBare(folder);
  const starts = [];
  let idle;
  for (let round = 1; round <= STARTS; round += 1) {
    await withProcesses(async (start) => {
      const client = await warmClient(start, folder);
      const server = start.server();
      starts.push(await measureStart({ server, client, entry, folder, name: random.pick(folder.names) }));
      if (round === STARTS) idle = await measureIdle(server, folder);
    });
  }
  return resultOf({ bare, starts, idle });
}

/**
 * What it uses while nobody connects, and holds then. Node collects the garbage of reading, and gives its room back, only
 * after a while: that is shown by itself.
 */
async function measureIdle(server, { names }) {
  const seconds = names.length > LARGE_PAIRS ? IDLE_SECONDS.large : IDLE_SECONDS.small;
  const shareAtFirst = await server.call('idle', { seconds });
  const memory = await server.call('memory');
  return { seconds, shareAtFirst, share: await server.call('idle', { seconds }), ...memory };
}

async function measureBare(folder) {
  return withProcesses(async (start) => {
    const server = start.server();
    const name = folder.names[0];
    const port = await server.call('open', { kind: 'bare', folder: folder.path, names: [name] });
    await firstHandshake(start.client(), { ...clientOptionsFor(folder, port), name });
    return server.call('memory');
  });
}

/** Whose own first handshake is over. */
async function warmClient(start, folder) {
  const [server, client] = [start.server(), start.client()];
  const [name] = folder.names;
  const port = await server.call('open', { kind: 'bare', folder: folder.path, names: [name] });
  await firstHandshake(client, { ...clientOptionsFor(folder, port), name });
  await server.end();
  return client;
}

async function measureStart({ server, client, entry, folder, name }) {
  const { port, startedAt } = await server.call('start', { entry, folder: folder.path });
  const shownAt = await firstHandshake(client, { ...clientOptionsFor(folder, port), name });
  const { ms, pairs, delay } = await server.call('indexing');
  await untilQuiet(server.pid, QUIET_TIMEOUT_MS);
  return {
    firstMs: msBetween(startedAt, shownAt),
    indexingMs: ms,
    pairs,
    delay,
    ...(await server.call('memory')),
  };
}

function firstHandshake(client, options) {
  return client.call('firstHandshake', { ...options, timeoutMs: FIRST_HANDSHAKE_TIMEOUT_MS });
}

function resultOf({ bare, starts, idle }) {
  const each = (pick) => starts.map(pick);
  const over = (figure) => median(each((start) => start[figure] - bare[figure])) / MEGABYTE;
  const firsts = each(({ firstMs }) => firstMs);
  const delays = each(({ delay }) => delay.p99);
  const [rss, heap] = [over('rss'), over('heapUsed')];
  const idleRss = (idle.rss - bare.rss) / MEGABYTE;
  printTable([
    ['start-up', 'median', 'worst'],
    ['listen() to the first handshake of a name drawn', ...medianAndWorst(firsts)],
    ['listen() until all pairs were read', ...medianAndWorst(each(({ indexingMs }) => indexingMs))],
    ['event loop meanwhile, p99', ...medianAndWorst(delays)],
    ['event loop meanwhile, longest', ...medianAndWorst(each(({ delay }) => delay.max))],
    ['resident memory over bare node, just read', `${rss.toFixed(1)} MB`, ''],
    [`the same after ${idle.seconds} idle seconds`, `${idleRss.toFixed(1)} MB`, ''],
    ['heap over bare node', `${heap.toFixed(1)} MB`, ''],
    [`processor time in the first idle ${idle.seconds} s`, percent(idle.shareAtFirst), ''],
    [`the same in the ${idle.seconds} s after that`, percent(idle.share), ''],
  ]);
  const counted = starts[0].pairs;
  return {
    figures: [
      {
        name: 'first handshake after start, worst',
        value: Math.max(...firsts),
        unit: ' ms',
        atMost: TARGETS.firstHandshakeMs,
      },
      {
        name: 'event-loop p99 while indexing, worst',
        value: Math.max(...delays),
        unit: ' ms',
        digits: 1,
        atMost: TARGETS.loopMs,
      },
      {
        name: `resident memory over bare node, ${counted} pairs just read`,
        value: rss,
        unit: ' MB',
        digits: 1,
        atMost: TARGETS.rssMegabytes,
      },
      {
        name: `idle resident memory over bare node, ${counted} pairs`,
        value: idleRss,
        unit: ' MB',
        digits: 1,
        atMost: TARGETS.rssMegabytes,
      },
      { name: `heap over bare node, ${counted} pairs`, value: heap, unit: ' MB', digits: 1 },
      {
        name: 'idle processor time',
        value: idle.share * 100,
        unit: ' %',
        digits: 2,
        atMost: TARGETS.idleShare * 100,
      },
    ],
    failures: [],
    details: { bare, starts, idle },
  };
}

function medianAndWorst(values) {
  return [milliseconds(median(values)), milliseconds(Math.max(...values))];
}
