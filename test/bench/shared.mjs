// Four processes on one folder: from the renewal that one has stored to the moment at which the others serve it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from './support/children.mjs';
import { summaryOf } from './support/statistics.mjs';
import { milliseconds, printTable } from './support/table.mjs';

export const title = 'shared: a renewal by one of four processes on a folder, until all serve it';

const PROCESSES = 4;
const CORES = 2;

const childPath = new URL('support/sharing-process.mjs', import.meta.url).pathname;

export async function run({ entry, rounds = 20 }) {
  const folder = await mkdtemp(join(tmpdir(), 'tlsmith-bench-'));
  const processes = Array.from(
    { length: PROCESSES },
    (_, index) => new Child(childPath, { core: index % CORES }),
  );
  try {
    for (const process of processes) await process.call('open', { entry, folder });
    const times = [];
    for (let round = 0; round < rounds; round += 1)
      times.push(await timeRenewal(processes, processes[round % PROCESSES]));
    return resultOf(times);
  } finally {
    await Promise.all(processes.map((process) => process.end()));
    await rm(folder, { recursive: true, force: true });
  }
}

/** How long the slowest of the others took, in milliseconds. */
async function timeRenewal(processes, renewing) {
  const before = await renewing.call('served');
  await Promise.all(processes.map((process) => process.call('expectOtherThan', before)));
  await renewing.call('renew');
  const seen = await Promise.all(processes.map((process) => process.call('seen')));
  if (new Set(seen.map(({ serialNumber }) => serialNumber)).size !== 1)
    throw new Error(`the processes serve different certificates: ${JSON.stringify(seen)}`);
  const renewedAt = seen[processes.indexOf(renewing)].at;
  return Math.max(...seen.map(({ at }) => at)) - renewedAt;
}

function resultOf(times) {
  const { median, q1, q3 } = summaryOf(times);
  const longest = Math.max(...times);
  printTable([
    ['', 'median', 'quartiles', 'longest'],
    [
      'served here to served by all',
      milliseconds(median),
      `${milliseconds(q1)} - ${milliseconds(q3)}`,
      milliseconds(longest),
    ],
  ]);
  return {
    title,
    figures: [
      { name: 'renewal served by all, longest', value: longest, unit: ' ms', digits: 0, atMost: 1_000 },
    ],
    failures: [],
    details: { times },
  };
}
