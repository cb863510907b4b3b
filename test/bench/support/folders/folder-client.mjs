// A client process that asks a server with many names: for its first answer, for names it has never served, for names
// again and again, for all of them.
import { setTimeout as wait } from 'node:timers/promises';
import { answerCalls } from '../child.mjs';
import { getOnce } from '../connect.mjs';
import { serialOf } from '../serials.mjs';
import { quantile, Random } from '../statistics.mjs';

const RETRY_MS = 2;
const PROBLEMS_KEPT = 5;
/** A server that is not there yet, or not quite. */
const NOT_YET = ['ECONNREFUSED', 'ECONNRESET'];

let isStopped = false;

answerCalls({
  /** Connects until somebody answers; the instant (clock of all processes) at which the handshake was done. */
  firstHandshake: async ({ timeoutMs, ...options }) => {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const { problem, facts } = await getOnce({ ...options, inspect: instant });
      if (problem === undefined) return `${facts}`;
      if (!NOT_YET.includes(problem)) throw new Error(`the first handshake failed: ${problem}`);
      if (performance.now() > end) throw new Error(`no handshake within ${timeoutMs} ms`);
      await wait(RETRY_MS);
    }
  },

  /** For each name how long its first handshake took, and its second; in milliseconds. */
  firstAndSecond: async ({ names, ...options }) => {
    const times = [];
    for (const name of names) {
      times.push({ first: await timed({ ...options, name }), second: await timed({ ...options, name }) });
    }
    return times;
  },

  /** Connects to names at random until told to stop; the latest instant at which an outdated certificate was shown. */
  watchSerial: async ({ names, serial, seed, ...options }) => {
    const random = new Random(seed);
    const seen = { handshakes: 0, failed: 0, outdated: 0, problems: [] };
    let lastOutdated;
    isStopped = false;
    while (!isStopped) {
      const outcome = await getOnce({ ...options, name: random.pick(names), inspect: shownAndWhen });
      seen.handshakes += 1;
      note(seen, outcome);
      if (outcome.problem !== undefined || outcome.facts.serial === serial) continue;
      seen.outdated += 1;
      lastOutdated = outcome.facts.at;
    }
    return { ...seen, lastOutdated: lastOutdated?.toString() };
  },

  /** One handshake with every name; those that showed another certificate. */
  checkAll: async ({ names, serial, concurrency, ...options }) => {
    const seen = { handshakes: 0, failed: 0, problems: [], wrong: [] };
    const rest = names.values();
    const lane = async () => {
      for (const name of rest) {
        const outcome = await getOnce({ ...options, name, inspect: shownAndWhen });
        seen.handshakes += 1;
        note(seen, outcome);
        if (outcome.problem !== undefined || outcome.facts.serial !== serial) seen.wrong.push(name);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
    return seen;
  },

  /** Asks for something every so often until told to stop, and says how long the answers took. */
  askRegularly: async ({ names, everyMs, ...options }) => {
    const seen = { handshakes: 0, failed: 0, problems: [] };
    const times = [];
    isStopped = false;
    while (!isStopped) {
      const start = performance.now();
      const outcome = await getOnce({ ...options, name: names[seen.handshakes % names.length] });
      times.push(performance.now() - start);
      seen.handshakes += 1;
      note(seen, outcome);
      await wait(Math.max(0, start + everyMs - performance.now()));
    }
    return { ...seen, median: quantile(times, 0.5), p99: quantile(times, 0.99), longest: Math.max(...times) };
  },

  stop: () => {
    isStopped = true;
  },
});

function instant() {
  return process.hrtime.bigint();
}

function shownAndWhen(socket) {
  return { serial: serialOf(socket.getPeerX509Certificate()), at: instant() };
}

async function timed(options) {
  const start = performance.now();
  const { problem, facts } = await getOnce({ ...options, inspect: () => performance.now() });
  if (problem !== undefined) throw new Error(`a handshake failed: ${problem}`);
  return facts - start;
}

function note(seen, { problem }) {
  if (problem === undefined) return;
  seen.failed += 1;
  if (seen.problems.length < PROBLEMS_KEPT) seen.problems.push(problem);
}
