/** The one line that says what a server serves, from where, until when. */
import type { TLSSocket } from 'node:tls';
import type { TlsSettings } from './handshake/tls-settings.js';
import type { ServerStatus } from './status.js';

const MOST_CERTIFICATES = 20;

/** Facts for the start line. */
export function startFacts(urls: readonly string[], status: ServerStatus, tls: TlsSettings): object {
  const certificates = status.certificates.slice(0, MOST_CERTIFICATES);
  return {
    urls,
    minVersion: tls.minVersion,
    maxVersion: tls.maxVersion,
    certificateCount: status.certificates.length,
    certificates: certificates.map(({ names, source, state, notAfter, fingerprint256 }) => ({
      names,
      source,
      state,
      notAfter,
      fingerprint256,
    })),
  };
}

/** Facts about one handshake, for the debug log; never keys. */
export function handshakeFacts(socket: TLSSocket): object {
  return {
    remoteAddress: socket.remoteAddress,
    serverName: socket.servername,
    version: socket.getProtocol(),
    cipher: socket.getCipher().name,
    alpn: socket.alpnProtocol,
    resumed: socket.isSessionReused(),
  };
}
