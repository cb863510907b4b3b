// A process that sends ClientHellos with names nobody has, and leaves as soon as it is answered.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { answerCalls } from '../child.mjs';

const NAME_BYTES = 12;
const SUFFIX = '.unknown.test';
/** RFC 8446 §4.1.2: where the random begins in a record that holds one hello; the session id follows it. */
const RANDOM = { at: 11, length: 32 };
const SESSION_ID = { at: 44, length: 32 };
const ANSWERS = { 21: 'alerts', 22: 'serverHellos' };
const OPEN_AT_MOST = 200;
const ANSWER_TIMEOUT_MS = 10_000;
const TICK_MS = 5;
/** One address has 28,000 ports to connect from, and each rests for a minute after use. */
const SOURCE_ADDRESSES = 50;

let hellos = [];

answerCalls({
  prepare: async ({ count }) => {
    const template = await capturedHello();
    hellos = Array.from({ length: count }, () => template());
  },

  /** Sends them evenly over these seconds; what came back, and how long it took in all. */
  flood: async ({ port, seconds }) => {
    const tally = { sent: 0, alerts: 0, serverHellos: 0, others: 0, closed: 0, failed: 0, problems: {} };
    const start = performance.now();
    const open = new Set();
    while (tally.sent < hellos.length) {
      const due = Math.min(hellos.length, ((performance.now() - start) / 1000 / seconds) * hellos.length);
      while (tally.sent < due && open.size < OPEN_AT_MOST) {
        const sending = send(port, tally).finally(() => open.delete(sending));
        open.add(sending);
      }
      await wait(TICK_MS);
    }
    await Promise.all(open);
    return { ...tally, seconds: (performance.now() - start) / 1000 };
  },
});

function send(port, tally) {
  const index = tally.sent;
  tally.sent += 1;
  return new Promise((resolve) => {
    const localAddress = `127.0.0.${1 + (index % SOURCE_ADDRESSES)}`;
    const socket = connect({ host: '127.0.0.1', port, localAddress });
    let answer = 'closed';
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
    socket.once('connect', () => socket.write(hellos[index]));
    socket.once('data', (data) => {
      answer = ANSWERS[data[0]] ?? 'others';
      socket.destroy();
    });
    socket.once('error', (error) => {
      answer = 'failed';
      const text = error.code ?? error.message;
      tally.problems[text] = (tally.problems[text] ?? 0) + 1;
    });
    socket.once('close', () => {
      tally[answer] += 1;
      resolve();
    });
  });
}

/** A hello of node's own client, as a function that makes it anew with another name, random and session id. */
async function capturedHello() {
  const placeholder = 'x'.repeat(NAME_BYTES * 2) + SUFFIX;
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectTls({ host: '127.0.0.1', port: server.address().port, servername: placeholder });
  client.on('error', () => undefined);
  const [socket] = await once(server, 'connection');
  const [hello] = await once(socket, 'data');
  client.destroy();
  socket.destroy();
  server.close();
  const nameAt = hello.indexOf(placeholder);
  if (nameAt === -1) throw new Error('the hello of node does not hold its server name');
  return () => {
    const copy = Buffer.from(hello);
    for (const { at, length } of [RANDOM, SESSION_ID]) randomBytes(length).copy(copy, at);
    copy.write(randomBytes(NAME_BYTES).toString('hex'), nameAt);
    return copy;
  };
}
