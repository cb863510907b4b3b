// Certificates by Caddy: a process, its file storage, and whatever challenge it prefers.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LONGEST_MS = 60_000;

export const isInstalled = spawnSync('caddy', ['version']).status === 0;

/** Seconds from the start of the process to the last of the certificates being stored. */
export async function obtain({ pebble, names }) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-caddy-'));
  writeFileSync(join(folder, 'Caddyfile'), configFor(pebble, names, folder));
  const began = performance.now();
  const child = spawn('caddy', ['run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')], {
    stdio: 'ignore',
    env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  });
  const closed = once(child, 'close');
  try {
    while (stored(folder) < names.length) {
      if (performance.now() - began > LONGEST_MS)
        throw new Error(`caddy took longer than ${LONGEST_MS / 1_000} s`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return (performance.now() - began) / 1_000;
  } finally {
    child.kill('SIGKILL');
    await closed;
    rmSync(folder, { recursive: true });
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
