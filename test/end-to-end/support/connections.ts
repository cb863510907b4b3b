// Connections that a test holds open and looks into: bare bytes, TLS, and HTTP/2.
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect, type NetConnectOpts, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';

/** The port of a server that listens. */
export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** The port of a URL such as `https://localhost:1234`. */
export function portOfUrl(url: string | undefined): number {
  return Number(new URL(url ?? '').port);
}

/** A TCP connection; resolves when it is open. */
export async function tcp(target: number | NetConnectOpts): Promise<Socket> {
  const socket = connect(typeof target === 'number' ? { port: target, host: '127.0.0.1' } : target);
  await once(socket, 'connect');
  socket.on('error', ignore);
  return socket;
}

/** A TLS connection; resolves when the handshake is complete, rejects with why it was not. */
export async function tls(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'a.test', ...options });
  await once(socket, 'secureConnect');
  socket.on('error', ignore);
  return socket;
}

/** An HTTP/2 session; resolves when the handshake is complete. */
export async function http2Session(
  port: number,
  options: ConnectionOptions = {},
): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { servername: 'a.test', ...options });
  await once(session, 'connect');
  session.on('error', ignore);
  return session;
}

/** One request on an HTTP/2 session: its status and body. */
export async function http2Get(
  session: ClientHttp2Session,
  path: string,
): Promise<{ status: number; body: string }> {
  const stream = session.request({ ':path': path, ':authority': 'a.test' });
  const [headers] = (await once(stream, 'response')) as [{ ':status'?: number }];
  return { status: headers[':status'] ?? 0, body: await text(stream) };
}

/** One HTTP/1.1 request on a connection that stays open: the whole answer, headers included. */
export async function http1Get(
  socket: Socket,
  path: string,
  headers: readonly string[] = [],
): Promise<string> {
  socket.write([`GET ${path} HTTP/1.1`, 'host: a.test', ...headers, '', ''].join('\r\n'));
  let answer = '';
  while (!isWhole(answer)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    answer += chunk.toString();
  }
  return answer;
}

/** Everything that arrives until the connection is closed, whichever way. */
export async function untilClosed(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks);
}

/** Sends bytes on a connection of its own and answers what came back until it was closed. */
export async function exchange(port: number, bytes: Buffer | string): Promise<Buffer> {
  const socket = await tcp(port);
  const answer = untilClosed(socket);
  socket.write(bytes);
  return answer;
}

/** Resolves when the connection is closed. */
export async function gone(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = Number(/content-length: (\d+)/i.exec(answer)?.[1] ?? 0);
  return Buffer.byteLength(answer) >= end + 4 + length;
}

function ignore(): void {
  // 'close' follows.
}
