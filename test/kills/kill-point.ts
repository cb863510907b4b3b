/**
 * One kill -9 at one step of issuance or renewal, the process that comes after it, and the judgement: what is served,
 * which account there is, and how many orders the authority has taken.
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

const HOUR_MS = 3_600_000;
/** Longer than a starved process takes to load what it needs: one that is silent for so long has lost its lease. */
const LEASE_MS = 4_000;
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
interface Run {
  readonly lines: readonly string[];
  readonly wasKilled: boolean;
}

/** A folder in which there is a certificate already, for renewals. */
export interface Beginning {
  readonly folder: string;
  readonly names: readonly string[];
  /** The serial number of what is stored. */
  readonly serial: string | undefined;
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

/** Everything that is there before the course begins. */
export async function begin(lane: Lane, course: Course): Promise<Beginning> {
  count += 1;
  const number = count;
  const names = Array.from({ length: course.names }, (_, index) => `kill-${number}-${index}.test`);
  const folder = await mkdtemp(join(tmpdir(), 'kills-'));
  const beginning = { folder, names, serial: undefined };
  if (course.kind === 'issuance') return beginning;
  const { lines } = await run(lane, course, { ...beginning, aheadMs: 0 });
  return { folder, names, serial: servedBy(lines) };
}

/** How many steps and requests the course has when nobody is killed. */
export async function length(lane: Lane, course: Course): Promise<{ steps: number; requests: number }> {
  const beginning = await begin(lane, course);
  const before = lane.front.requests.length;
  const { lines } = await run(lane, course, beginning);
  await rm(beginning.folder, { recursive: true });
  servedBy(lines);
  return {
    steps: lines.filter((line) => line.startsWith('step ')).length,
    requests: lane.front.requests.length - before,
  };
}

/** What was found at one point. */
export interface Verdict {
  readonly wasKilled: boolean;
  readonly orders: number;
  /** Orders that may be there: one, and one more where nobody could know of the first, or the authority gave it up. */
  readonly mostOrders: number;
  readonly faults: readonly string[];
}

/** Kills at `point`, starts again, and judges. */
export async function killAt(lane: Lane, course: Course, point: KillPoint): Promise<Verdict> {
  const beginning = await begin(lane, course);
  const from = { requests: lane.front.requests.length, invalid: invalidated(lane).length };
  const killed = await run(lane, course, { ...beginning, point });
  const answeredOrders = orders(lane, from.requests);
  const after = await run(lane, course, beginning);
  const all = orders(lane, from.requests);
  const accounts = lane.front.requests
    .slice(from.requests)
    .filter(({ path, status }) => path === '/sign-me-up' && status === 201).length;
  const isUrlStored = killed.lines.some((line) => / after put acme\/[^ ]*\/orders\//.test(line));
  const isUnknown = answeredOrders > 0 && !isUrlStored;
  const given = invalidated(lane).length - from.invalid;
  const mostOrders = 1 + (isUnknown ? 1 : 0) + given;
  await rm(beginning.folder, { recursive: true });
  const faults = faultsOf({ killed, after, serial: beginning.serial });
  if (all > mostOrders) faults.push(`${all} orders where ${mostOrders} would do`);
  if (accounts > (course.kind === 'issuance' ? 1 : 0)) faults.push(`${accounts} accounts were made`);
  return { wasKilled: killed.wasKilled, orders: all, mostOrders, faults };
}

function faultsOf({
  killed,
  after,
  serial,
}: {
  killed: Run;
  after: Run;
  serial: string | undefined;
}): string[] {
  const faults: string[] = [];
  const isStored = killed.lines.some((line) => / after put managed\/[^ ]*\/current$/.test(line));
  const [, state, served] = lineOf('listening', after.lines);
  if ((serial !== undefined || isStored) && state !== 'valid')
    faults.push(`a pair was stored, and ${state ?? 'nothing'} is served`);
  const seen = wordAfter('handshake', after.lines);
  const last = wordAfter('served', after.lines);
  if (state === 'valid' && seen !== served && seen !== last)
    faults.push(`${served ?? ''} is stored, ${seen ?? 'nothing'} is served`);
  if (after.wasKilled) faults.push('the process after it did not end');
  if (last === undefined || last === serial) faults.push('there was no new certificate in the end');
  const made = killed.lines.some((line) => / after put acme\/[^ ]*\/account$/.test(line));
  const key = wordAfter('account', killed.lines);
  if (made && key !== wordAfter('kept', after.lines)) faults.push('the account has another key');
  return faults;
}

async function run(
  lane: Lane,
  course: Course,
  options: Beginning & { readonly point?: KillPoint; readonly aheadMs?: number },
): Promise<Run> {
  const { pebble, front } = lane;
  const { point, folder, names, serial, aheadMs = course.kind === 'renewal' ? 2 * HOUR_MS : 0 } = options;
  const plan = {
    ...{ library: lane.library, folder, names, challenge: course.challenge, aheadMs, until: serial },
    ...{ directoryUrl: front.directoryUrl, serverCaFile: pebble.serverCaFile },
    ...{ tlsPort: pebble.tlsPort, httpPort: pebble.httpPort, leaseMs: LEASE_MS, lingerMs: LINGER_MS },
    ...(point?.at === 'storage' ? { killAtStep: point.step } : {}),
  };
  const [program = '', ...args] = lane.command;
  const child = spawn(program, [...args, JSON.stringify(plan)], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (point?.at === 'network') killByRequest(front, child, point);
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_RUN_MS);
  try {
    return await heard(child, lane, names);
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

async function heard(child: ChildProcess, { pebble }: Lane, names: readonly string[]): Promise<Run> {
  const closed = once(child, 'close');
  const lines: string[] = [];
  const handshakes: Promise<void>[] = [];
  for await (const line of createInterface(child.stdout!)) {
    lines.push(line);
    if (!line.startsWith('listening valid')) continue;
    // A renewal may be served a moment later: what counts is that it is the one or the other.
    const handshake = peerSerial(pebble.tlsPort, names[0] ?? '').then((serial) => {
      lines.push(`handshake ${serial}`);
    });
    handshakes.push(handshake.catch(() => undefined));
  }
  await Promise.all(handshakes);
  await closed;
  return { lines, wasKilled: child.signalCode === 'SIGKILL' };
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

function orders({ front }: Lane, from: number): number {
  return front.requests.slice(from).filter(({ path, status }) => path === '/order-plz' && status === 201)
    .length;
}

function invalidated({ pebble }: Lane): readonly string[] {
  return pebble.logged(/authz \S+ set INVALID/);
}

/** What a process served in the end whom nobody has killed. */
function servedBy(lines: readonly string[]): string {
  const serial = wordAfter('served', lines);
  if (serial === undefined) throw new Error(`no certificate, without a kill:\n${lines.join('\n')}`);
  return serial;
}

function lineOf(word: string, lines: readonly string[]): readonly string[] {
  return lines.find((line) => line.startsWith(`${word} `))?.split(' ') ?? [];
}

function wordAfter(word: string, lines: readonly string[]): string | undefined {
  return lineOf(word, lines)[1];
}
