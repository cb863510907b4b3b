/** What shows a validation certificate to the validators of an ACME authority, and to nobody else (RFC 8737 §3). */
import { createServer, type Server } from 'node:tls';
import {
  createCredentialFor,
  type Credential,
  type CredentialInput,
  unservable,
} from '../credential/credential.js';
import { withoutSecrets } from './tls-servers.js';

/** RFC 8737 §6.2. */
export const ACME_TLS_PROTOCOL = 'acme-tls/1';

const HANDSHAKE_TIMEOUT_MS = 10_000;
const LINGER_MS = 1_000;

/** They are shown to several validators, and gone with their certificates. */
const challengeServers = new WeakMap<Credential, Server>();

/**
 * A validation certificate, proven by making what shows it.
 * @throws as `createCredential`
 */
export function createValidationCredential(input: CredentialInput): Credential {
  return createCredentialFor((credential) => {
    try {
      challengeServerFor(credential);
    } catch (error) {
      throw unservable(credential, error);
    }
  }, input);
}

/** The server that shows a validation certificate and then closes: the application never sees its connections. */
export function challengeServerFor(credential: Credential): Server {
  const known = challengeServers.get(credential);
  if (known !== undefined) return known;
  const server = createChallengeServer(credential);
  challengeServers.set(credential, server);
  return server;
}

function createChallengeServer(credential: Credential): Server {
  const server = createServer({
    cert: credential.cert,
    key: credential.key,
    ALPNProtocols: [ACME_TLS_PROTOCOL],
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  });
  server.on('secureConnection', (socket) => {
    // RFC 8737 §3: no application data; the validator has seen the certificate and closes.
    socket.on('error', () => socket.destroy());
    socket.setTimeout(LINGER_MS, () => socket.destroy());
    socket.end();
  });
  server.on('tlsClientError', (_error, socket) => {
    socket.destroy();
  });
  return withoutSecrets(server);
}
