/**
 * The phase before the ClientHello, for peers that are proxies: their PROXY header is read, within a deadline, and what
 * follows it is pushed back.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';
import { type ProxiedConnection, readProxyHeader } from './proxy-header.js';

/** How long a proxy may take to send its header. */
export const PROXY_HEADER_TIMEOUT_MS = 5_000;

/** Why a proxy's connection was closed. */
export type ProxyRefusalCode = 'PROXY_HEADER_INVALID' | 'PROXY_HEADER_MISSING' | 'PROXY_HEADER_TIMEOUT';

/** What becomes of a connection. */
export interface ProxyHeaderListener {
  /** The header is read; `connection` is undefined when it tells of none. What follows has been pushed back. */
  readonly received: (connection: ProxiedConnection | undefined) => void;
  /** It is not what it must be; the socket is destroyed afterwards. */
  readonly refused: (code: ProxyRefusalCode, reason: string) => void;
}

/** Reads the PROXY header of one connection. */
export function readHeaderOf(socket: Socket, clock: Clock, listener: ProxyHeaderListener): void {
  let bytes: Buffer = Buffer.alloc(0);
  const stop = (): void => {
    clock.clearTimeout(deadline);
    socket.removeListener('data', onData);
    socket.removeListener('end', onEnd);
    socket.removeListener('close', stop);
  };
  const refuse = (code: ProxyRefusalCode, reason: string): void => {
    stop();
    listener.refused(code, reason);
    socket.destroy();
  };
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const header = readProxyHeader(bytes);
    if (header.kind === 'incomplete') return;
    if (header.kind === 'missing')
      refuse('PROXY_HEADER_MISSING', 'the connection begins with something else');
    else if (header.kind === 'invalid')
      refuse('PROXY_HEADER_INVALID', `the PROXY header has ${header.reason}`);
    else {
      stop();
      socket.pause();
      if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
      listener.received(header.connection);
    }
  };
  const onEnd = (): void => {
    stop();
    socket.destroy();
  };
  const deadline = clock.setTimeout(() => {
    const reason = `${bytes.length} bytes of a PROXY header within ${PROXY_HEADER_TIMEOUT_MS} ms`;
    refuse('PROXY_HEADER_TIMEOUT', reason);
  }, PROXY_HEADER_TIMEOUT_MS);
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.once('close', stop);
}
