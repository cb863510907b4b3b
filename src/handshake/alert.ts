/** Fatal TLS alerts written by hand, for connections that are refused before any TLS state exists (RFC 8446 §6). */
import type { Socket } from 'node:net';

const CODES = {
  handshake_failure: 40,
  decode_error: 50,
  internal_error: 80,
  unrecognized_name: 112,
} as const;

/** The alerts the router sends by itself. */
export type AlertName = keyof typeof CODES;

const LINGER_MS = 1_000;
const RECORD_ALERT = 21;
const FATAL = 2;

/** Sends a fatal alert and closes. */
export function refuse(socket: Socket, alert: AlertName): void {
  endAfter(socket, Buffer.from([RECORD_ALERT, 3, 3, 0, 2, FATAL, CODES[alert]]));
}

/** Writes the last bytes of a connection and closes it; the peer gets a second to read them. */
export function endAfter(socket: Socket, bytes: Buffer): void {
  // What the peer still sends is read and dropped: unread bytes would turn the close into a reset that eats ours.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => {
    clearTimeout(timer);
  });
  socket.end(bytes);
}
