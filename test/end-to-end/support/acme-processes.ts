// Servers with acme() in processes of their own, which share a folder, to be renewed, killed and stopped.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Pebble } from '../../support/pebble.js';
import { startChild } from './child.js';
import type { AcmeProcessInput, AcmeProcessLine } from './children/acme-process.js';
import type { Keep } from './cleanup.js';

/** A process, or a cluster of them. */
export interface AcmeProcess {
  readonly pid: number;
  /** What it has told so far. */
  readonly lines: AcmeProcessLine[];
  /** Resolves with the first line that fits, told already or to come. */
  told(fits: (line: AcmeProcessLine) => boolean): Promise<AcmeProcessLine>;
  /** Gives it a command. */
  say(command: string): void;
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
}

/** How it is started, besides what it is told. */
export interface AcmeProcessOptions extends Omit<AcmeProcessInput, 'options' | 'port'> {
  readonly keep: Keep;
  readonly pebble: Pick<Pebble, 'directoryUrl' | 'serverCaFile' | 'tlsPort'>;
  readonly domains: AcmeProcessInput['options']['domains'];
  readonly options?: Partial<AcmeProcessInput['options']>;
  /** The port where Pebble's validators come if omitted. */
  readonly port?: number;
  /** Put in front of the command. */
  readonly wrapper?: readonly string[];
}

/** Resolves when it, or each of its workers, listens. */
export async function acmeProcess({
  keep,
  pebble,
  domains,
  options = {},
  port = pebble.tlsPort,
  wrapper = [],
  ...input
}: AcmeProcessOptions): Promise<AcmeProcess> {
  const { directoryUrl, serverCaFile } = pebble;
  const child = startChild('acme-process', {
    wrapper,
    input: { ...input, port, options: { directoryUrl, serverCaFile, domains, ...options } },
  });
  const process_ = following(child);
  keep(() => process_.kill());
  for (let count = 1; count <= (input.workers ?? 1); count += 1) {
    await process_.told((line) => listeningIn(process_.lines, line) >= count);
  }
  return process_;
}

function listeningIn(lines: readonly AcmeProcessLine[], last: AcmeProcessLine): number {
  return lines.slice(0, lines.indexOf(last) + 1).filter(({ event }) => event === 'listening').length;
}

function following(child: ChildProcess): AcmeProcess {
  const lines: AcmeProcessLine[] = [];
  const watchers = new Set<() => void>();
  const closed = once(child, 'close');
  createInterface(child.stdout!).on('line', (line) => {
    lines.push(JSON.parse(line) as AcmeProcessLine);
    for (const watcher of watchers) watcher();
  });
  return {
    pid: child.pid!,
    lines,
    told: (fits) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const line = lines.find(fits);
          if (line === undefined) return;
          watchers.delete(look);
          resolve(line);
        };
        watchers.add(look);
        void closed.then(() => {
          reject(new Error(`The process ended after ${JSON.stringify(lines)}.`));
        });
        look();
      }),
    say: (command) => child.stdin!.write(`${command}\n`),
    signal: (name) => child.kill(name),
    kill: async () => {
      child.kill('SIGKILL');
      await closed;
    },
  };
}
