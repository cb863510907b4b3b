// Certificates by Caddy: a process, its file storage, and whatever challenge it prefers.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const isInstalled = spawnSync('caddy', ['version']).status === 0;

let running;

/** Ends what is running. */
export function abandon() {
  running?.kill('SIGKILL');
}

/**
 * Seconds from the start of the process to the last of the certificates being stored. For several it is given an account
 * before: without one, some of its jobs read the account's key while another writes it, and try again a minute later.
 */
export async function obtain({ pebble, names }) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-caddy-'));
  try {
    if (names.length > 1) await runUntilStored(pebble, [`account-of-${names[0]}`], folder);
    return await runUntilStored(pebble, names, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function runUntilStored(pebble, names, folder) {
  writeFileSync(join(folder, 'Caddyfile'), configFor(pebble, names, folder));
  const wanted = stored(folder) + names.length;
  const began = performance.now();
  const child = spawn('caddy', ['run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')], {
    stdio: 'ignore',
    env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  });
  running = child;
  const closed = once(child, 'close');
  try {
    while (stored(folder) < wanted) {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return (performance.now() - began) / 1_000;
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
}

function stored(folder) {
  return readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.crt')).length;
}

function configFor({ directoryUrl, serverCaFile, httpPort, tlsPort }, names, folder) {
  return `{
  admin off
  acme_ca ${directoryUrl}
  acme_ca_root ${serverCaFile}
  http_port ${httpPort}
  https_port ${tlsPort}
  storage file_system ${folder}/storage
  auto_https disable_redirects
}
${names.join(', ')} {
  bind 127.0.0.1
  respond "page"
}
`;
}
