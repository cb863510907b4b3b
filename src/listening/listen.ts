/** Opens a listener and says in a coded error why it could not. */
import { once } from 'node:events';
import { chmod, lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { codeOf, isTlsmithError, TlsmithError } from '../errors.js';
import { describeTarget, listenError } from './listen-errors.js';
import type { ListenTarget } from './listen-target.js';

/** sun_path holds 108 bytes on Linux and 104 on macOS and the BSDs, with its final NUL. */
const LONGEST_SOCKET_PATH = process.platform === 'linux' ? 107 : 103;

/**
 * Resolves when `server` listens.
 * @throws {@link TlsmithError} `PORT_IN_USE`, `PORT_PRIVILEGED`, `ADDRESS_NOT_LOCAL`, `SOCKET_PATH_IN_USE`,
 * `SOCKET_PATH_TOO_LONG` or `LISTEN_FAILED`
 */
export async function listen(server: Server, target: ListenTarget): Promise<void> {
  const { path, mode } = target;
  if (path === undefined) {
    await open(server, target);
    return;
  }
  assertPathLength(path);
  await openPath(server, target);
  if (mode !== undefined) await restrict(server, { path, mode });
}

/** A socket that is open to more people than was wanted is not left open. */
async function restrict(server: Server, { path, mode }: { path: string; mode: number }): Promise<void> {
  try {
    await chmod(path, mode);
  } catch (error) {
    server.close();
    throw new TlsmithError('LISTEN_FAILED', `Setting the mode of ${describeTarget({ path })} failed.`, {
      cause: error,
      path,
    });
  }
}

async function open(server: Server, target: ListenTarget): Promise<void> {
  // An aborted signal closes the server later on; node does that by itself for the signal it is given.
  target.signal?.throwIfAborted();
  try {
    const listening = once(server, 'listening', target.signal === undefined ? {} : { signal: target.signal });
    server.listen(target);
    await listening;
  } catch (error) {
    target.signal?.throwIfAborted();
    throw listenError(error, target);
  }
}

/** A socket file that nobody listens on any more (its server was killed) is removed and made anew. */
async function openPath(server: Server, target: ListenTarget): Promise<void> {
  try {
    await open(server, target);
  } catch (error) {
    const isTaken = isTlsmithError(error) && error.code === 'SOCKET_PATH_IN_USE';
    if (!isTaken || !(await isStale(target.path ?? ''))) throw error;
    await unlink(target.path ?? '');
    await open(server, target);
  }
}

async function isStale(path: string): Promise<boolean> {
  const entry = await lstat(path).catch(() => undefined);
  if (entry?.isSocket() !== true) return false;
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return false;
  } catch (error) {
    return codeOf(error) === 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}

function assertPathLength(path: string): void {
  const length = Buffer.byteLength(path);
  if (length <= LONGEST_SOCKET_PATH) return;
  throw new TlsmithError(
    'SOCKET_PATH_TOO_LONG',
    `${describeTarget({ path })} has ${length} bytes; this system takes ${LONGEST_SOCKET_PATH} at most.`,
    { path, hint: 'Use a shorter path, or one relative to the working folder.' },
  );
}
