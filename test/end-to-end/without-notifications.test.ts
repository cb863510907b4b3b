// A system that notifies nobody of changes, as NFS and some container mounts do not: here one whose kernel refuses every
// watch. Polls find each change all the same, and no handshake fails meanwhile.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  asDirectory,
  asFilePair,
  FOLDER_SWAPPINGS,
  type SwappedPair,
  SWAPPINGS,
} from '../sources/support/pair-swaps.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { firstLine, startChild } from './support/child.js';
import { portOfUrl, tls } from './support/connections.js';

/** A user namespace of its own, in which nobody may watch anything. */
const UNWATCHED = [
  ...['unshare', '-U', '--map-root-user', 'sh', '-c'],
  ...['echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"', 'sh'],
] as const;
const [program, ...args] = UNWATCHED;
const WATCH = "try { fs.watch('/') } catch ({ code }) { process.exitCode = code === 'EMFILE' ? 0 : 1 }";
const mayRefuse =
  process.platform === 'linux' && spawnSync(program, [...args, process.execPath, '-e', WATCH]).status === 0;

/** A poll a second, and what a busy machine adds. */

let ca: TestCa;
let end: (() => Promise<void>) | undefined;
beforeAll(async () => {
  ca = await testCa();
});
afterEach(async () => {
  await end?.();
  end = undefined;
});

function pairOf(serialNumber: string): Promise<TestPair> {
  return ca.issue({ names: ['a.test'], serialNumber });
}

/** Serves in a process that may watch nothing; answers its port. */
async function served(input: object): Promise<number> {
  const child = startChild('serve-files', { input, wrapper: UNWATCHED });
  const closed = once(child, 'close');
  end = async () => {
    child.stdin?.end();
    expect(await closed).toEqual([0, null]);
  };
  const { urls } = (await firstLine(child)) as { urls: string[] };
  return portOfUrl(urls[0]);
}

async function serialShown(port: number): Promise<string> {
  const socket = await tls(port, { ca: ca.rootPem });
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

const SOURCES: Readonly<Record<string, (pair: SwappedPair, folder: string) => object>> = {
  'a file pair': (pair) => ({ files: asFilePair(pair) }),
  'a directory': (pair, folder) => ({ folder: asDirectory(pair, folder) }),
};

(mayRefuse ? describe : describe.skip).each(Object.keys(SOURCES))('where nobody is notified, %s', (kind) => {
  const swappings = kind === 'a file pair' ? Object.keys(SWAPPINGS) : FOLDER_SWAPPINGS;

  it.each(swappings)('is served anew when its files are %s', async (name) => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const pair = await SWAPPINGS[name]!(folder, await pairOf('6000'));
      const port = await served(SOURCES[kind]!(pair, folder));
      for (const serialNumber of ['6001', '6002']) {
        await pair.replace(await pairOf(serialNumber));
        // Every handshake is verified, and none may fail.
        await until(async () => (await serialShown(port)) === serialNumber, `${serialNumber} to be served`);
      }
    });
  });
});
