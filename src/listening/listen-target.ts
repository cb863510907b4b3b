/** Where to listen: what node's `server.listen` accepts, parsed. */
import type { ListenOptions } from 'node:net';

/** As node's `server.listen` options, plus `mode`. */
export interface ListenTarget extends ListenOptions {
  /**
   * Permission bits of a unix socket, such as `0o660`. They are set right after it was opened: until then those of
   * the umask hold, so that a folder which others may not enter is the surer lock.
   * @defaultValue what the umask leaves
   */
  mode?: number;
  /** An open file descriptor to listen on, as systemd's socket activation passes it (the first is 3). */
  fd?: number;
}

const LARGEST_PORT = 65_535;
const ALL_PERMISSIONS = 0o777;

/**
 * Parses what was given to `listen`; undefined when it is a disabled listener (port -1).
 * @throws `TypeError` naming the option
 */
export function parseListenTarget(target: unknown): ListenTarget | undefined {
  if (typeof target === 'number') return parseListenTarget({ port: target });
  if (typeof target !== 'object' || target === null) {
    throw new TypeError('listen: expected a port or an object such as { port: 443, host: "::" }.');
  }
  const options = target as ListenTarget;
  if (options.path === undefined && options.fd === undefined && options.port === undefined) {
    throw new TypeError('listen: one of `port`, `path` or `fd` is needed.');
  }
  assertTypes(options);
  if (options.port === -1) return undefined;
  if (options.port !== undefined) assertPort(options.port, 'listen: `port`');
  assertMode(options);
  return options;
}

/** Node names some of them in its own words, and takes others silently for something else. */
function assertTypes(options: Readonly<Partial<Record<keyof ListenTarget, unknown>>>): void {
  const { port, path, fd, host, signal } = options;
  if (port !== undefined && path !== undefined) throw new TypeError('listen: give either `port` or `path`.');
  if (path !== undefined && (typeof path !== 'string' || path === '')) throw wrong('path', 'a path');
  if (host !== undefined && typeof host !== 'string') throw wrong('host', 'a name or an address');
  if (fd !== undefined && !isWholeNumber(fd)) throw wrong('fd', 'a file descriptor');
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrong('signal', 'an AbortSignal');
}

function assertMode({ path, mode }: { readonly path?: string | undefined; readonly mode?: unknown }): void {
  if (mode === undefined) return;
  if (!isWholeNumber(mode) || mode > ALL_PERMISSIONS) throw wrong('mode', 'a number from 0 to 0o777');
  // Neither a port nor an abstract socket has permissions, and who sets some counts on them.
  if (path === undefined || path.startsWith('\0')) throw wrong('mode', 'left out unless `path` is a file');
}

function isWholeNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

function wrong(option: string, expected: string): TypeError {
  return new TypeError(`listen: \`${option}\` must be ${expected}.`);
}

/** @throws `TypeError` when `port` is no port number */
export function assertPort(port: unknown, name: string): void {
  if (typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= LARGEST_PORT) return;
  throw new TypeError(
    `${name} must be a whole number from 0 (any free port) to 65535, or -1 to disable; it is ${String(port)}.`,
  );
}
