// Floods of unknown names, refused and served; and ten thousand handshakes that are begun and left.
import { fileURLToPath } from 'node:url';
import { CertificateMaker } from './support/certificates.mjs';
import { Child } from './support/children.mjs';
import { SERVER_NAME } from './support/protocol.mjs';
import { median } from './support/statistics.mjs';
import { printTable } from './support/table.mjs';

export const title = 'strangers: unknown names, and handshakes left open';

const TARGETS = { refusals: 5, latency: 2, megabytes: 400 };
const FLOOD_CONNECTIONS = 64;
const HALF_HANDSHAKES = 10_000;
const MEGABYTE = 2 ** 20;
const [SERVER_CORE, CLIENT_CORE] = [0, 1];

export async function run({ entry, seconds = 8 }) {
  const maker = await CertificateMaker.create();
  const pair = await maker.pair([SERVER_NAME]);
  const result = { title, figures: [], failures: [], details: {} };
  const asking = { root: maker.root, version: 'TLSv1.3', name: SERVER_NAME, count: 60, pauseMs: 20 };

  const floods = {};
  // A client is timed in a flood of as many as the server could serve at the most, if it served strangers.
  let pace;
  for (const unknownName of ['default', 'reject']) {
    floods[unknownName] = await measureFlood({ entry, pair, unknownName, asking, seconds, pace });
    pace ??= floods.default.rate;
  }
  printTable([
    ['unknownName', 'answers/s', 'answers per second of the server’s core', 'client, idle', 'client, flood'],
    ...Object.entries(floods).map(([name, { rate, corePerSecond, idle, flooded }]) => [
      `'${name}'`,
      rate.toFixed(0),
      corePerSecond.toFixed(0),
      `${idle.toFixed(1)} ms`,
      `${flooded.toFixed(1)} ms`,
    ]),
  ]);
  const { default: served, reject: refused } = floods;
  result.figures.push(
    { name: 'refusals to default answers, by the clock', value: refused.rate / served.rate, digits: 1 },
    {
      name: 'refusals to default answers, by the server’s core',
      value: refused.corePerSecond / served.corePerSecond,
      digits: 1,
      atLeast: TARGETS.refusals,
    },
    {
      name: 'an ordinary client, flood refused to idle',
      value: refused.flooded / refused.idle,
      digits: 2,
      atMost: TARGETS.latency,
    },
  );
  result.failures.push(...served.problems, ...refused.problems);

  const halves = await measureHalfHandshakes({ entry, pair, asking });
  printTable([
    ['half handshakes', 'begun', 'open', 'made room', 'memory', 'client, idle', 'client, meanwhile'],
    [
      '',
      HALF_HANDSHAKES,
      halves.open,
      halves.evicted,
      `+${halves.megabytes.toFixed(0)} MB`,
      `${halves.idle.toFixed(1)} ms`,
      `${halves.meanwhile.toFixed(1)} ms`,
    ],
  ]);
  result.figures.push({
    name: `memory for ${HALF_HANDSHAKES} half handshakes`,
    value: halves.megabytes,
    unit: ' MB',
    atMost: TARGETS.megabytes,
  });
  result.failures.push(...halves.problems);
  result.details = { floods, halves };
  return result;
}

async function measureFlood({ entry, pair, unknownName, asking, seconds, pace }) {
  return withChildren(async ({ server, stranger, client }) => {
    const port = await server.call('open', { entry, pair, unknownName });
    await client.call('ask', { ...asking, port, count: 10 });
    const idle = await client.call('ask', { ...asking, port });
    const flood = { port, name: 'unknown.bench.test', connections: FLOOD_CONNECTIONS, seconds };
    await stranger.call('flood', { ...flood, seconds: 1 });
    await server.call('startCount');
    const { answers, failed, seconds: took } = await stranger.call('flood', flood);
    const { used } = await server.call('endCount');
    // The client is asked for its times apart from the count, so that its handshakes are not in it.
    const flooding = stranger.call('flood', { ...flood, rate: pace ?? answers / took });
    const asked = await client.call('ask', { ...asking, port, count: 40 });
    await flooding;
    return {
      rate: answers / took,
      corePerSecond: answers / (used / 1e6),
      idle: median(idle.times),
      flooded: median(asked.times),
      problems: [
        ...problemsOf(`an ordinary client, ${unknownName}`, [...idle.problems, ...asked.problems]),
        ...problemsOf(`strangers without an answer, ${unknownName}`, Array(failed).fill('none')),
      ],
    };
  });
}

async function measureHalfHandshakes({ entry, pair, asking }) {
  return withChildren(async ({ server, stranger, client }) => {
    const port = await server.call('open', { entry, pair, unknownName: 'default' });
    const idle = await client.call('ask', { ...asking, port });
    const before = await server.call('memory');
    const holding = stranger.call('hold', { port, name: SERVER_NAME, count: HALF_HANDSHAKES });
    const during = await client.call('ask', { ...asking, port, count: 40 });
    const open = await holding;
    const after = await client.call('ask', { ...asking, port, count: 20 });
    const { rss } = await server.call('memory');
    const evicted = await server.call('counted', { result: 'TOO_MANY_HANDSHAKES' });
    await stranger.call('release');
    return {
      open,
      evicted,
      megabytes: (rss - before.rss) / MEGABYTE,
      idle: median(idle.times),
      meanwhile: median([...during.times, ...after.times]),
      problems: problemsOf('an ordinary client beside half handshakes', [
        ...during.problems,
        ...after.problems,
      ]),
    };
  });
}

async function withChildren(measure) {
  const start = (name, core) =>
    new Child(fileURLToPath(new URL(`./support/strangers/${name}.mjs`, import.meta.url)), { core });
  const children = {
    server: start('server', SERVER_CORE),
    stranger: start('client', CLIENT_CORE),
    client: start('client', CLIENT_CORE),
  };
  try {
    return await measure(children);
  } finally {
    await Promise.all(Object.values(children).map((child) => child.end()));
  }
}

function problemsOf(who, problems) {
  return problems.length === 0 ? [] : [`${who}: ${problems.length} problems, such as ${problems[0]}`];
}
