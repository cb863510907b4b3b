// 200 requests per second, each over a connection of its own, while the files that are served are swapped in every way.
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { connect } from 'node:tls';
import { type CertificateSource, createSecureServer, directory, filePair } from '../../src/index.js';
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
import { portOf } from './support/connections.js';
import { closesAfterEach } from './support/cleanup.js';
import { memoryLog } from './support/log.js';

const REQUESTS_PER_SECOND = 200;
const SWAPS = 5;
const PAUSE_MS = 250;
const LEAST_REQUESTS = 120;
/** A machine that does not keep up delays requests instead of having them all at once. */
const MOST_OPEN = 100;

const keep = closesAfterEach();
let ca: TestCa;

beforeAll(async () => {
  ca = await testCa();
});

function pairOf(serialNumber: string): Promise<TestPair> {
  return ca.issue({ names: ['a.test'], serialNumber });
}

async function serving(sources: CertificateSource) {
  const log = memoryLog();
  const secure = keep(
    createSecureServer({ sources, logger: log.logger }, (_: IncomingMessage, response: ServerResponse) => {
      response.end('ok');
    }),
  );
  await secure.listen({ port: 0, host: '127.0.0.1' });
  return { port: portOf(secure.server), log };
}

/** One verified handshake, one request; answers the serial number that was shown. */
function serialShown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let [serialNumber, text] = ['', ''];
    const socket = connect({ port, host: '127.0.0.1', servername: 'a.test', ca: ca.rootPem }, () => {
      ({ serialNumber } = socket.getPeerCertificate());
      socket.write('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
    });
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.once('error', reject);
    socket.once('close', () => {
      if (text.startsWith('HTTP/1.1 200')) resolve(serialNumber);
      else reject(new Error(`an answer of ${text.length} bytes`));
    });
  });
}

interface Outcome {
  readonly failures: string[];
  /** In the order in which the requests began. */
  readonly serials: string[];
}

/** Requests at a steady rate until it is stopped. */
function requests(port: number): { readonly outcome: Outcome; stop(): Promise<void> } {
  const outcome: Outcome = { failures: [], serials: [] };
  const open = new Set<Promise<void>>();
  let isStopped = false;
  const request = async (index: number): Promise<void> => {
    try {
      outcome.serials[index] = await serialShown(port);
    } catch (error) {
      outcome.failures.push(String(error));
    }
  };
  const clock = async (): Promise<void> => {
    const began = performance.now();
    let sent = 0;
    while (!isStopped) {
      const due = ((performance.now() - began) / 1000) * REQUESTS_PER_SECOND;
      for (; sent < due && open.size < MOST_OPEN; sent += 1) {
        const requesting: Promise<void> = request(sent).finally(() => {
          open.delete(requesting);
        });
        open.add(requesting);
      }
      await wait(2);
    }
    await Promise.all(open);
  };
  const ticking = clock();
  return {
    outcome,
    stop: async () => {
      isStopped = true;
      await ticking;
    },
  };
}

const SOURCES: Readonly<Record<string, (pair: SwappedPair, folder: string) => CertificateSource>> = {
  'a file pair': (pair) => filePair(asFilePair(pair)),
  'a directory': (pair, folder) => directory(asDirectory(pair, folder)),
};

describe.each(Object.keys(SOURCES))('%s under 200 requests per second', (kind) => {
  const swappings = kind === 'a file pair' ? Object.keys(SWAPPINGS) : FOLDER_SWAPPINGS;

  it.each(swappings)('fails none when its files are %s', async (name) => {
    await withTemporaryFolder(async ({ path: folder }) => {
      const pair = await SWAPPINGS[name]!(folder, await pairOf('4000'));
      const { port, log } = await serving(SOURCES[kind]!(pair, folder));
      const load = requests(port);
      for (let swap = 1; swap <= SWAPS; swap += 1) {
        await wait(PAUSE_MS);
        await pair.replace(await pairOf(`400${swap}`));
      }
      const { failures, serials } = load.outcome;
      await until(() => serials.includes(`400${SWAPS}`), 'the last certificate to be served');
      await until(() => serials.length > LEAST_REQUESTS, `${LEAST_REQUESTS} requests`);
      await load.stop();
      expect(failures).toEqual([]);
      expect(log.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    });
  });
});
