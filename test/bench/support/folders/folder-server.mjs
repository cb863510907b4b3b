// A server process for a folder of pairs: tlsmith's `directory`, or bare node with a context for each name in use, or asked for.
import { createServer } from 'node:https';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { answerCalls } from '../child.mjs';
import { BODY } from '../protocol.mjs';
import { resourceCounts } from '../resource-counts.mjs';
import { bareParameters, tlsmithParameters } from '../tls-parameters.mjs';
import { countListings } from './listing-count.mjs';

const NANOSECONDS_PER_MS = 1e6;
const RESOLUTION_MS = 1;
const LONGEST_INDEXING_MS = 120_000;

const loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
const logged = { lines: 0, texts: [] };
let listings;
let beganAt;
let indexed;

answerCalls({
  ...resourceCounts,

  /** Resolves to the port, once all there is to read has been read. */
  open: async ({ kind, ...options }) => {
    if (kind === 'bare') return openBare(options);
    if (kind === 'bare on demand') return openBareOnDemand(options);
    const { port } = await openTlsmith(options);
    await waitUntilIndexed();
    return port;
  },

  /** Resolves to the port as soon as the server listens, and to when it was begun (clock of all processes). */
  start: openTlsmith,

  /** How long indexing took, and how long the event loop was blocked meanwhile. */
  indexing: waitUntilIndexed,

  /** The share of a core that is used while nobody connects. */
  idle: async ({ seconds }) => {
    const [before, start] = [process.cpuUsage(), performance.now()];
    await wait(seconds * 1000);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 / (performance.now() - start);
  },

  /** What a person would find in the log: warnings and errors. */
  log: () => logged,

  /** How often the folder has been listed since `countListings` was asked for. */
  listings: () => listings(),
});

function handler(_request, response) {
  response.end(BODY);
}

function openBare({ folder, names }) {
  const contexts = new Map(names.map((name) => [name, createSecureContext(pairOf(folder, name))]));
  return openWith(folder, (serverName, callback) => callback(null, contexts.get(serverName)));
}

/** The least that somebody writes who reads a pair when it is asked for: nothing is looked at, nothing proven. */
function openBareOnDemand({ folder }) {
  const contexts = new Map();
  return openWith(folder, (serverName, callback) => {
    let context = contexts.get(serverName);
    if (context === undefined) {
      context = createSecureContext(pairOf(folder, serverName));
      contexts.set(serverName, context);
    }
    callback(null, context);
  });
}

async function openWith(folder, SNICallback) {
  const server = createServer({ ...bareParameters, ...pairOf(folder, 'default'), SNICallback }, handler);
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

function pairOf(folder, name) {
  return { cert: readFileSync(join(folder, `${name}.crt`)), key: readFileSync(join(folder, `${name}.key`)) };
}

async function openTlsmith({ entry, folder, counts = false, ...options }) {
  if (counts) listings = countListings(folder);
  const { createSecureServer, directory } = await import(entry);
  let tellIndexed;
  indexed = new Promise((resolve) => {
    tellIndexed = resolve;
  });
  const settings = { ...tlsmithParameters, ...options, logger: countingLogger(tellIndexed) };
  loop.enable();
  const startedAt = process.hrtime.bigint();
  beganAt = performance.now();
  const secure = createSecureServer({ ...settings, sources: directory(folder) }, handler);
  await secure.listen({ port: 0, host: '127.0.0.1' });
  return { port: secure.server.address().port, startedAt: `${startedAt}` };
}

/** The source says at level info how many pairs it has read, once it has read them all. */
function countingLogger(tellIndexed) {
  const count = (_facts, text) => {
    logged.lines += text.split('\n').length;
    if (logged.texts.length < 20) logged.texts.push(text);
  };
  const info = ({ pairs, names }) => {
    if (pairs === undefined || names === undefined) return;
    loop.disable();
    tellIndexed({ pairs, ms: performance.now() - beganAt, delay: delayOf(loop) });
  };
  // Facts about every handshake are not computed for a logger that says it drops them.
  return { debug: () => undefined, info, warn: count, error: count, isLevelEnabled: () => false };
}

function waitUntilIndexed() {
  const tooLong = wait(LONGEST_INDEXING_MS, undefined, { ref: false }).then(() => {
    throw new Error(`the folder was not read within ${LONGEST_INDEXING_MS} ms`);
  });
  return Promise.race([indexed, tooLong]);
}

/** The histogram counts the whole time between two looks, of which the resolution is what was wished. */
function delayOf(histogram) {
  const beyond = (nanoseconds) => Math.max(0, nanoseconds / NANOSECONDS_PER_MS - RESOLUTION_MS);
  return { p99: beyond(histogram.percentile(99)), max: beyond(histogram.max) };
}
