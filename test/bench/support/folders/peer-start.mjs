// Starts a server of the folder's from nothing, and takes its time until the first handshake and its memory at rest.
import { PeerProcess, freePort } from './peer-process.mjs';
import { clientOptionsFor, msBetween } from './processes.mjs';
import { rssOf, untilQuiet } from './process-tree.mjs';

const START_TIMEOUT_MS = 120_000;
const QUIET_TIMEOUT_MS = 60_000;
const LABELS = { tlsmith: 'tlsmith', bare: `node ${process.versions.node}, all contexts at start` };

/** tlsmith's or node's; it is ended by the one who started it. */
export async function startOwnServer(kind, { start, folder, entry, client, name }) {
  const beganAt = process.hrtime.bigint();
  const server = start.server();
  const port =
    kind === 'tlsmith'
      ? (await server.call('start', { entry, folder: folder.path })).port
      : await server.call('open', { kind, folder: folder.path, names: folder.names }, START_TIMEOUT_MS);
  const contestant = { name: LABELS[kind], pid: server.pid, port, end: () => undefined };
  return started(contestant, { beganAt, client, folder, name });
}

/** One of the peers. */
export async function startForeignServer(peer, { folder, client, name }) {
  const port = await freePort();
  const { command, args, env } = peer.prepare({ folder, port, base: folder.base });
  const beganAt = process.hrtime.bigint();
  const server = new PeerProcess(command, args, { env });
  const contestant = { name: `${peer.name} ${peer.version}`, pid: server.pid, port, end: () => server.end() };
  try {
    return await Promise.race([started(contestant, { beganAt, client, folder, name }), server.failed]);
  } catch (error) {
    await server.end();
    throw new Error(`${peer.name} did not start: ${error.message}\n${server.output}`, { cause: error });
  }
}

async function started(contestant, { beganAt, client, folder, name }) {
  const { pid, port } = contestant;
  const options = { ...clientOptionsFor(folder, port), name, timeoutMs: START_TIMEOUT_MS };
  const shownAt = await client.call('firstHandshake', options, 2 * START_TIMEOUT_MS);
  await untilQuiet(pid, QUIET_TIMEOUT_MS);
  return { ...contestant, startMs: msBetween(beganAt, shownAt), idleRss: rssOf(pid), rounds: [] };
}
