// The first handshake with a name that nobody has asked for yet, compared with the next one.
import { median, Random, summaryOf } from '../statistics.mjs';
import { milliseconds, printTable } from '../table.mjs';
import { clientOptionsFor, withProcesses } from './processes.mjs';

const TARGET_MS = 2;
/** Older ones take about three times as long to check a pair (docs/design.md). */
const TARGET_NODE = 24;
const NAMES = 300;
/** Of other names, so that V8 has compiled what loads a pair. */
const WARM_UP_NAMES = 100;

export async function measureColdNames({ entry, folder, seed }) {
  const shuffled = new Random(seed).shuffled(folder.names);
  const warmUp = Math.min(WARM_UP_NAMES, Math.floor(shuffled.length / 3));
  const times = await withProcesses(async (start) => {
    const [server, client] = [start.server(), start.client()];
    const port = await server.call('open', { kind: 'tlsmith', entry, folder: folder.path });
    const options = clientOptionsFor(folder, port);
    await client.call('firstAndSecond', { ...options, names: shuffled.slice(0, warmUp) });
    return client.call('firstAndSecond', { ...options, names: shuffled.slice(warmUp, warmUp + NAMES) });
  });
  const more = summaryOf(times.map(({ first, second }) => first - second));
  const cold = median(times.map(({ first }) => first));
  const warm = median(times.map(({ second }) => second));
  printTable([
    [`cold names (${times.length})`, 'median', 'quartiles'],
    ['first handshake', milliseconds(cold), ''],
    ['second handshake', milliseconds(warm), ''],
    [
      'the first over the second',
      milliseconds(more.median),
      `${milliseconds(more.q1)} - ${milliseconds(more.q3)}`,
    ],
  ]);
  const isTarget = Number.parseInt(process.versions.node) >= TARGET_NODE;
  return {
    figures: [
      {
        name: `cold name over warm, node ${process.versions.node}`,
        value: more.median,
        unit: ' ms',
        digits: 2,
        ...(isTarget ? { atMost: TARGET_MS } : {}),
      },
    ],
    failures: [],
    details: { cold, warm, more },
  };
}
