// Real processes on the same folder, to be killed, stopped and continued.
import { afterEach } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { compiled } from '../support/programs.js';

const running = new Set<Child>();

/** A child that speaks in lines. */
export interface Child {
  /** The next line it says; rejects when it ends without one. */
  line(): Promise<string>;
  /** Says a line to it. */
  say(text: string): void;
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Its exit code, once it has ended by itself. */
  ended(): Promise<number | null>;
}

/** Runs `test/storage/children/<name>.ts`. */
export function startChild(name: string, ...parameters: string[]): Child {
  const file = compiled(__dirname, 'children', `${name}.ts`);
  const process_ = spawn(process.execPath, [file, ...parameters], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exit = once(process_, 'close') as Promise<[number | null]>;
  const lines = createInterface(process_.stdout)[Symbol.asyncIterator]();
  const child: Child = {
    async line() {
      const next = await lines.next();
      if (next.done === true) throw new Error(`${name} ended without saying anything`);
      return next.value;
    },
    say: (text) => process_.stdin.write(`${text}\n`),
    signal: (signal) => process_.kill(signal),
    async kill() {
      process_.kill('SIGKILL');
      await exit;
    },
    async ended() {
      const [code] = await exit;
      return code;
    },
  };
  running.add(child);
  void exit.then(() => running.delete(child));
  return child;
}

afterEach(async () => {
  await Promise.all(Array.from(running, (child) => child.kill()));
});
