// Chromium: the client with the strictest rules of all, in a home of its own with its own trust store.
import { mkdir } from 'node:fs/promises';
import { run } from './child-process.js';
import { withTemporaryFolder, type TemporaryFolder } from '../temporary-folder.js';

/** What the browser opens. */
export interface ChromiumRequest {
  /** With its port, such as `https://a.test:8443/`. */
  readonly url: string;
  /** Names that are to lead to 127.0.0.1; defaults to the host of `url`. */
  readonly hosts?: readonly string[];
  /** The root that its NSS database trusts; without one, none that a test makes. */
  readonly caFile?: string;
  readonly extraArgs?: readonly string[];
  /** Defaults to 60 s: the first start on a busy machine is slow. */
  readonly timeLimitMs?: number;
}

/** What the browser showed. Its exit code is 0 even when it refused the certificate. */
export interface ChromiumAnswer {
  /** The page as HTML; empty when it did not load. */
  readonly dom: string;
  /** Such as `ERR_CERT_AUTHORITY_INVALID`. */
  readonly error: string | undefined;
  readonly stderr: string;
}

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--no-default-browser-check',
  '--no-proxy-server',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-extensions',
  '--disable-sync',
  '--dump-dom',
];

/** Opens a page and dumps its DOM. */
export function chromium(request: ChromiumRequest): Promise<ChromiumAnswer> {
  return withTemporaryFolder(async (home) => {
    await createTrustStore(home, request.caFile);
    const hosts = request.hosts ?? [new URL(request.url).hostname];
    const { stdout, stderr } = await run({
      program: 'chromium',
      args: [
        ...FLAGS,
        `--user-data-dir=${home.file('profile')}`,
        `--host-resolver-rules=${hosts.map((host) => `MAP ${host} 127.0.0.1`).join(',')},MAP * ~NOTFOUND,EXCLUDE 127.0.0.1`,
        ...(request.extraArgs ?? []),
        request.url,
      ],
      env: { HOME: home.path, XDG_CONFIG_HOME: home.file('config'), XDG_CACHE_HOME: home.file('cache') },
      timeLimitMs: request.timeLimitMs ?? 60_000,
    });
    return { dom: stdout, error: /\b(ERR_[A-Z0-9_]+)/.exec(stderr)?.[1] ?? netError(stderr), stderr };
  });
}

async function createTrustStore(home: TemporaryFolder, caFile: string | undefined): Promise<void> {
  const folder = home.file('.pki', 'nssdb');
  await mkdir(folder, { recursive: true });
  await certutil(['-d', `sql:${folder}`, '-N', '--empty-password']);
  if (caFile !== undefined) {
    await certutil(['-d', `sql:${folder}`, '-A', '-t', 'C,,', '-n', 'tlsmith tests', '-i', caFile]);
  }
}

async function certutil(args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await run({ program: 'certutil', args });
  if (exitCode !== 0) throw new Error(`certutil ended with ${String(exitCode)}: ${stderr}`);
}

function netError(stderr: string): string | undefined {
  return /net_error (-\d+)/.exec(stderr)?.[1];
}
