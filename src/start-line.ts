/** The one line that says what a server serves, from where, until when. */
import type { TLSSocket } from 'node:tls';
import type { TlsSettings } from './handshake/tls-settings.js';
import type { ServerStatus } from './status.js';

const MOST_CERTIFICATES = 20;

/** What the start line is made from. */
export interface StartFactsOptions {
  readonly urls: readonly string[];
  readonly status: ServerStatus;
  readonly tls: TlsSettings;
  /** As an application has them: names, or the bytes of RFC 7301. */
  readonly protocols: readonly string[] | Uint8Array;
}

/** Facts for the start line. */
export function startFacts({ urls, status, tls, protocols }: StartFactsOptions): object {
  const certificates = status.certificates.slice(0, MOST_CERTIFICATES);
  return {
    urls,
    minVersion: tls.minVersion,
    maxVersion: tls.maxVersion,
    alpn: namesOf(protocols),
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

function namesOf(protocols: readonly string[] | Uint8Array): readonly string[] {
  if (!ArrayBuffer.isView(protocols)) return protocols;
  const bytes = Buffer.from(protocols);
  const names: string[] = [];
  for (let at = 0; at < bytes.length; at += 1 + (bytes[at] ?? 0)) {
    names.push(bytes.toString('latin1', at + 1, at + 1 + (bytes[at] ?? 0)));
  }
  return names;
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
