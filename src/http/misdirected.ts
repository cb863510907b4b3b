/** The answer 421 Misdirected Request (RFC 9110 §15.5.20), in every way in which a request can arrive. */
import type { ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';

const STATUS = 421;
const BODY =
  'This connection was opened for another name, and the name of this request has rules of its own.\n';
const HEADERS = {
  'content-type': 'text/plain; charset=utf-8',
  'content-length': Buffer.byteLength(BODY),
  'x-content-type-options': 'nosniff',
};
const LINGER_MS = 1_000;

/** Over HTTP/1.1. The connection stays usable for the name it was opened for. */
export function refuseRequest(response: ServerResponse): void {
  response.writeHead(STATUS, HEADERS);
  response.end(BODY);
}

/** Of an upgrade or CONNECT, which node hands over as a bare connection. */
export function refuseUpgrade(socket: Duplex): void {
  socket.on('error', ignore);
  // What still comes is dropped: unread bytes would turn the close into a reset that eats the answer.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => {
    clearTimeout(timer);
  });
  const lines = Object.entries({ ...HEADERS, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  socket.end(`HTTP/1.1 ${STATUS} Misdirected Request\r\n${lines.join('')}\r\n${BODY}`);
}

/** Over HTTP/2. */
export function refuseStream(stream: ServerHttp2Stream): void {
  stream.on('error', ignore);
  stream.respond({ ':status': STATUS, ...HEADERS });
  stream.end(BODY);
  stream.resume();
}

function ignore(): void {
  // 'close' follows.
}
