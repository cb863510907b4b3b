// Child processes that answer calls over IPC, pinned to a core. None outlives this process.
import { spawn, spawnSync } from 'node:child_process';

const CALL_TIMEOUT_MS = 120_000;

const running = new Set();

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    process.exit(130);
  });
}

const canPin = spawnSync('taskset', ['-c', '0,1', 'true']).status === 0;

/** Why processes are not pinned to cores, or undefined when they are. */
export const notPinned = canPin
  ? undefined
  : 'taskset is missing or there are not two cores: nothing is pinned';

/** A module of methods (see child.mjs) running in a process of its own. */
export class Child {
  #process;
  #calls = new Map();
  #nextCall = 1;
  #listeners = new Map();
  #exited;

  /** @param options.core the core to run on; @param options.nodeOptions further flags for node */
  constructor(modulePath, { core, nodeOptions = [] }) {
    const node = [process.execPath, '--expose-gc', ...nodeOptions, modulePath];
    const [command, ...args] = canPin ? ['taskset', '-c', String(core), ...node] : node;
    this.#process = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    running.add(this.#process);
    this.#process.on('message', (message) => this.#receive(message));
    this.#exited = new Promise((resolve) => {
      this.#process.once('error', (error) => this.#fail(error));
      this.#process.once('exit', (code, signal) => {
        running.delete(this.#process);
        this.#fail(new Error(`${modulePath} ended early (${signal ?? code})`));
        resolve();
      });
    });
  }

  get pid() {
    return this.#process.pid;
  }

  /** Calls a method of the child's; rejects when it throws, when the child dies, or after two minutes. */
  call(method, params = {}, timeoutMs = CALL_TIMEOUT_MS) {
    const id = this.#nextCall;
    this.#nextCall += 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#calls.delete(id);
        reject(new Error(`${method} took longer than ${timeoutMs} ms`));
      }, timeoutMs);
      this.#calls.set(id, { resolve, reject, timer });
      this.#process.send({ id, method, params }, (error) => {
        if (error) this.#fail(error);
      });
    });
  }

  /** Listens to what the child emits by itself. */
  on(event, listener) {
    this.#listeners.set(event, listener);
  }

  async end() {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  #receive({ id, result, error, event }) {
    if (event !== undefined) {
      this.#listeners.get(event)?.(result);
      return;
    }
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#calls.delete(id);
    clearTimeout(call.timer);
    if (error === undefined) call.resolve(result);
    else call.reject(new Error(error));
  }

  #fail(error) {
    for (const { reject, timer } of this.#calls.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#calls.clear();
  }
}
