// nginx, haproxy and caddy as servers of the same folder: TLS 1.2 and 1.3, one worker, one small answer.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { BODY } from '../protocol.mjs';

/** Debian keeps servers where not every user looks for programs. */
const PATH = [process.env.PATH, '/usr/sbin', '/usr/local/sbin'].join(delimiter);

/** The peers: `prepare` writes what one needs to serve `folder` on `port`, and says how it is started. */
export const PEERS = [
  { name: 'nginx', debianPackage: 'nginx-light', versionFlag: '-v', prepare: nginx },
  { name: 'haproxy', debianPackage: 'haproxy', versionFlag: '-v', prepare: haproxy },
  { name: 'caddy', debianPackage: 'caddy', versionFlag: 'version', prepare: caddy },
];

/** What this peer says its version is; undefined where it is not installed. */
export function versionOf({ name, versionFlag }) {
  const { status, stdout, stderr } = spawnSync(name, [versionFlag], {
    env: { ...process.env, PATH },
    encoding: 'utf8',
  });
  if (status !== 0) return undefined;
  return /\d+\.\d+(\.\d+)?/.exec(stdout + stderr)?.[0] ?? 'unknown';
}

/** A certificate by variable: both files are read in each handshake. */
function nginx({ folder, port, base }) {
  const home = made(join(base, 'nginx'));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const paths = temporary.map((kind) => `${kind}_temp_path ${home}/${kind};`).join('\n  ');
  // Only root may, and has to, say as whom workers run; as nobody they could not read the keys.
  const user = process.getuid?.() === 0 ? `user ${userInfo().username};` : '';
  const config = `
${user}
daemon off;
worker_processes 1;
pid ${home}/pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  ${paths}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ecdh_curve X25519:P-256;
    ssl_certificate ${folder.path}/$ssl_server_name.crt;
    ssl_certificate_key ${folder.path}/$ssl_server_name.key;
    location / { return 200 "${BODY}"; }
  }
}
`;
  const file = written(join(home, 'nginx.conf'), config);
  return { command: 'nginx', args: ['-p', home, '-e', 'stderr', '-c', file], env: { PATH } };
}

/** All of a folder at start, chain and key in one file each. */
function haproxy({ folder, port, base }) {
  const config = `
global
  nbthread 1
  ssl-default-bind-options ssl-min-ver TLSv1.2
  ssl-default-bind-curves X25519:P-256
defaults
  mode http
  timeout client 10s
  timeout connect 10s
  timeout server 10s
frontend bench
  bind 127.0.0.1:${port} ssl crt ${folder.combined()}/
  http-request return status 200 content-type text/plain string ${BODY}
`;
  return {
    command: 'haproxy',
    args: ['-db', '-f', written(join(base, 'haproxy.cfg'), config)],
    env: { PATH },
  };
}

/** All of a folder at start, as above. */
function caddy({ folder, port, base }) {
  const home = made(join(base, 'caddy'));
  const server = {
    listen: [`127.0.0.1:${port}`],
    automatic_https: { disable: true },
    protocols: ['h1', 'h2'],
    tls_connection_policies: [{}],
    routes: [{ handle: [{ handler: 'static_response', body: BODY }] }],
  };
  const config = {
    admin: { disabled: true, config: { persist: false } },
    logging: { logs: { default: { level: 'ERROR' } } },
    apps: {
      http: { servers: { bench: server } },
      tls: {
        certificates: { load_folders: [folder.combined()] },
        // Beyond its capacity of 10,000 it would drop some.
        cache: { capacity: folder.names.length * 2 + 1_000 },
      },
    },
  };
  const file = written(join(home, 'caddy.json'), JSON.stringify(config));
  const env = { PATH, HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home, GOMAXPROCS: '1' };
  return { command: 'caddy', args: ['run', '--config', file], env };
}

function made(path) {
  mkdirSync(path, { recursive: true });
  return path;
}

function written(path, text) {
  writeFileSync(path, text);
  return path;
}
