/** The companion listener: plain HTTP beside the TLS port, for ACME answers and the redirect to HTTPS. */
import { createServer, type Server } from 'node:http';
import type { Clock } from '../clock.js';
import { drain, type Draining, HttpConnections } from '../listening/draining.js';
import { listen } from '../listening/listen.js';
import { plainListener, type PlainListenerOptions } from './plain-listener.js';

/** Where it listens. */
export interface HttpListenerTarget {
  readonly port: number;
  readonly host: string | undefined;
}

/** The companion listener, open. */
export interface HttpListener {
  readonly server: Server;
  /** Stops listening and ends what is idle. */
  drain(clock: Clock): Draining;
}

/** Opens the companion listener; rejects as `listen` does. */
export async function openHttpListener(
  target: HttpListenerTarget,
  options: PlainListenerOptions,
): Promise<HttpListener> {
  const server = createServer(plainListener(options));
  const connections = new HttpConnections();
  server.on('connection', (socket) => {
    connections.add(socket);
  });
  await listen(server, { port: target.port, ...(target.host === undefined ? {} : { host: target.host }) });
  return {
    server,
    drain: (clock) =>
      drain(server, clock, () => {
        connections.destroySilent();
      }),
  };
}
