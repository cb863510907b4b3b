// Runs a program to its end, with a time limit, and never synchronously: the server under test lives in this
// process and has to go on answering.
import { spawn, type ChildProcess } from 'node:child_process';

/** What to run. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Written to its standard input, which is then closed. */
  readonly input?: string;
  /** The working folder; defaults to this process's. */
  readonly cwd?: string;
  /** Added to the environment, after everything that names a trust store was taken out. */
  readonly env?: Readonly<Record<string, string>>;
  /** When it is killed, with all of its children; defaults to 20 s. */
  readonly timeLimitMs?: number;
}

/** How it ended. */
export interface Outcome {
  /** The exit code, or null when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

// Each of these would let a client trust more, or less, than the test says.
const TRUST_VARIABLES =
  /^(?:NODE_EXTRA_CA_CERTS|NODE_TLS_REJECT_UNAUTHORIZED|NODE_OPTIONS|\w*_?SSL_CERT_(?:FILE|DIR)|CURL_CA_BUNDLE|CURL_HOME|REQUESTS_CA_BUNDLE|SSLKEYLOGFILE|(?:https?|all|no)_proxy)$/i;

/** Runs `command`; rejects when it cannot be started or misses its time limit, not for its exit code. */
export async function run(command: Command): Promise<Outcome> {
  const { timeLimitMs = 20_000 } = command;
  const child = spawn(command.program, command.args, {
    detached: true,
    cwd: command.cwd,
    env: { ...environmentWithoutTrust(), ...command.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '', isLate: false };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  child.stdin.on('error', () => undefined); // It may end before it has read its input.
  child.stdin.end(command.input ?? '');
  const limit = setTimeout(() => {
    output.isLate = true;
    killGroup(child);
  }, timeLimitMs);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => {
    clearTimeout(limit);
    killGroup(child); // A browser's helpers may outlive it.
  });
  if (output.isLate) {
    throw new Error(
      `${command.program} did not end within ${timeLimitMs} ms.\n${output.stdout}\n${output.stderr}`,
    );
  }
  return { exitCode, stdout: output.stdout, stderr: output.stderr };
}

/** This process's environment without anything that changes whom a client trusts or how it connects. */
export function environmentWithoutTrust(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !TRUST_VARIABLES.test(name)));
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The whole group is gone already.
  }
}
