// Five swaps a second while a client makes handshakes as fast as it can, tries tickets from before a swap after it,
// and 200 open connections each ask something every second: nothing may fail, drop, or lose its session.
import { setTimeout as wait } from 'node:timers/promises';
import { CertificateMaker } from './support/certificates.mjs';
import { Child } from './support/children.mjs';
import { SERVER_NAME } from './support/protocol.mjs';
import { percent, printTable } from './support/table.mjs';

export const title = 'swaps-under-load: five swaps a second under handshakes, tickets and open connections';

const SWAPS_PER_SECOND = 5;
const KEPT_CONNECTIONS = 200;
const RESUMED_TARGET = 0.99;
/** Tickets a run must have tried of each version for its share to mean something. */
const FEWEST_TICKETS = 20;
const GRACE_MS = 60_000;

const serverPath = new URL('support/server.mjs', import.meta.url).pathname;
const clientPath = new URL('support/storm-client.mjs', import.meta.url).pathname;

export async function run({ entry, seconds = 60 }) {
  const swaps = seconds * SWAPS_PER_SECOND;
  const maker = await CertificateMaker.create();
  const pairs = [];
  for (let serial = 1; serial <= swaps + 1; serial += 1) pairs.push(await maker.pair([SERVER_NAME], serial));
  const server = new Child(serverPath, { core: 0 });
  const client = new Child(clientPath, { core: 1 });
  try {
    const port = await server.call('open', { kind: 'tlsmith', entry, pairs, sources: 'swap' });
    const options = { port, root: maker.root, name: SERVER_NAME };
    await client.call('open', { ...options, keptConnections: KEPT_CONNECTIONS });
    const before = await server.call('memory');
    const raging = client.call('rage', { seconds }, seconds * 1000 + GRACE_MS);
    const [outcome] = await Promise.all([raging, swapAgainAndAgain({ server, client, swaps })]);
    return resultOf(outcome, { swaps, before, after: await server.call('memory') });
  } finally {
    await Promise.all([server.end(), client.end()]);
  }
}

async function swapAgainAndAgain({ server, client, swaps }) {
  const period = 1000 / SWAPS_PER_SECOND;
  const start = performance.now();
  for (let index = 1; index <= swaps; index += 1) {
    await wait(Math.max(0, start + (index - 0.5) * period - performance.now()));
    const at = await server.call('swap', { index });
    await client.call('swapped', { at, serial: index + 1 });
  }
}

function resultOf(outcome, { swaps, before, after }) {
  const { handshakes, failed, stale, kept, dropped, answers, tried, resumed, problems } = outcome;
  const megabytes = (memory) => `${(memory.rss / 2 ** 20).toFixed(0)} MB`;
  const versions = Object.keys(tried);
  const share = (version) => (tried[version] === 0 ? 0 : resumed[version] / tried[version]);
  printTable([
    ['', ''],
    ['swaps', swaps],
    ['handshakes', handshakes],
    ['failed handshakes', failed],
    ['handshakes that showed a certificate swapped out before they began', stale],
    ['open connections, answers', `${kept}, ${answers}`],
    ['dropped connections', dropped],
    ...versions.map((version) => [
      `${version} tickets from before a swap resumed after it (one of each connection, tried once)`,
      `${resumed[version]} of ${tried[version]} = ${percent(share(version))}`,
    ]),
    ['resident memory of the server before, after', `${megabytes(before)}, ${megabytes(after)}`],
  ]);
  const wrong = [
    [failed, `${failed} handshakes failed (${problems.join(', ')})`],
    [dropped, `${dropped} open connections dropped (${problems.join(', ')})`],
    [stale, `${stale} handshakes showed a certificate swapped out before they began`],
    ...versions.flatMap((version) => [
      [tried[version] < FEWEST_TICKETS, `only ${tried[version]} ${version} tickets were tried`],
      [share(version) < RESUMED_TARGET, `only ${percent(share(version))} of ${version} tickets resumed`],
    ]),
  ];
  return {
    title,
    figures: [
      { name: 'failed handshakes', value: failed, atMost: 0 },
      { name: 'dropped connections', value: dropped, atMost: 0 },
      ...versions.map((version) => ({
        name: `${version} tickets resumed after a swap`,
        value: share(version),
        digits: 4,
        atLeast: RESUMED_TARGET,
      })),
    ],
    failures: wrong.filter(([isWrong]) => isWrong).map(([, text]) => text),
    details: { ...outcome, swaps, before, after },
  };
}
