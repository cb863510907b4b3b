// A server that is not ours, in a process group of its own on the servers' core. None outlives this process.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { notPinned } from '../children.mjs';

const OUTPUT_KEPT = 2_000;
const STOP_TIMEOUT_MS = 5_000;

const running = new Set();

process.once('exit', () => {
  for (const peer of running) peer.kill();
});

/** A program and the processes that it starts. */
export class PeerProcess {
  #process;
  #output = '';
  #exited;

  /** @param options.env variables beside those of this process */
  constructor(command, args, { env = {} } = {}) {
    const [program, ...rest] =
      notPinned === undefined ? ['taskset', '-c', '0', command, ...args] : [command, ...args];
    this.#process = spawn(program, rest, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    running.add(this);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.#output = (this.#output + text).slice(-OUTPUT_KEPT);
      });
    }
    this.#process.on('error', (error) => {
      this.#output += error.message;
    });
    this.#exited = new Promise((resolve) => this.#process.once('close', resolve));
  }

  get pid() {
    return this.#process.pid;
  }

  /** Rejects when it ends. */
  get failed() {
    return this.#exited.then(() => {
      throw new Error('it has ended');
    });
  }

  /** The end of what it has printed. */
  get output() {
    return this.#output;
  }

  /** Its whole process group: nginx's workers outlive a master that is killed. */
  kill() {
    try {
      process.kill(-this.#process.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }

  async end() {
    this.kill();
    await Promise.race([this.#exited, wait(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    running.delete(this);
  }
}

/** A port of the loopback interface that was free a moment ago, for programs that cannot choose one. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
