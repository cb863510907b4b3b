/** What a failed `listen` means, and what to do about it. */
import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname } from 'node:path';
import { codeOf, messageOf, TlsmithError } from '../errors.js';
import type { ListenTarget } from './listen-target.js';
import { portHolder } from './port-holder.js';

/** The coded form of an error that `server.listen` emitted. */
export function listenError(error: unknown, target: ListenTarget): TlsmithError {
  const facts = {
    cause: error,
    ...(target.path === undefined ? { port: target.port } : { path: target.path }),
  };
  const where = describeTarget(target);
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return target.path === undefined
        ? taken(where, target.port ?? 0, facts)
        : new TlsmithError('SOCKET_PATH_IN_USE', `${where} is in use by a running program.`, {
            ...facts,
            hint: 'Stop that program or choose another path.',
          });
    case 'EACCES':
      return target.path === undefined
        ? forbiddenPort(target, facts)
        : forbiddenPath(target.path, where, facts);
    case 'EADDRNOTAVAIL':
      return new TlsmithError(
        'ADDRESS_NOT_LOCAL',
        `${String(target.host)} is not an address of this machine.`,
        {
          ...facts,
          host: target.host,
          hint: `Its addresses are ${localAddresses().join(', ')}. Is a VPN or an interface not up yet?`,
        },
      );
    default:
      return new TlsmithError('LISTEN_FAILED', `Listening on ${where} failed: ${messageOf(error)}.`, {
        ...facts,
        ...(codeOf(error) === 'ENOTFOUND' ? { hint: NO_SUCH_HOST } : {}),
      });
  }
}

/** `0.0.0.0:443`, `port 443`, or the path of a unix socket, for messages. */
export function describeTarget(target: ListenTarget): string {
  if (target.path !== undefined) return `unix socket ${target.path}`;
  if (target.fd !== undefined) return `file descriptor ${target.fd}`;
  if (target.host === undefined) return `port ${String(target.port)}`;
  return target.host.includes(':')
    ? `[${target.host}]:${String(target.port)}`
    : `${target.host}:${String(target.port)}`;
}

const NO_SUCH_HOST =
  'Give an address of this machine as `host`, or leave it out to listen on all of them; names for clients come from the certificates.';

/** Which the system also says of a folder that is not there. */
function forbiddenPath(path: string, where: string, facts: object): TlsmithError {
  const folder = dirname(path);
  if (!existsSync(folder)) {
    return new TlsmithError('LISTEN_FAILED', `The ${where} cannot be created: ${folder} does not exist.`, {
      ...facts,
      hint: 'Make the folder (mkdir -p), or choose a path in one that is there.',
    });
  }
  return new TlsmithError('LISTEN_FAILED', `This process may not create the ${where}.`, {
    ...facts,
    hint: 'Make its folder writable for the user this process runs as, or choose a path in a folder that is.',
  });
}

function taken(where: string, port: number, facts: object): TlsmithError {
  const holder = portHolder(port);
  const who =
    holder === undefined
      ? 'another program'
      : holder.pid === process.pid
        ? 'this process itself'
        : `${holder.name} (process ${holder.pid})`;
  return new TlsmithError('PORT_IN_USE', `${where} is taken by ${who}.`, {
    ...facts,
    ...(holder === undefined ? {} : { pid: holder.pid }),
    hint: `Stop it${holder === undefined ? ` (${searchOn(process.platform, port)} names it)` : ''}, choose another port, or attach() tlsmith to that server.`,
  });
}

function searchOn(platform: NodeJS.Platform, port: number): string {
  if (platform === 'win32') return `\`netstat -ano | findstr :${port}\``;
  return platform === 'linux'
    ? `\`sudo ss -ltnp 'sport = :${port}'\``
    : `\`sudo lsof -nP -iTCP:${port} -sTCP:LISTEN\``;
}

/** What decides which ports a process may open. */
export interface PortRules {
  readonly platform: NodeJS.Platform;
  /** The first port that needs no privileges; undefined where the system does not say. */
  readonly firstFree: number | undefined;
}

/** The error for a port that the system keeps from this process. */
export function forbiddenPort(
  target: ListenTarget,
  facts: object,
  { platform, firstFree }: PortRules = { platform: process.platform, firstFree: firstFreePort() },
): TlsmithError {
  const port = target.port ?? 0;
  if (platform !== 'win32' && port < (firstFree ?? 1024)) return privileged(port, firstFree, facts);
  return new TlsmithError('LISTEN_FAILED', `The system keeps ${describeTarget(target)} from this process.`, {
    ...facts,
    hint:
      platform === 'win32'
        ? 'Windows or Hyper-V has reserved it (`netsh interface ipv4 show excludedportrange protocol=tcp` lists what is), or another program holds it for itself. Choose another port.'
        : `It needs no privileges, so a security module forbids it. With SELinux: \`semanage port -a -t http_port_t -p tcp ${port}\` (\`ausearch -m avc -ts recent\` shows the refusal); with AppArmor or seccomp the profile of the service or container decides.`,
  });
}

function privileged(port: number, firstFree: number | undefined, facts: object): TlsmithError {
  const limit =
    firstFree === undefined ? '' : ` (the first free one is ${firstFree}, from ${FIRST_FREE_PORT})`;
  return new TlsmithError(
    'PORT_PRIVILEGED',
    `Port ${port} needs privileges that this process does not have${limit}.`,
    {
      ...facts,
      hint: [
        'One of: systemd `AmbientCapabilities=CAP_NET_BIND_SERVICE` or a systemd socket;',
        `Docker \`-p ${port}:8443\` or \`--sysctl net.ipv4.ip_unprivileged_port_start=0\`;`,
        `a firewall redirect from ${port} to a port above 1024.`,
        `\`setcap\` on ${process.execPath} works too, but gives the right to every Node program and must be repeated after each update of Node.`,
      ].join(' '),
    },
  );
}

const FIRST_FREE_PORT = '/proc/sys/net/ipv4/ip_unprivileged_port_start';

function firstFreePort(): number | undefined {
  try {
    return Number(readFileSync(FIRST_FREE_PORT, 'utf8').trim());
  } catch {
    return undefined;
  }
}

function localAddresses(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return addresses.map((entry) => entry.address);
}
