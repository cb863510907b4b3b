// A server with acme() in a process of its own, or `workers` of them in a cluster. Tells in lines of JSON what happens;
// takes `manage <name>`, `renew <name>`, `revoke <name>` and `close` as lines; a cluster also `replace`: one worker after the
// other is disconnected once a new one listens in its place, as process managers do it at a reload.
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';
import { acme, type AcmeOptions, createSecureServer, fileStorage } from '../../../../src/index.js';

/** What a process is told. */
export interface AcmeProcessInput {
  readonly options: Omit<AcmeOptions, 'termsOfServiceAgreed' | 'storage' | 'fallback'>;
  /** A second authority. */
  readonly fallback?: Pick<AcmeOptions, 'directoryUrl' | 'serverCaFile'>;
  readonly storage: string;
  readonly port: number;
  readonly httpPort?: number;
  /** How many workers listen; none: the process itself. */
  readonly workers?: number;
}

/** What a process tells. */
export interface AcmeProcessLine {
  readonly pid: number;
  readonly event: 'listening' | 'certificate' | 'failed' | 'warning' | 'replaced' | 'left';
  readonly names?: readonly string[];
  readonly action?: string;
  readonly serialNumber?: string;
  readonly code?: string;
  /** Of a worker that has left: how it has ended. */
  readonly exitCode?: number;
  /** Where it listens. */
  readonly port?: number | undefined;
  readonly httpPort?: number | undefined;
  readonly at: number;
}

const input = JSON.parse(process.argv[2] ?? '{}') as AcmeProcessInput;

if (cluster.isPrimary && input.workers !== undefined) {
  const workers = Array.from({ length: input.workers }, () => forked());
  createInterface(process.stdin).on('line', (line) => {
    if (line === 'replace') {
      void replaceAll(workers);
      return;
    }
    // What is to be done is done by one of them.
    for (const worker of line === 'close' ? workers : workers.slice(0, 1)) worker.send(line);
  });
} else await serve();

function forked(): Worker {
  const worker = cluster.fork();
  worker.on('message', (line: string) => {
    process.stdout.write(`${line}\n`);
  });
  worker.on('exit', (exitCode) => {
    say({ event: 'left', exitCode });
  });
  return worker;
}

async function replaceAll(workers: Worker[]): Promise<void> {
  for (const old of workers.splice(0)) {
    const next = forked();
    workers.push(next);
    await new Promise<void>((resolve) => {
      next.on('message', (line: string) => {
        if ((JSON.parse(line) as AcmeProcessLine).event === 'listening') resolve();
      });
    });
    old.disconnect();
    await once(old, 'exit');
  }
  say({ event: 'replaced' });
}

async function serve(): Promise<void> {
  const storage = fileStorage(input.storage);
  const agreed = { termsOfServiceAgreed: true } as const;
  const { fallback } = input;
  const source = acme({
    ...{ ...agreed, ...input.options },
    ...(fallback === undefined ? {} : { fallback: acme({ ...agreed, ...fallback, domains: [] }) }),
  });
  const secure = createSecureServer(
    {
      sources: source,
      storage,
      logger: false,
      ...(input.httpPort === undefined ? {} : { http: { port: input.httpPort, host: '127.0.0.1' } }),
    },
    (_request: IncomingMessage, response: ServerResponse) => {
      response.setHeader('x-pid', process.pid);
      response.end('page');
    },
  );
  secure.on('certificate', ({ names, action, serialNumber }) => {
    say({ event: 'certificate', names, action, serialNumber });
  });
  secure.on('failed', ({ names, error }) => {
    say({ event: 'failed', names, code: error.code });
  });
  secure.on('warning', ({ code }) => {
    say({ event: 'warning', code });
  });
  const obey = (line: string): void => {
    const [command, name = ''] = line.split(' ');
    if (command === 'manage') void source.manage(name);
    if (command === 'renew') void secure.renew(name).catch(() => undefined);
    if (command === 'revoke') void source.revoke(name).catch(() => undefined);
    if (command === 'close') void secure.close({ graceMs: 0 }).then(() => process.exit(0));
  };
  process.on('message', obey);
  // What it has begun, it ends; what it has accepted, it answers.
  cluster.worker?.once('disconnect', () => {
    void secure.close().then(() => process.exit(0));
  });
  if (!cluster.isWorker) createInterface(process.stdin).on('line', obey);
  await secure.listen({ port: input.port, host: '127.0.0.1' });
  const portOf = (wanted: string): number | undefined =>
    secure.status().listeners.find(({ protocol }) => protocol === wanted)?.port;
  say({ event: 'listening', port: portOf('https'), httpPort: portOf('http') });
}

function say(line: Omit<AcmeProcessLine, 'pid' | 'at'>): void {
  const text = JSON.stringify({ pid: process.pid, at: Date.now(), ...line });
  if (process.send === undefined) process.stdout.write(`${text}\n`);
  else if (process.connected) process.send(text);
}
