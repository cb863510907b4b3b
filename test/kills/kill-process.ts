/**
 * A server in a process of its own that is killed at one step of issuance or renewal, or left to end: child.mjs, at an
 * authority whose requests are written down.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import { type Pebble, startPebble } from '../support/pebble.js';
import { type PebbleFront, startPebbleFront } from '../support/pebble-front.js';

export const HOUR_MS = 3_600_000;
/**
 * Of two processes in one folder the first is always dead: a lease is as long as the second has to wait, and nobody is
 * there to take it away from one that is starved.
 */
const LEASE_MS = 750;
const LINGER_MS = 250;
/** Longer than the first step of the ladder, on a busy machine. */
const LONGEST_RUN_MS = 150_000;

/** What happens, to how many names, and how they are validated. */
export interface Course {
  readonly kind: 'issuance' | 'renewal';
  readonly challenge: 'tls-alpn-01' | 'http-01';
  readonly names: number;
}

/** Where the process is killed: at a step of its storage, or by a request, before or after it was answered. */
export type KillPoint =
  | { readonly at: 'storage'; readonly step: number }
  | { readonly at: 'network'; readonly request: number; readonly isAnswered: boolean };

/** How the process runs. */
export interface RunOptions {
  readonly point?: KillPoint;
  /** The first step that it is killed at, in place of a point: a regular expression. */
  readonly moment?: string | undefined;
  /** Steps at which it is not killed, but at the next: a regular expression. */
  readonly spared?: string;
  /** Whether it is killed as soon as it has served, unless it was before. */
  readonly diesInTheEnd?: boolean;
}

/** An authority, and what runs there, one after the other. */
export interface Lane {
  readonly pebble: Pebble;
  readonly front: PebbleFront;
  /** The command that runs `child.mjs`, which is its last part. */
  readonly command: readonly string[];
  /** What the program imports as the library. */
  readonly library: string;
  stop(): Promise<void>;
}

/** What a process has said of itself. */
export interface Run {
  readonly lines: readonly string[];
  readonly wasKilled: boolean;
}

/** A folder in which processes follow each other. For renewals there is a certificate already. */
export interface Place {
  readonly folder: string;
  readonly names: readonly string[];
  /** The serial number of what is stored. */
  readonly serial: string | undefined;
  /** How far the clock is ahead. */
  readonly aheadMs: number;
}

export async function openLane({ command, library }: Pick<Lane, 'command' | 'library'>): Promise<Lane> {
  const pebble = await startPebble();
  const past = { start: Date.now() - 2 * HOUR_MS, end: Date.now() - HOUR_MS };
  const front = await startPebbleFront(pebble, { renewalInfo: past });
  return {
    ...{ pebble, front, command, library },
    stop: async () => {
      await front.stop();
      await pebble.stop();
    },
  };
}

let count = 0;

/** An empty folder, and names that nobody had before. */
export async function newPlace({ names }: Course): Promise<Place> {
  count += 1;
  const number = count;
  return {
    folder: await mkdtemp(join(tmpdir(), 'kills-')),
    names: Array.from({ length: names }, (_, index) => `kill-${number}-${index}.test`),
    ...{ serial: undefined, aheadMs: 0 },
  };
}

export async function removePlace({ folder }: Place): Promise<void> {
  await rm(folder, { recursive: true });
}

/** Runs a server there until it is killed, or has served. All that it has asked of the authority is answered then. */
export async function run(lane: Lane, course: Course, place: Place, options: RunOptions = {}): Promise<Run> {
  const { pebble, front } = lane;
  const { point, moment, spared, diesInTheEnd } = options;
  const { folder, names, serial, aheadMs } = place;
  const plan = {
    ...{ library: lane.library, folder, names, challenge: course.challenge, aheadMs, until: serial },
    ...{ directoryUrl: front.directoryUrl, serverCaFile: pebble.serverCaFile },
    ...{ tlsPort: pebble.tlsPort, httpPort: pebble.httpPort, leaseMs: LEASE_MS, lingerMs: LINGER_MS },
    ...{ moment, spared, diesInTheEnd, ...(point?.at === 'storage' ? { killAtStep: point.step } : {}) },
  };
  const [program = '', ...args] = lane.command;
  const child = spawn(program, [...args, JSON.stringify(plan)], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => undefined);
  if (point?.at === 'network') killByRequest(front, child, point);
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_RUN_MS);
  try {
    const lines = await heard(child, lane, names);
    await front.quiet();
    return { lines, wasKilled: child.signalCode === 'SIGKILL' };
  } finally {
    clearTimeout(timer);
    front.intercept = () => undefined;
  }
}

function killByRequest(
  front: PebbleFront,
  child: ChildProcess,
  { request, isAnswered }: KillPoint & { at: 'network' },
): void {
  let seen = 0;
  front.intercept = () => {
    seen += 1;
    if (seen < request) return undefined;
    if (seen === request) child.kill('SIGKILL');
    // Whatever comes after it was on its way from somebody who is dead.
    return seen === request && isAnswered ? undefined : 'hang';
  };
}

async function heard(
  child: ChildProcess,
  { pebble }: Lane,
  names: readonly string[],
): Promise<readonly string[]> {
  const closed = once(child, 'close');
  const lines: string[] = [];
  let handshake: Promise<void> | undefined;
  for await (const line of createInterface(child.stdout!)) {
    lines.push(line);
    if (!line.startsWith('listening ')) continue;
    // A renewal may be served a moment later: what counts is that it is the one or the other.
    handshake = line.startsWith('listening valid')
      ? peerSerial(pebble.tlsPort, names[0] ?? '').then(
          (serial) => void lines.push(`handshake ${serial}`),
          (error: unknown) => void lines.push(`handshake-failed ${String(error)}`),
        )
      : Promise.resolve();
    void handshake.then(() => child.stdin?.end());
  }
  await handshake;
  await closed;
  return lines;
}

function peerSerial(port: number, servername: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false }, () => {
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      resolve(serialNumber);
    });
    socket.once('error', reject);
  });
}

/** How many orders the authority has taken, of the requests from this one on. */
export function ordersSince({ front }: Lane, from: number): number {
  return answered(front, from, '/order-plz');
}

/** How many accounts. */
export function accountsSince({ front }: Lane, from: number): number {
  return answered(front, from, '/sign-me-up');
}

function answered({ requests }: PebbleFront, from: number, where: string): number {
  return requests.slice(from).filter(({ path, status }) => path === where && status === 201).length;
}

/** Authorizations that the authority has given up. */
export function invalidated({ pebble }: Lane): number {
  return pebble.logged(/authz \S+ set INVALID/).length;
}

/** What a process served in the end whom nobody has killed. */
export function servedBy({ lines }: Run): string {
  const serial = wordAfter('served', lines);
  if (serial === undefined) throw new Error(`no certificate, without a kill:\n${lines.join('\n')}`);
  return serial;
}

export function lineOf(word: string, lines: readonly string[]): readonly string[] {
  return lines.find((line) => line.startsWith(`${word} `))?.split(' ') ?? [];
}

export function wordAfter(word: string, lines: readonly string[]): string | undefined {
  return lineOf(word, lines)[1];
}
