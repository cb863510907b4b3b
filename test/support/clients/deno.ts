// Deno: a client of rustls, which is stricter about certificates than OpenSSL. It runs from the folder of its package, has
// no right but to connect to the one port, and keeps whatever it writes in a folder of its own.
import { writeFile } from 'node:fs/promises';
import { run } from './child-process.js';
import { type Target, withTarget } from './target.js';

/** What Deno got. */
export interface DenoAnswer {
  /** 0 when there was no connection. */
  readonly status: number;
  readonly body: string;
  /** Why rustls has ended the handshake, such as `invalid peer certificate: UnknownIssuer`; empty when it has not. */
  readonly error: string;
}

/** By `connect` and `startTls`, because `fetch` would look the name up. */
const CLIENT = `
const { port, host, path, caFile } = JSON.parse(Deno.args[0]);
const caCerts = caFile === undefined ? [] : [Deno.readTextFileSync(caFile)];
const tcp = await Deno.connect({ hostname: '127.0.0.1', port });
let answer;
try {
  const tls = await Deno.startTls(tcp, { hostname: host, caCerts, alpnProtocols: ['http/1.1'] });
  await tls.handshake();
  const request = 'GET ' + path + ' HTTP/1.1\\r\\nHost: ' + host + '\\r\\nConnection: close\\r\\n\\r\\n';
  await tls.writable.getWriter().write(new TextEncoder().encode(request));
  const text = await new Response(tls.readable).text();
  const [head, body] = text.split(/\\r\\n\\r\\n(.*)/s);
  answer = { status: Number(head.split(' ')[1]), body, error: '' };
} catch (error) {
  answer = { status: 0, body: '', error: String(error.message) };
}
console.log(JSON.stringify(answer));
`;

/** Requests a page by HTTP/1.1. */
export function deno(request: Target): Promise<DenoAnswer> {
  return withTarget(request, async ({ port, host, path, caFile, limit, folder }) => {
    await writeFile(folder.file('client.js'), CLIENT);
    const { exitCode, stdout, stderr } = await run({
      program: denoProgram() ?? 'deno',
      args: [
        ...['run', '--quiet', '--no-prompt', '--no-config', '--no-lock', '--no-remote', '--no-npm'],
        ...[`--allow-net=127.0.0.1:${port}`, ...(caFile === undefined ? [] : [`--allow-read=${caFile}`])],
        ...[folder.file('client.js'), JSON.stringify({ port, host, path, caFile })],
      ],
      cwd: folder.path,
      env: { DENO_DIR: folder.file('deno'), HOME: folder.path, DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' },
      timeLimitMs: 60_000,
      ...limit,
    });
    if (exitCode !== 0) throw new Error(`deno ended with ${exitCode}.\n${stdout}\n${stderr}`);
    return JSON.parse(stdout) as DenoAnswer;
  });
}

/** Whether npm has Deno for this system. */
export const hasDeno = denoProgram() !== undefined;

/** The binary itself: what npm links to writes beside it when it is first run. */
function denoProgram(): string | undefined {
  const { platform, arch } = process;
  const system = platform === 'linux' ? `${platform}-${arch}-glibc` : `${platform}-${arch}`;
  try {
    return require.resolve(`@deno/${system}/${platform === 'win32' ? 'deno.exe' : 'deno'}`);
  } catch {
    return undefined;
  }
}
