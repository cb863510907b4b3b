/**
 * Plain HTTP that was sent to the TLS port. The connection is handed to an HTTP server that never
 * listens; because such a server enforces no timeouts of its own, the whole exchange gets one here.
 */
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';
import { plainListener, type PlainListenerOptions } from './plain-listener.js';

const EXCHANGE_TIMEOUT_MS = 5_000;
const LARGEST_HEADER = 16_384;

/** Takes connections that turned out to be plain HTTP. */
export function plainHttpReceiver(options: PlainListenerOptions, clock: Clock): (socket: Socket) => void {
  let server: Server | undefined;
  return (socket) => {
    server ??= createReceiver(options);
    const deadline = clock.setTimeout(() => socket.destroy(), EXCHANGE_TIMEOUT_MS);
    socket.once('close', () => {
      clock.clearTimeout(deadline);
    });
    server.emit('connection', socket);
    // The pushed-back bytes only reach the parser when the socket is told to flow again.
    process.nextTick(() => {
      socket.resume();
    });
  };
}

function createReceiver(options: PlainListenerOptions): Server {
  const server = createServer({ maxHeaderSize: LARGEST_HEADER, keepAlive: false }, plainListener(options));
  server.on('clientError', (_error, socket) => {
    socket.destroy();
  });
  // An upgrade would hand the bare socket to nobody.
  server.on('upgrade', (_request, socket) => {
    socket.destroy();
  });
  return server;
}
