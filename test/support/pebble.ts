/**
 * Pebble, a real ACME certificate authority from Debian, with a DNS server that leads every name to 127.0.0.1:
 * `const pebble = await startPebble();` and at the end `await pebble.stop();`. Its validators connect to `tlsPort` and
 * `httpPort`, so that is where the server under test listens.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { text } from 'node:stream/consumers';
import { testCa } from './certificates.js';
import { run } from './clients/child-process.js';
import { reservePorts } from './reserved-ports.js';
import { temporaryFolder } from './temporary-folder.js';
import { PATIENCE_MS } from './until.js';

const NINETY_DAYS = 90 * 86_400;

/** How it differs from the gentlest authority there can be. */
export interface PebbleOptions {
  /** Share of nonces that are refused, in percent; none by default. */
  readonly rejectedNonces?: number;
  /** Share of validations that an earlier order has done, in percent; none by default. */
  readonly reusedAuthorizations?: number;
  /** How long certificates live, in seconds; 90 days by default. */
  readonly validitySeconds?: number;
  /** Accounts need an external account binding with one of these: key identifier to MAC key. */
  readonly externalAccounts?: Readonly<Record<string, string>>;
  /** Alternative roots. */
  readonly alternateRoots?: number;
  /** Names it never issues for. */
  readonly blockedNames?: readonly string[];
  /** The ports to use again, after a stop. */
  readonly ports?: PebblePorts;
  /** Put in front of its command, so that it runs in a network of its own; `ports` are to be given then. */
  readonly inside?: readonly string[];
}

/** Where it is, and where its validators go. */
export interface PebblePorts {
  readonly acme: number;
  readonly management: number;
  readonly dns: number;
  readonly dnsManagement: number;
  readonly tls: number;
  readonly http: number;
}

/** A certificate authority that runs. */
export interface Pebble {
  readonly directoryUrl: string;
  /** The root of its own HTTPS, in a file. */
  readonly serverCaFile: string;
  /** The same as PEM. */
  readonly serverCa: string;
  /** Where `tls-alpn-01` validators connect. */
  readonly tlsPort: number;
  /** Where `http-01` validators connect. */
  readonly httpPort: number;
  readonly ports: PebblePorts;
  /** The root of what it issues. */
  rootPem(which?: number): Promise<string>;
  /** `Valid` or `Revoked`. */
  certificateStatus(serialNumber: string): Promise<string>;
  /** Lines of its log so far that match. */
  logged(pattern: RegExp): readonly string[];
  /** How many orders it has taken. */
  orders(): number;
  stop(): Promise<void>;
}

/** Starts one on ports of its own. */
export async function startPebble(options: PebbleOptions = {}): Promise<Pebble> {
  const folder = await temporaryFolder();
  const reserved = options.ports === undefined ? await reservePorts(6) : undefined;
  const children: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(children.splice(0).map(ended));
    await reserved?.release();
    await folder.remove();
  };
  try {
    const ports = options.ports ?? named(reserved?.ports ?? []);
    const ca = await testCa();
    const { cert, key } = await ca.issue({ names: ['localhost', '127.0.0.1'] });
    const serverCaFile = folder.file('server-ca.pem');
    await writeFile(serverCaFile, ca.rootPem);
    await writeFile(folder.file('cert.pem'), cert);
    await writeFile(folder.file('key.pem'), key);
    await writeFile(folder.file('config.json'), JSON.stringify(configFor(options, ports, folder.path)));
    const log: string[] = [];
    children.push(
      startDns(options, ports),
      startServer(options, ports, { configFile: folder.file('config.json'), log }),
    );
    const managementUrl = `https://127.0.0.1:${ports.management}`;
    const { inside } = options;
    const fetched = (path: string): Promise<string> =>
      inside === undefined
        ? fetchedHere(`${managementUrl}${path}`, ca.rootPem)
        : fetchedInside(`${managementUrl}${path}`, { inside, serverCaFile });
    await reachable(
      () => fetched('/roots/0'),
      () => log.join('\n'),
    );
    return {
      directoryUrl: `https://127.0.0.1:${ports.acme}/dir`,
      serverCaFile,
      serverCa: ca.rootPem,
      tlsPort: ports.tls,
      httpPort: ports.http,
      ports,
      rootPem: (which = 0) => fetched(`/roots/${which}`),
      certificateStatus: async (serialNumber) => {
        const path = `/cert-status-by-serial/${serialNumber.toLowerCase()}`;
        return (JSON.parse(await fetched(path)) as { Status: string }).Status;
      },
      logged: (pattern) => log.filter((line) => pattern.test(line)),
      orders: () => log.filter((line) => / Added order "/.test(line)).length,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function named([
  acme = 0,
  management = 0,
  dns = 0,
  dnsManagement = 0,
  tls = 0,
  http = 0,
]: readonly number[]): PebblePorts {
  return { acme, management, dns, dnsManagement, tls, http };
}

function configFor(options: PebbleOptions, ports: PebblePorts, folder: string): object {
  return {
    pebble: {
      listenAddress: `127.0.0.1:${ports.acme}`,
      managementListenAddress: `127.0.0.1:${ports.management}`,
      certificate: `${folder}/cert.pem`,
      privateKey: `${folder}/key.pem`,
      httpPort: ports.http,
      tlsPort: ports.tls,
      ocspResponderURL: '',
      externalAccountBindingRequired: options.externalAccounts !== undefined,
      externalAccountMACKeys: options.externalAccounts ?? {},
      domainBlocklist: options.blockedNames ?? [],
      certificateValidityPeriod: options.validitySeconds ?? NINETY_DAYS,
    },
  };
}

function startDns({ inside = [] }: PebbleOptions, { dns, dnsManagement }: PebblePorts): ChildProcess {
  const off = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', ''];
  const args = ['-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${dnsManagement}`, ...off];
  const [program, ...before] = [...inside, 'pebble-challtestsrv'];
  return spawn(program, [...before, ...args], { stdio: 'ignore' });
}

function startServer(
  options: PebbleOptions,
  { dns }: PebblePorts,
  { configFile, log }: { configFile: string; log: string[] },
): ChildProcess {
  const [program, ...before] = [...(options.inside ?? []), 'pebble'];
  const args = ['-strict', '-config', configFile, '-dnsserver', `127.0.0.1:${dns}`];
  const child = spawn(program, [...before, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PEBBLE_VA_NOSLEEP: '1',
      PEBBLE_WFE_NONCEREJECT: String(options.rejectedNonces ?? 0),
      PEBBLE_AUTHZREUSE: String(options.reusedAuthorizations ?? 0),
      PEBBLE_ALTERNATE_ROOTS: String(options.alternateRoots ?? 0),
    },
  });
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      log.push(...lines);
    });
  }
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

async function reachable(fetched: () => Promise<string>, log: () => string): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; ;) {
    try {
      await fetched();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`pebble did not start:\n${log()}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function fetchedInside(
  url: string,
  { inside, serverCaFile }: { readonly inside: readonly string[]; readonly serverCaFile: string },
): Promise<string> {
  const [program, ...args] = [...inside, 'curl', '--silent', '--fail', '--cacert', serverCaFile, url];
  const { stdout, exitCode } = await run({ program, args, input: '' });
  if (exitCode !== 0) throw new Error(`curl ended with ${exitCode}`);
  return stdout;
}

function fetchedHere(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { ca, agent: false }, (response) => {
      text(response).then(resolve, reject);
    }).once('error', reject);
  });
}
