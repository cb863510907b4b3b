/** The companion listener: plain HTTP beside the TLS port, for ACME answers and the redirect to HTTPS. */
import { createServer, type Server } from 'node:http';
import { listen } from '../listening/listen.js';
import { plainListener, type PlainListenerOptions } from './plain-listener.js';

/** Where it listens. */
export interface HttpListenerTarget {
  readonly port: number;
  readonly host: string | undefined;
}

/** Opens the companion listener; rejects as `listen` does. */
export async function openHttpListener(
  target: HttpListenerTarget,
  options: PlainListenerOptions,
): Promise<Server> {
  const server = createServer(plainListener(options));
  await listen(server, { port: target.port, ...(target.host === undefined ? {} : { host: target.host }) });
  return server;
}
