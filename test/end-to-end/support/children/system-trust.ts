// Serves with the authorities of the system for client certificates, says its URL or why not in one line of JSON, and
// closes when its input ends. A process of its own, because node reads the trust store once.
import type { IncomingMessage } from 'node:http';
import { type ClientAuthOptions, createSecureServer, pemPair } from '../../../../src/index.js';
import { serveWhileInputLasts } from '../child-serving.js';

/** What the process is told. */
export interface SystemTrustInput {
  readonly cert: string;
  readonly key: string;
  /** Authorities beside those of the system. */
  readonly ca: readonly string[];
}

const { cert, key, ca } = JSON.parse(process.argv[2] ?? '{}') as SystemTrustInput;
const clientAuth: ClientAuthOptions = { mode: 'request', ca: ['system', ...ca] };
const secure = createSecureServer(
  { sources: pemPair({ cert, key }), logger: false, clientAuth },
  ({ socket }: IncomingMessage, response: { end(text: string): void }) => {
    response.end(String(Reflect.get(socket, 'authorized')));
  },
);
await serveWhileInputLasts(secure, { port: 0, host: '127.0.0.1' });
