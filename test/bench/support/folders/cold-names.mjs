// The first handshake with a name that nobody has asked for yet, compared with the next one; and the same with node alone,
// which reads the two files and makes a context, in turns.
import { median, Random, summaryOf } from '../statistics.mjs';
import { milliseconds, printTable } from '../table.mjs';
import { clientOptionsFor, withProcesses } from './processes.mjs';

const TARGET_MS = 2;
/** Older ones take about three times as long to check a pair (docs/design.md). */
const TARGET_NODE = 24;
const NAMES = 300;
/** Of other names, so that V8 has compiled what loads a pair. */
const WARM_UP_NAMES = 100;
/** Asked of one server before it is the other one's turn. */
const NAMES_AT_A_TIME = 10;

export async function measureColdNames({ entry, folder, seed }) {
  const shuffled = new Random(seed).shuffled(folder.names);
  const warmUp = Math.min(WARM_UP_NAMES, Math.floor(shuffled.length / 3));
  const [times, bareTimes] = await withProcesses(async (start) => {
    const [server, bare, client] = [start.server(), start.server(), start.client()];
    const options = { entry, folder: folder.path };
    const servers = [
      clientOptionsFor(folder, await server.call('open', { ...options, kind: 'tlsmith' })),
      clientOptionsFor(folder, await bare.call('open', { ...options, kind: 'bare on demand' })),
    ];
    const asked = async (names) => {
      const found = servers.map(() => []);
      for (let at = 0; at < names.length; at += NAMES_AT_A_TIME) {
        const some = names.slice(at, at + NAMES_AT_A_TIME);
        for (const [index, one] of servers.entries())
          found[index].push(...(await client.call('firstAndSecond', { ...one, names: some })));
      }
      return found;
    };
    await asked(shuffled.slice(0, warmUp));
    return asked(shuffled.slice(warmUp, warmUp + NAMES));
  });
  const more = summaryOf(times.map(({ first, second }) => first - second));
  const bareMore = summaryOf(bareTimes.map(({ first, second }) => first - second));
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
    [
      'the same, node alone',
      milliseconds(bareMore.median),
      `${milliseconds(bareMore.q1)} - ${milliseconds(bareMore.q3)}`,
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
      { name: 'the same, node alone', value: bareMore.median, unit: ' ms', digits: 2 },
    ],
    failures: [],
    details: { cold, warm, more, bareMore },
  };
}
