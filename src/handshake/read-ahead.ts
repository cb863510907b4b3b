/** Reading on while a connection waits for something of ours. */
import type { Socket } from 'node:net';

/** What a client may send while it waits. */
const LONGEST_READ_AHEAD = 65_536;

/**
 * Goes on reading while a connection waits, because a paused socket does not notice that its client has left; gives
 * everything back when the returned function is called.
 */
export function readAhead(socket: Socket): () => void {
  const chunks: Buffer[] = [];
  let length = 0;
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    length += chunk.length;
    if (length > LONGEST_READ_AHEAD) socket.destroy();
  };
  const onEnd = (): void => {
    socket.destroy();
  };
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.resume();
  return () => {
    socket.removeListener('data', onData);
    socket.removeListener('end', onEnd);
    socket.pause();
    socket.unshift(Buffer.concat(chunks));
  };
}
