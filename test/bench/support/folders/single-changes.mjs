// From a pair replaced in the folder to the first handshake that shows the new certificate.
import { setTimeout as wait } from 'node:timers/promises';
import { Random, summaryOf } from '../statistics.mjs';
import { milliseconds, printTable } from '../table.mjs';
import { untilQuiet } from './process-tree.mjs';
import { clientOptionsFor, msBetween, withProcesses } from './processes.mjs';

const TARGET_MS = 250;
const CHANGES = 30;
/** Small folders are loaded after they have been read; a change waits for that. */
const QUIET_TIMEOUT_MS = 15_000;
/** Between two changes, so that each is one by itself and falls anywhere between two polls. */
const PAUSE_MS = { least: 400, most: 1_400 };

export async function measureSingleChanges({ entry, folder, seed, swaps = CHANGES }) {
  const random = new Random(seed);
  const times = await withProcesses(async (start) => {
    const [server, client] = [start.server(), start.swapClient()];
    const port = await server.call('open', { kind: 'tlsmith', entry, folder: folder.path });
    await untilQuiet(server.pid, QUIET_TIMEOUT_MS);
    const measured = [];
    for (let change = 0; change < swaps; change += 1) {
      await wait(PAUSE_MS.least + random.below(PAUSE_MS.most - PAUSE_MS.least));
      measured.push(await timeChange({ client, folder, port, name: random.pick(folder.names) }));
    }
    return measured;
  });
  const { median, q1, q3 } = summaryOf(times);
  const longest = Math.max(...times);
  printTable([
    [`a pair replaced (${times.length} times)`, 'median', 'quartiles', 'longest'],
    [
      'until the new certificate was shown',
      milliseconds(median),
      `${milliseconds(q1)} - ${milliseconds(q3)}`,
      milliseconds(longest),
    ],
  ]);
  return {
    figures: [
      { name: 'change to served, median', value: median, unit: ' ms', digits: 1, atMost: TARGET_MS },
      { name: 'change to served, longest', value: longest, unit: ' ms', digits: 1, atMost: TARGET_MS },
    ],
    failures: [],
    details: { times },
  };
}

async function timeChange({ client, folder, port, name }) {
  const serial = folder.nextSerial;
  const isConnecting = new Promise((resolve) => client.on('connecting', resolve));
  const awaited = client.call('awaitSerial', { ...clientOptionsFor(folder, port), name, serial });
  await Promise.race([isConnecting, awaited]);
  const replacedAt = await folder.replace(name);
  const { shownAt } = await awaited;
  return msBetween(replacedAt, shownAt);
}
