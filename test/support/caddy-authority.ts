/**
 * The certificate authority of Caddy, which is another one than Pebble in all that the RFC leaves open: it validates while
 * the challenge is posted, leaves failed ones pending, lists no terms of service, and issues without a common name. Its
 * validators connect to ports 80 and 443 and nowhere else, so it lives in a network of its own, with a hosts file of its
 * own; `inside` is put in front of commands that are to run there.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { temporaryFolder } from './temporary-folder.js';

const PORT = 14_443;
/** A port that is not the default keeps Caddy itself from 443; without redirects it leaves 80 alone. */
const CADDYFILE = (folder: string): string => `{
  admin off
  skip_install_trust
  auto_https disable_redirects
  storage file_system ${folder}/storage
}
https://localhost:${PORT} {
  tls internal
  acme_server
}
`;
/** Executed by a shell, so that it is the process that holds the namespaces which becomes Caddy. */
const ENTER =
  'ip link set lo up && mount --bind "$1" /etc/hosts && exec caddy run --adapter caddyfile --config "$2"';

/** The authority. */
export interface CaddyAuthority {
  readonly directoryUrl: string;
  /** The root of its own HTTPS, and of what it issues. */
  readonly serverCaFile: string;
  /** What makes a command run in its network. */
  readonly inside: readonly string[];
  stop(): Promise<void>;
}

/** Starts one for which these names lead to 127.0.0.1. */
export async function startCaddyAuthority(names: readonly string[]): Promise<CaddyAuthority> {
  const folder = await temporaryFolder();
  const [hosts, config] = [folder.file('hosts'), folder.file('Caddyfile')];
  await writeFile(hosts, `127.0.0.1 localhost ${names.join(' ')}\n`);
  await writeFile(config, CADDYFILE(folder.path));
  const mayUnshare = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const child = spawn(
    'unshare',
    [...mayUnshare, '--net', '--mount', 'sh', '-c', ENTER, 'sh', hosts, config],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, HOME: folder.path, XDG_DATA_HOME: folder.path, XDG_CONFIG_HOME: folder.path },
    },
  );
  const stop = async (): Promise<void> => {
    await ended(child);
    await folder.remove();
  };
  try {
    await running(child);
  } catch (error) {
    await stop();
    throw error;
  }
  const user = mayUnshare.length === 0 ? [] : ['--user', '--preserve-credentials'];
  return {
    directoryUrl: `https://localhost:${PORT}/acme/local/directory`,
    serverCaFile: folder.file('storage/pki/authorities/local/root.crt'),
    inside: ['nsenter', '--target', String(child.pid), ...user, '--net', '--mount', `--wd=${process.cwd()}`],
    stop,
  };
}

async function running(child: ChildProcess): Promise<void> {
  const log: string[] = [];
  for await (const line of createInterface(child.stderr!)) {
    log.push(line);
    if (!line.includes('serving initial configuration')) continue;
    child.stderr!.resume();
    return;
  }
  throw new Error(`Caddy did not start:\n${log.join('\n')}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}
