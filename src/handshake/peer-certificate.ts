/**
 * The certificate of a client that node itself turns away. With `rejectUnauthorized` node destroys the connection in its
 * own listener of `secure`, and from then on nobody can be asked who it was. So the certificate is taken just before. The
 * only way to a connection in its handshake is the `this` of an `SNICallback`, so clients that send no server name stay
 * unnamed, and so do those that resume, which node has let in before.
 */
import type { X509Certificate } from 'node:crypto';
import type { SecureContext, TLSSocket } from 'node:tls';

const taken = new WeakMap<TLSSocket, X509Certificate | undefined>();

/** An `SNICallback` that chooses nothing, and sees to it that the client's certificate is known when node refuses it. */
export function takePeerCertificate(
  this: unknown,
  _serverName: string,
  callback: (error: Error | null, context?: SecureContext) => void,
): void {
  const socket = this as TLSSocket | undefined;
  socket?.prependListener('secure', take);
  callback(null);
}

function take(this: TLSSocket): void {
  taken.set(this, this.getPeerX509Certificate());
}

/** The client's certificate, whether node has let it in or not. Never `getPeerCertificate()`: some curves crash it. */
export function peerCertificateOf(socket: TLSSocket): X509Certificate | undefined {
  const certificate = taken.get(socket);
  if (certificate === undefined) return socket.getPeerX509Certificate();
  // Once is enough: what is let in is not kept for as long as the connection lives.
  taken.delete(socket);
  return certificate;
}
