// Programs of our own in processes of their own: what only a whole process can show (its user, its end).
import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { environmentWithoutTrust } from '../../support/clients.js';
import { compiled } from '../../support/programs.js';

const ROOT = join(__dirname, '..', '..', '..');

/** How a child is run. */
export interface ChildOptions {
  /** Given to the program as JSON, its only argument. */
  readonly input?: unknown;
  /** Put in front of the command, such as `['unshare', '-n']`. */
  readonly wrapper?: readonly string[];
  /** Becomes file descriptor 3. */
  readonly fd?: number;
}

/** Starts `support/children/<name>.ts`. */
export function startChild(name: string, { input = {}, wrapper = [], fd }: ChildOptions = {}): ChildProcess {
  const script = compiled(__dirname, 'children', `${name}.ts`);
  const command = [process.execPath, script, JSON.stringify(input)];
  const [program = '', ...args] = [...wrapper, ...command];
  const stdio: StdioOptions = ['pipe', 'pipe', 'inherit', ...(fd === undefined ? [] : [fd])];
  return spawn(program, args, { cwd: ROOT, env: environmentWithoutTrust(), stdio });
}

/**
 * The wrapper that takes away all privileges; empty when there are none. The user stays, because another one may not
 * even read a checkout that lies in a private folder.
 */
export function withoutPrivileges(): string[] {
  if (process.getuid?.() !== 0) return [];
  return ['setpriv', '--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all'];
}

/** The first line that a child writes, as JSON. */
export async function firstLine(child: ChildProcess): Promise<unknown> {
  let line = '';
  while (!line.includes('\n')) {
    const [chunk] = (await once(child.stdout!, 'data')) as [Buffer];
    line += chunk.toString();
  }
  return JSON.parse(line);
}

/** Runs a child to its end: its exit code, and what it has written. */
export async function runChild(
  name: string,
  options?: ChildOptions,
): Promise<{ exitCode: number | null; output: string }> {
  const child = startChild(name, options);
  const [output, [exitCode]] = (await Promise.all([text(child.stdout!), once(child, 'close')])) as [
    string,
    [number | null],
  ];
  return { exitCode, output };
}
