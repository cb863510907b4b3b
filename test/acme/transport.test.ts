// Connections that are kept, and what becomes of them while nobody looks.
import { afterEach, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Transport } from '../../src/acme/transport.js';
import { systemClock } from '../../src/clock.js';
import { testCa } from '../support/certificates.js';

/** Another process: it goes on while this one is stopped. Counts connections, and closes them when they are idle for three seconds. */
const SERVER = `
  const options = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
  let connections = 0;
  const server = require('node:https').createServer({ ...options, keepAliveTimeout: 3_000 }, (_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ connections }));
  });
  // Node adds a second of its own before it closes, where it can be told to.
  server.keepAliveTimeoutBuffer = 0;
  server.on('secureConnection', () => (connections += 1));
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;
const STOPPED_MS = 5_000;

let child: ChildProcess | undefined;

afterEach(async () => {
  if (child === undefined) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
});

async function server(): Promise<{ readonly url: string; readonly ca: string }> {
  const ca = await testCa();
  const { cert, key } = await ca.issue({ names: ['127.0.0.1'] });
  const started = spawn(process.execPath, ['-e', SERVER], { stdio: ['pipe', 'pipe', 'inherit'] });
  child = started;
  started.stdin.end(JSON.stringify({ cert, key }));
  const [port] = (await once(createInterface(started.stdout), 'line')) as [string];
  return { url: `https://127.0.0.1:${port}/`, ca: ca.rootPem };
}

/** As a machine that sleeps, or a process that is busy, is away. */
function stop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

it('A process that was stopped does not send its next request on a connection that was closed meanwhile', async () => {
  const { url, ca } = await server();
  const { signal } = new AbortController();
  const transport = new Transport({ clock: systemClock, ca });
  const ask = async (): Promise<unknown> => (await transport.send({ url, method: 'GET', signal })).data;
  expect(await ask()).toEqual({ connections: 1 });
  expect(await ask()).toEqual({ connections: 1 });
  stop(STOPPED_MS);
  expect(await ask()).toEqual({ connections: 2 });
  transport.close();
});
