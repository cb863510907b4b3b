/** Where to listen: what node's `server.listen` accepts, parsed. */
import type { ListenOptions } from 'node:net';

/** As node's `server.listen` options, plus `mode`. */
export interface ListenTarget extends ListenOptions {
  /**
   * Permission bits of a unix socket, such as `0o660`.
   * @defaultValue what the umask leaves
   */
  mode?: number;
  /** An open file descriptor to listen on, as systemd's socket activation passes it (the first is 3). */
  fd?: number;
}

const LARGEST_PORT = 65_535;

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
  if (options.port === -1) return undefined;
  if (options.port !== undefined) assertPort(options.port, 'listen: `port`');
  return options;
}

/** @throws `TypeError` when `port` is no port number */
export function assertPort(port: unknown, name: string): void {
  if (typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= LARGEST_PORT) return;
  throw new TypeError(
    `${name} must be a whole number from 0 (any free port) to 65535, or -1 to disable; it is ${String(port)}.`,
  );
}
