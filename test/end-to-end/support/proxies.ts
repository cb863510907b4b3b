// Real proxies in front of a server, configured as docs/behind-a-proxy.md says.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { reservePorts } from '../../support/reserved-ports.js';
import type { TemporaryFolder } from '../../support/temporary-folder.js';
import { PATIENCE_MS } from '../../support/until.js';

const PAGE = join(__dirname, '..', '..', '..', 'docs', 'behind-a-proxy.md');

/** A proxy that runs. */
export interface Proxy {
  readonly port: number;
  close(): Promise<void>;
}

/** Where the server behind it listens, and with what the proxy ends TLS. */
export interface Behind {
  readonly httpsPort: number;
  readonly httpPort: number;
  readonly folder: TemporaryFolder;
  /** Where the proxy listens, if not on a port of its own. */
  readonly frontPort?: number;
}

type Program = 'nginx' | 'haproxy' | 'caddy';

/** What a test adds to the documented part: no privileges, nothing outside its folder. */
const FRAMES: Readonly<Record<Program, (config: string, folder: TemporaryFolder) => string>> = {
  nginx: (config, { path }) => {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((kind) => `${kind}_temp_path ${path}/${kind};`)
      .join(' ');
    const inner = config.startsWith('stream') ? config : `http { access_log off; ${temporary}\n${config} }`;
    return [
      'load_module /usr/lib/nginx/modules/ngx_stream_module.so;',
      `daemon off; user root; pid ${path}/nginx.pid; error_log stderr; events {}`,
      inner,
    ].join('\n');
  },
  haproxy: (config) =>
    `defaults\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n${config}\n`,
  caddy: (config) => `{\n  admin off\n  auto_https disable_redirects\n}\n${config}\n`,
};

/** Starts a proxy with the `index`th block of its language on the page. */
export async function proxyOf(program: Program, index: number, behind: Behind): Promise<Proxy> {
  const { folder, frontPort } = behind;
  const reserved = frontPort === undefined ? await reservePorts(1) : undefined;
  const port = frontPort ?? reserved?.ports[0] ?? 0;
  const file = folder.file(`${program}-${index}.conf`);
  await writeFile(file, FRAMES[program](configOf(program, index, { ...behind, port }), folder));
  const args = {
    nginx: ['-c', file, '-p', folder.path, '-e', 'stderr'],
    haproxy: ['-f', file, '-db'],
    caddy: ['run', '--config', file, '--adapter', 'caddyfile'],
  };
  const child = spawn(program, args[program], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: folder.path, XDG_DATA_HOME: folder.path, XDG_CONFIG_HOME: folder.path },
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exited = once(child, 'exit');
  const close = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 3_000);
    await exited;
    clearTimeout(timer);
    await reserved?.release();
  };
  try {
    await reachable(port, () => child.exitCode !== null);
  } catch (error) {
    await close();
    throw new Error(`${program} did not start: ${stderr}`, { cause: error });
  }
  return { port, close };
}

function configOf(
  program: Program,
  index: number,
  { port, httpsPort, httpPort, folder }: Behind & Proxyed,
): string {
  const language = program === 'caddy' ? 'caddyfile' : program;
  const blocks = [
    ...readFileSync(PAGE, 'utf8').matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g')),
  ];
  const block = blocks[index]?.[1];
  if (block === undefined) throw new Error(`There is no block ${index} of ${language} in ${PAGE}.`);
  return block
    .replaceAll('10.0.0.7:8443', `127.0.0.1:${httpsPort}`)
    .replaceAll('10.0.0.7:8080', `127.0.0.1:${httpPort}`)
    .replaceAll('/etc/tls', folder.path)
    .replace('bind :80', `bind 127.0.0.1:${port}`)
    .replace('bind :443', `bind 127.0.0.1:${port}`)
    .replace('listen 443', `listen 127.0.0.1:${port}`)
    .replace(/^example\.com \{/m, `https://a.test:${port} {\n  bind 127.0.0.1`)
    .replaceAll('example.com', 'a.test');
}

interface Proxyed {
  readonly port: number;
}

async function reachable(port: number, hasEnded: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    if (hasEnded() || Date.now() > deadline) throw new Error(`nothing listens on port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
