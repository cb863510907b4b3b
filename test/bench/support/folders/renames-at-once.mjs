// Every pair of the folder replaced as fast as a process can write and rename, while clients go on connecting.
import { setTimeout as wait } from 'node:timers/promises';
import { milliseconds, printTable } from '../table.mjs';
import { namesInUse } from './handshake-cost.mjs';
import { clientOptionsFor, failuresOf, msBetween, withProcesses } from './processes.mjs';

const RIGHT_WITHIN_MS = 10_000;
const CHECKED_AT_ONCE = 8;
const CHECK_TIMEOUT_MS = 300_000;

export async function measureRenamesAtOnce({ entry, folder, seed }) {
  const { path: staged, serial } = await folder.stageAll();
  return withProcesses(async (start) => {
    const [server, client, writer] = [start.server(), start.client(), start.pairWriter()];
    const port = await server.call('open', { kind: 'tlsmith', entry, folder: folder.path, counts: true });
    const options = { ...clientOptionsFor(folder, port), serial };
    const inUse = namesInUse(folder.names);
    // What is loaded already has to be found out of date; the rest is read when it is asked for.
    const load = { ...options, names: inUse, connections: inUse.length, concurrency: CHECKED_AT_ONCE };
    await start.loadClient().call('load', load);
    await writer.call('load', { staged, names: folder.names });

    await server.call('startCount');
    const listingsBefore = await server.call('listings');
    const timeout = RIGHT_WITHIN_MS + CHECK_TIMEOUT_MS;
    const watching = client.call(
      'watchSerial',
      { ...options, names: [...inUse, ...folder.names], seed },
      timeout,
    );
    const { startedAt, endedAt } = await writer.call('replaceAll', { folder: folder.path });
    await wait(RIGHT_WITHIN_MS - msBetween(endedAt, process.hrtime.bigint()));
    const { used } = await server.call('endCount');
    const listings = (await server.call('listings')) - listingsBefore;
    await client.call('stop');
    const watched = await watching;
    const checking = { ...options, names: folder.names, concurrency: CHECKED_AT_ONCE };
    const checked = await client.call('checkAll', checking, CHECK_TIMEOUT_MS);
    const { lines, texts } = await server.call('log');
    const renamingMs = msBetween(startedAt, endedAt);
    const staleMs =
      watched.lastOutdated === undefined ? 0 : Math.max(0, msBetween(endedAt, watched.lastOutdated));
    return resultOf({
      folder,
      watched,
      checked,
      renamingMs,
      staleMs,
      listings,
      cpuMs: used / 1000,
      lines,
      texts,
    });
  });
}

function resultOf({ folder, watched, checked, ...measured }) {
  const { renamingMs, staleMs, listings, cpuMs, lines } = measured;
  const wrong = checked.wrong.length;
  printTable([
    [`${folder.names.length} pairs replaced at once`, ''],
    ['first to last rename', milliseconds(renamingMs)],
    ['last rename to the last handshake that showed an old certificate', milliseconds(staleMs)],
    ['handshakes with names drawn meanwhile, failed', `${watched.handshakes}, ${watched.failed}`],
    [
      `names that showed another certificate ${RIGHT_WITHIN_MS / 1000} s after`,
      `${wrong} of ${checked.handshakes}`,
    ],
    ['times the folder was listed in that time', listings],
    ['processor time of the server in that time, handshakes included', `${(cpuMs / 1000).toFixed(2)} s`],
    ['log lines (warnings and errors)', lines],
  ]);
  return {
    figures: [
      { name: 'names wrong 10 s after all were replaced', value: wrong, atMost: 0 },
      {
        name: 'last old certificate after the last rename',
        value: staleMs,
        unit: ' ms',
        atMost: RIGHT_WITHIN_MS,
      },
      { name: 'listings of the folder meanwhile', value: listings },
      { name: 'processor time meanwhile', value: cpuMs / 1000, unit: ' s', digits: 2 },
    ],
    failures: [
      ...failuresOf('while all were replaced', watched),
      ...failuresOf('after all were replaced', checked),
      ...(wrong === 0
        ? []
        : [`${wrong} names showed another certificate, ${checked.wrong.slice(0, 3).join(', ')}…`]),
    ],
    details: { ...measured, watched, checked },
  };
}
