// From the swap of a certificate to the first handshake that shows the new one.
import { setTimeout as wait } from 'node:timers/promises';
import { CertificateMaker } from './support/certificates.mjs';
import { Child } from './support/children.mjs';
import { SERVER_NAME } from './support/protocol.mjs';
import { Random, summaryOf } from './support/statistics.mjs';
import { milliseconds, printTable } from './support/table.mjs';

export const title = 'swap: from the swap to the first handshake that shows the new certificate';

const NANOSECONDS_PER_MS = 1e6;
const LONGEST_PAUSE_MS = 20;

const serverPath = new URL('support/server.mjs', import.meta.url).pathname;
const clientPath = new URL('support/swap-client.mjs', import.meta.url).pathname;

export async function run({ entry, seed, swaps = 100 }) {
  const maker = await CertificateMaker.create();
  const pairs = [];
  for (let serial = 1; serial <= swaps + 1; serial += 1) pairs.push(await maker.pair([SERVER_NAME], serial));
  const server = new Child(serverPath, { core: 0 });
  const client = new Child(clientPath, { core: 1 });
  const random = new Random(seed);
  try {
    const port = await server.call('open', { kind: 'tlsmith', entry, pairs, sources: 'swap' });
    const options = { port, root: maker.root, version: 'TLSv1.3', name: SERVER_NAME };
    const times = [];
    for (let index = 1; index <= swaps; index += 1) {
      times.push(await timeSwap({ server, client, random, index, options }));
    }
    return resultOf(times);
  } finally {
    await Promise.all([server.end(), client.end()]);
  }
}

/** The client connects all the while, so the swap falls anywhere in a handshake. */
async function timeSwap({ server, client, random, index, options }) {
  const isConnecting = new Promise((resolve) => client.on('connecting', resolve));
  const awaited = client.call('awaitSerial', { ...options, serial: index + 1 });
  await Promise.race([isConnecting, awaited]);
  await wait(random.below(LONGEST_PAUSE_MS));
  const swappedAt = BigInt(await server.call('swap', { index }));
  const { begunAt, shownAt, lastOther } = await awaited;
  return {
    all: toMs(BigInt(shownAt) - swappedAt),
    // Without the rest of a handshake that had begun before the swap.
    handshake: toMs(BigInt(shownAt) - BigInt(begunAt)),
    isStale: BigInt(lastOther) > swappedAt,
  };
}

function resultOf(times) {
  const all = summaryOf(times.map((time) => time.all));
  const handshake = summaryOf(times.map((time) => time.handshake));
  const stale = times.filter(({ isStale }) => isStale).length;
  printTable([
    ['', 'median', 'quartiles', 'longest'],
    ...[
      ['swap to new certificate shown', all, 'all'],
      ['of it the handshake that showed it', handshake, 'handshake'],
    ].map(([name, { median, q1, q3 }, figure]) => [
      name,
      milliseconds(median),
      `${milliseconds(q1)} - ${milliseconds(q3)}`,
      milliseconds(Math.max(...times.map((time) => time[figure]))),
    ]),
  ]);
  return {
    title,
    figures: [
      { name: `median of ${times.length} swaps`, value: all.median, unit: ' ms', digits: 2 },
      { name: 'handshakes begun after a swap that showed the old certificate', value: stale, atMost: 0 },
    ],
    failures: stale === 0 ? [] : [`${stale} handshakes begun after a swap showed the old certificate`],
    details: { all, handshake },
  };
}

function toMs(nanoseconds) {
  return Number(nanoseconds) / NANOSECONDS_PER_MS;
}
