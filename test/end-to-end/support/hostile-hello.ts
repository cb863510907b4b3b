// ClientHellos that no client of ours would send, and a wire that cuts what a real client sends.
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { captureClientHello, handshakeMessageOf, writeSegments } from '../../support/raw-client-hello.js';

/** A real ClientHello whose server name is these bytes, whatever they are. */
export async function helloWithName(name: Buffer): Promise<Buffer> {
  const message = handshakeMessageOf(await captureClientHello({ servername: '' }));
  const entry = Buffer.concat([Buffer.from([0]), uint16(name.length), name]);
  const list = Buffer.concat([uint16(entry.length), entry]);
  const extension = Buffer.concat([uint16(0), uint16(list.length), list]);
  const at = extensionsAt(message);
  const length = message.readUInt16BE(at) + extension.length;
  const body = Buffer.concat([message.subarray(4, at), uint16(length), message.subarray(at + 2), extension]);
  return inRecord(Buffer.concat([Buffer.from([1, 0]), uint16(body.length), body]));
}

/** One handshake record. */
export function inRecord(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from([22, 3, 1]), uint16(message.length), message]);
}

/** A proxy in front of `port` that writes a client's first flight in the pieces that `cut` makes of it. */
export async function cuttingProxy(port: number, cut: (flight: Buffer) => Buffer[]): Promise<Server> {
  const proxy = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    client.on('error', ignore).on('close', () => server.destroy());
    server.on('error', ignore).on('close', () => {
      client.destroySoon();
    });
    client.once('data', (flight: Buffer) => {
      client.pause();
      void writeSegments(server, cut(flight)).then(() => {
        client.pipe(server);
        server.pipe(client);
      });
    });
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return proxy;
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

/** Where the length of the extensions stands in a ClientHello message. */
function extensionsAt(message: Buffer): number {
  let at = 4 + 2 + 32;
  at += 1 + (message[at] ?? 0);
  at += 2 + message.readUInt16BE(at);
  return at + 1 + (message[at] ?? 0);
}

function ignore(): void {
  // 'close' follows.
}
