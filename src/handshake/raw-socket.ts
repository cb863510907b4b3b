/** From TLS to what is under it. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/**
 * The socket under a TLS socket. Node has no public name for it, and nothing else connects the two; where a Node
 * should lack it, only the name of resumed TLS 1.2 sessions and a faster close are lost.
 */
export function rawSocketOf(socket: TLSSocket): Socket | undefined {
  return Reflect.get(socket, '_parent') as Socket | undefined;
}
