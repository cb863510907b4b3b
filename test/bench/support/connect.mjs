// One connection of a client's, as cheap as node can make it.
import { connect, createSecureContext } from 'node:tls';
import { isGoodResponse, requestText } from './protocol.mjs';

const CONNECTION_TIMEOUT_MS = 10_000;

const contexts = new Map();

/** TLS options that trust `root` and speak this version only. */
export function clientOptions({ port, root, version, name }) {
  const known = contexts.get(`${version}${root}`);
  const secureContext = known ?? createSecureContext({ ca: root, minVersion: version, maxVersion: version });
  contexts.set(`${version}${root}`, secureContext);
  return { host: '127.0.0.1', port, servername: name, secureContext, ALPNProtocols: ['http/1.1'] };
}

/**
 * Handshake, one GET, close. Resolves to facts, also about a failure.
 * @param options.inspect called with the socket once it is secure
 */
export function getOnce({ session, inspect, ...options }) {
  return new Promise((resolve) => {
    const socket = connect({ ...clientOptions(options), session });
    const sessions = [];
    let text = '';
    let isResumed = false;
    let facts;
    const finish = (error) => {
      clearTimeout(timer);
      socket.destroy();
      const problem =
        error ??
        (isGoodResponse(text) ? undefined : `an answer of ${text.length} bytes: ${text.slice(0, 40)}`);
      resolve({ problem, isResumed, sessions, facts });
    };
    const timer = setTimeout(() => finish('timeout'), CONNECTION_TIMEOUT_MS);
    socket.on('session', (ticket) => sessions.push(ticket));
    socket.once('secureConnect', () => {
      isResumed = socket.isSessionReused();
      facts = inspect?.(socket);
      socket.write(requestText('close'));
    });
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.once('error', (error) => finish(error.code ?? error.message));
    socket.once('close', () => finish());
  });
}
