// Processes of strangers, and of an ordinary client.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { setTimeout as wait } from 'node:timers/promises';
import { answerCalls } from '../child.mjs';
import { getOnce } from '../connect.mjs';

const ANSWER_TIMEOUT_MS = 10_000;
const ADDRESSES = 50;
const OPENING_AT_ONCE = 200;

const held = new Set();

answerCalls({
  /**
   * Says hello with `name` again and again for so long, as fast as it can or so many times a second, and leaves when it
   * is answered; how many answers there were.
   */
  flood: async ({ port, name, connections, seconds, rate = Infinity }) => {
    const hello = await captureHello(name);
    const end = performance.now() + seconds * 1000;
    const start = performance.now();
    const tally = { answers: 0, failed: 0 };
    let begun = 0;
    const one = async (index) => {
      while (performance.now() < end) {
        const dueInMs = start + (begun * 1000) / rate - performance.now();
        begun += 1;
        if (dueInMs > 0) await wait(dueInMs);
        const socket = await greet({ port, hello, from: index });
        if (socket === undefined) tally.failed += 1;
        else tally.answers += 1;
        socket?.destroy();
      }
    };
    await Promise.all(Array.from({ length: connections }, (_, index) => one(index)));
    return { ...tally, seconds: (performance.now() - start) / 1000 };
  },

  /** Begins so many handshakes and leaves them open after the server has answered. */
  hold: async ({ port, name, count }) => {
    const hello = await captureHello(name);
    let begun = 0;
    const one = async () => {
      while (begun < count) {
        begun += 1;
        const socket = await greet({ port, hello, from: begun });
        if (socket === undefined) continue;
        held.add(socket);
        socket.on('close', () => held.delete(socket)).resume();
      }
    };
    await Promise.all(Array.from({ length: OPENING_AT_ONCE }, one));
    return held.size;
  },

  /** Lets go of what was held. */
  release: () => {
    for (const socket of held) socket.destroy();
  },

  /** An ordinary client: one connection after the other, with a pause; how long each took, in milliseconds. */
  ask: async ({ count, pauseMs, ...options }) => {
    const times = [];
    const problems = [];
    for (let index = 0; index < count; index += 1) {
      const start = performance.now();
      const { problem } = await getOnce(options);
      times.push(performance.now() - start);
      if (problem !== undefined) problems.push(String(problem));
      await wait(pauseMs);
    }
    return { times, problems };
  },
});

/** A connection that has said hello and got an answer; undefined when it got none. */
function greet({ port, hello, from }) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress: `127.0.1.${1 + (from % ADDRESSES)}` });
    const finish = (result) => {
      socket.setTimeout(0);
      resolve(result);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.once('connect', () => socket.write(hello));
    socket.once('data', () => finish(socket));
    socket.once('close', () => finish(undefined));
  });
}

async function captureHello(servername) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectTls({ host: '127.0.0.1', port: server.address().port, servername });
  client.on('error', () => undefined);
  const [socket] = await once(server, 'connection');
  const [hello] = await once(socket, 'data');
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}
