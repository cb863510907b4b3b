// A flood of hellos with names that nobody has, against a server that refuses them and against one that shows its default
// certificate; an ordinary client goes on asking.
import { setTimeout as wait } from 'node:timers/promises';
import { milliseconds, printTable } from '../table.mjs';
import { clientOptionsFor, failuresOf, withProcesses } from './processes.mjs';

const TARGETS = { heapMegabytes: 16, logLines: 10 };
const HELLOS = 50_000;
const HELLOS_PER_SECOND = HELLOS / 60;
const ASKED_EVERY_MS = 20;
const ASKED_NAMES = 10;
const SETTLE_MS = 1_000;
const GRACE_MS = 60_000;
const MEGABYTE = 2 ** 20;

export async function measureUnknownNames({ entry, folder, hellos = HELLOS }) {
  const table = [
    [
      'unknown names',
      'hellos',
      'in',
      'alerts',
      'served',
      'heap growth',
      'log lines',
      'client p99',
      'client longest',
    ],
  ];
  const result = { figures: [], failures: [], details: {} };
  for (const unknownName of ['reject', 'default']) {
    const outcome = await flood({ entry, folder, hellos, unknownName });
    const { flooded, asked, heapGrowth, lines } = outcome;
    table.push([
      `unknownName: '${unknownName}'`,
      flooded.sent,
      `${flooded.seconds.toFixed(1)} s`,
      flooded.alerts,
      flooded.serverHellos,
      `${heapGrowth.toFixed(1)} MB`,
      lines,
      milliseconds(asked.p99),
      milliseconds(asked.longest),
    ]);
    result.figures.push(
      {
        name: `heap growth, ${unknownName}`,
        value: heapGrowth,
        unit: ' MB',
        digits: 1,
        atMost: TARGETS.heapMegabytes,
      },
      { name: `log lines, ${unknownName}`, value: lines, atMost: TARGETS.logLines },
      {
        name: `seconds for ${flooded.sent} hellos, ${unknownName}`,
        value: flooded.seconds,
        digits: 1,
        atMost: allowedSeconds(hellos),
      },
      { name: `longest answer to a client, ${unknownName}`, value: asked.longest, unit: ' ms', digits: 1 },
    );
    result.failures.push(
      ...failuresOf(`an ordinary client during the flood, ${unknownName}`, asked),
      ...wrongAnswers(flooded, unknownName),
    );
    result.details[unknownName] = outcome;
  }
  printTable(table);
  return result;
}

async function flood({ entry, folder, hellos, unknownName }) {
  return withProcesses(async (start) => {
    const [server, client, flooder] = [start.server(), start.client(), start.helloFlood()];
    const port = await server.call('open', { kind: 'tlsmith', entry, folder: folder.path, unknownName });
    const options = { ...clientOptionsFor(folder, port), names: folder.names.slice(0, ASKED_NAMES) };
    await flooder.call('prepare', { count: hellos });
    await start.loadClient().call('load', { ...options, connections: 50, concurrency: 1 });
    const before = await server.call('memory');
    const seconds = hellos / HELLOS_PER_SECOND;
    const timeout = seconds * 1000 + GRACE_MS;
    const asking = client.call('askRegularly', { ...options, everyMs: ASKED_EVERY_MS }, timeout);
    // A little faster than it may take at most.
    const flooded = await flooder.call('flood', { port, seconds: seconds * 0.95 }, timeout);
    await client.call('stop');
    const asked = await asking;
    await wait(SETTLE_MS);
    const after = await server.call('memory');
    const { lines, texts } = await server.call('log');
    return {
      flooded,
      asked,
      heapGrowth: (after.heapUsed - before.heapUsed) / MEGABYTE,
      before,
      after,
      lines,
      texts,
    };
  });
}

function allowedSeconds(hellos) {
  return hellos / HELLOS_PER_SECOND;
}

/** Each hello is owed an answer: the alert, or the default certificate. */
function wrongAnswers({ sent, alerts, serverHellos, failed, problems }, unknownName) {
  const [answered, what] = unknownName === 'reject' ? [alerts, 'an alert'] : [serverHellos, 'a ServerHello'];
  if (answered === sent) return [];
  const why = failed === 0 ? '' : ` (${JSON.stringify(problems)})`;
  return [
    `${sent - answered} of ${sent} unknown names did not get ${what} with unknownName: '${unknownName}'${why}`,
  ];
}
