// Floods of unknown names, refused and served; and ten thousand handshakes that are begun and left.
import { fileURLToPath } from 'node:url';
import { CertificateMaker } from './support/certificates.mjs';
import { Child } from './support/children.mjs';
import { SERVER_NAME } from './support/protocol.mjs';
import { median, summaryOf } from './support/statistics.mjs';
import { printTable } from './support/table.mjs';

export const title = 'strangers: unknown names, and handshakes left open';

const TARGETS = { refusals: 5, latency: 2, megabytes: 400 };
const FLOOD_CONNECTIONS = 64;
const ROUNDS = 6;
const HALF_HANDSHAKES = 10_000;
const MEGABYTE = 2 ** 20;
const [SERVER_CORE, CLIENT_CORE] = [0, 1];

export async function run({ entry, seconds = 12 }) {
  const maker = await CertificateMaker.create();
  const pair = await maker.pair([SERVER_NAME]);
  const result = { title, figures: [], failures: [], details: {} };
  const asking = { root: maker.root, version: 'TLSv1.3', name: SERVER_NAME, count: 60, pauseMs: 20 };

  const floods = await measureFloods({ entry, pair, asking, seconds });
  printTable([
    ['unknownName', 'answers/s', 'answers per second of the server’s core', 'client, idle', 'client, flood'],
    ...Object.entries(floods.kinds).map(([name, { rate, corePerSecond, idle, flooded }]) => [
      name,
      rate.toFixed(0),
      corePerSecond.toFixed(0),
      idle === undefined ? '' : `${idle.toFixed(1)} ms`,
      flooded === undefined ? '' : `${flooded.toFixed(1)} ms`,
    ]),
  ]);
  const { reject, alone } = floods.kinds;
  result.figures.push(
    { name: 'refusals to default answers, by the clock', value: floods.ratios.rate.median, digits: 1 },
    {
      name: 'refusals to default answers, by the server’s core',
      value: floods.ratios.core.median,
      digits: 1,
      atLeast: TARGETS.refusals,
    },
    {
      name: 'a refusal to the least that node takes for a connection',
      value: alone.corePerSecond / reject.corePerSecond,
      digits: 2,
    },
    {
      name: 'an ordinary client, flood refused to idle',
      value: reject.flooded / reject.idle,
      digits: 2,
      atMost: TARGETS.latency,
    },
  );
  result.failures.push(...floods.problems);

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

/** The three in turns: the speed of a machine changes within a minute. */
async function measureFloods({ entry, pair, asking, seconds }) {
  return withChildren(async ({ start, stranger, client }) => {
    const servers = {};
    for (const kind of ['default', 'reject', 'alone']) {
      const server = start('server', SERVER_CORE);
      servers[kind] = { server, port: await server.call('open', { entry, pair, kind }), rounds: [] };
    }
    const flood = { name: 'unknown.bench.test', connections: FLOOD_CONNECTIONS };
    for (const { port } of Object.values(servers))
      await stranger.call('flood', { ...flood, port, seconds: 1 });
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const { server, port, rounds } of Object.values(servers)) {
        await server.call('startCount');
        const {
          answers,
          failed,
          seconds: took,
        } = await stranger.call('flood', {
          ...{ ...flood, port, seconds: seconds / ROUNDS },
        });
        const { used } = await server.call('endCount');
        rounds.push({ failed, rate: answers / took, corePerSecond: answers / (used / 1e6) });
      }
    }
    const kinds = {};
    const problems = [];
    for (const [kind, { rounds }] of Object.entries(servers)) {
      kinds[kind] = {
        rate: median(rounds.map(({ rate }) => rate)),
        corePerSecond: median(rounds.map(({ corePerSecond }) => corePerSecond)),
      };
      const failed = rounds.reduce((sum, round) => sum + round.failed, 0);
      problems.push(...problemsOf(`strangers without an answer, ${kind}`, Array(failed).fill('none')));
    }
    // A client is timed in a flood of as many as the server could serve at the most, if it served strangers.
    const pace = kinds.default.rate;
    for (const kind of ['default', 'reject']) {
      const { port } = servers[kind];
      await client.call('ask', { ...asking, port, count: 10 });
      const idle = await client.call('ask', { ...asking, port });
      const flooding = stranger.call('flood', { ...flood, port, seconds: seconds / 2, rate: pace });
      const asked = await client.call('ask', { ...asking, port, count: 40 });
      await flooding;
      Object.assign(kinds[kind], { idle: median(idle.times), flooded: median(asked.times) });
      problems.push(...problemsOf(`an ordinary client, ${kind}`, [...idle.problems, ...asked.problems]));
    }
    return { kinds, problems, ratios: ratiosOf(servers) };
  });
}

/** Of each round by itself. */
function ratiosOf({ default: served, reject: refused }) {
  const ratios = (what) =>
    summaryOf(refused.rounds.map((round, index) => round[what] / served.rounds[index][what]));
  return { rate: ratios('rate'), core: ratios('corePerSecond') };
}

async function measureHalfHandshakes({ entry, pair, asking }) {
  return withChildren(async ({ start, stranger, client }) => {
    const server = start('server', SERVER_CORE);
    const port = await server.call('open', { entry, pair, kind: 'default' });
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
  const children = [];
  const start = (name, core) => {
    const child = new Child(fileURLToPath(new URL(`./support/strangers/${name}.mjs`, import.meta.url)), {
      core,
    });
    children.push(child);
    return child;
  };
  try {
    return await measure({
      ...{ start, stranger: start('client', CLIENT_CORE), client: start('client', CLIENT_CORE) },
    });
  } finally {
    await Promise.all(children.map((child) => child.end()));
  }
}

function problemsOf(who, problems) {
  return problems.length === 0 ? [] : [`${who}: ${problems.length} problems, such as ${problems[0]}`];
}
