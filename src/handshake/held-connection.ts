/** Connections that have to wait for a credential. */
import type { Socket } from 'node:net';
import type { Credential } from '../credential/credential.js';
import { readAhead } from './read-ahead.js';

/** How it goes on, unless the client has left by then. */
export interface HeldConnection {
  readonly goOn: (credential: Credential | undefined) => void;
  /** Told of what the wait or `goOn` has failed with. */
  readonly failed: (error: unknown) => void;
}

/** Holds `socket` until it is known what it is served with; what the client sends meanwhile is read, and kept. */
export function hold(
  socket: Socket,
  selection: Promise<Credential | undefined>,
  { goOn, failed }: HeldConnection,
): void {
  const stopReading = readAhead(socket);
  void selection
    .then((credential) => {
      if (socket.destroyed) return;
      stopReading();
      goOn(credential);
    })
    .catch(failed);
}
