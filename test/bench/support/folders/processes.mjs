// The processes of a part of this benchmark: made on demand, ended with it.
import { Child } from '../children.mjs';

const SERVER_CORE = 0;
const CLIENT_CORE = 1;

const modulePath = (name) => new URL(name, import.meta.url).pathname;

export const folderServerPath = modulePath('folder-server.mjs');

/** Gives `work` functions that start processes; all of them are gone when it is done, or has failed. */
export async function withProcesses(work) {
  const children = [];
  const starter = (path, core) => () => {
    const child = new Child(path, { core });
    children.push(child);
    return child;
  };
  const start = {
    server: starter(folderServerPath, SERVER_CORE),
    client: starter(modulePath('folder-client.mjs'), CLIENT_CORE),
    loadClient: starter(modulePath('../load-client.mjs'), CLIENT_CORE),
    swapClient: starter(modulePath('../swap-client.mjs'), CLIENT_CORE),
    pairWriter: starter(modulePath('pair-writer.mjs'), CLIENT_CORE),
    helloFlood: starter(modulePath('hello-flood.mjs'), CLIENT_CORE),
  };
  try {
    return await work(start);
  } finally {
    await Promise.all(children.map((child) => child.end()));
  }
}

/** What a client needs to know of a server of the folder's. */
export function clientOptionsFor(folder, port) {
  return { port, root: folder.root, version: 'TLSv1.3' };
}

/** Milliseconds between two instants of `process.hrtime.bigint()`, as texts or not. */
export function msBetween(start, end) {
  return Number(BigInt(end) - BigInt(start)) / 1e6;
}

/** What to write into the results for failed connections; nothing when there are none. */
export function failuresOf(who, { failed, problems }) {
  return failed === 0 ? [] : [`${who}: ${failed} connections failed (${[...new Set(problems)].join(', ')})`];
}
