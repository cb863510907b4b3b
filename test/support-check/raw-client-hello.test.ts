// The captured ClientHello is a real one, however it is cut.
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';
import { describe, expect, it } from '@jest/globals';
import { testCa } from '../support/certificates.js';
import {
  captureClientHello,
  handshakeMessageOf,
  inRecordsOf,
  inSegmentsOf,
  writeSegments,
} from '../support/raw-client-hello.js';

describe('a captured ClientHello', () => {
  it('holds what the options ask for', async () => {
    const hello = await captureClientHello({ servername: 'a.test', ALPNProtocols: ['acme-tls/1'] });
    const message = handshakeMessageOf(hello);
    expect(message[0]).toBe(1);
    expect(message.readUIntBE(1, 3)).toBe(message.length - 4);
    expect(message.includes('a.test')).toBe(true);
    expect(message.includes('acme-tls/1')).toBe(true);
  });

  it('is the same message in however many records', async () => {
    const hello = await captureClientHello({ servername: 'a.test' });
    const cut = inRecordsOf(7, hello);
    expect(cut.length).toBeGreaterThan(hello.length);
    expect(handshakeMessageOf(cut)).toEqual(handshakeMessageOf(hello));
    expect(Buffer.concat(inSegmentsOf(11, cut))).toEqual(cut);
  });

  it('is answered by a TLS server, also when it comes byte by byte', async () => {
    const { cert, key } = await (await testCa()).issue({ names: ['a.test'] });
    const server = createServer({ cert, key }).on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const answered = once(socket, 'data') as Promise<[Buffer]>;
    await writeSegments(socket, inSegmentsOf(1, inRecordsOf(50, await captureClientHello())));
    const [[firstByte]] = await answered;
    expect(firstByte).toBe(22);
    socket.destroy();
    server.close();
    await once(server, 'close');
  });
});
