import { describe, expect, it } from '@jest/globals';
import { crc32c } from '../../src/admission/crc32c.js';
import { readProxyHeader } from '../../src/admission/proxy-header.js';
import { addressBlock, headerV2, type HeaderParts, tlv } from './support/proxy-headers.js';

const HELLO = Buffer.from([22, 3, 1, 2, 0]);

function read(text: string) {
  return readProxyHeader(Buffer.from(text, 'latin1'));
}

describe('A PROXY header of version 1', () => {
  it('tells of a connection over IPv4', () => {
    const line = 'PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n';
    expect(read(`${line}\x16\x03\x01`)).toEqual({
      kind: 'header',
      length: line.length,
      connection: {
        family: 'IPv4',
        client: { address: '203.0.113.7', port: 4711 },
        server: { address: '198.51.100.1', port: 443 },
      },
    });
  });

  it('tells of a connection over IPv6, whose addresses are shown as node shows them', () => {
    expect(read('PROXY TCP6 2001:DB8:0:0::7 ::FFFF:192.0.2.1 65535 0\r\n')).toMatchObject({
      connection: {
        family: 'IPv6',
        client: { address: '2001:db8::7', port: 65_535 },
        server: { address: '::ffff:192.0.2.1', port: 0 },
      },
    });
  });

  it.each(['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n'])(
    'that knows nothing tells of no connection: %j',
    (line) => {
      expect(read(line)).toEqual({ kind: 'header', length: line.length, connection: undefined });
    },
  );

  it.each([
    'PROXY TCP4 203.0.113.7 198.51.100.1 4711\r\n',
    'PROXY TCP4 203.0.113.7 198.51.100.1 4711 443 1\r\n',
    'PROXY TCP4 203.0.113.7 198.51.100.1 4711 443 \r\n',
    'PROXY TCP4  203.0.113.7 198.51.100.1 4711 443\r\n',
    'PROXY TCP4 203.0.113.007 198.51.100.1 4711 443\r\n',
    'PROXY TCP4 203.0.113.7 198.51.100.1 04711 443\r\n',
    'PROXY TCP4 203.0.113.7 198.51.100.1 65536 443\r\n',
    'PROXY TCP4 203.0.113.7 198.51.100.1 -1 443\r\n',
    'PROXY TCP4 203.0.113.7 198.51.100.1 0x1 443\r\n',
    'PROXY TCP4 2001:db8::7 2001:db8::1 4711 443\r\n',
    'PROXY TCP6 203.0.113.7 198.51.100.1 4711 443\r\n',
    'PROXY TCP6 fe80::1%eth0 fe80::2 4711 443\r\n',
    'PROXY TCP4 203.0.113.7\n198.51.100.1 4711 443\r\n',
    'PROXY TCP4 localhost 198.51.100.1 4711 443\r\n',
    'PROXY TCP5 203.0.113.7 198.51.100.1 4711 443\r\n',
    'PROXY tcp4 203.0.113.7 198.51.100.1 4711 443\r\n',
    'PROXY \r\n',
    'PROXY UNKNOWNX\r\n',
    `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
    `PROXY ${'x'.repeat(101)}`,
  ])('to the letter, or it is invalid: %j', (line) => {
    expect(read(line)).toMatchObject({ kind: 'invalid', reason: expect.any(String) });
  });

  it('may have 107 bytes', () => {
    expect(read(`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`)).toMatchObject({ kind: 'header', length: 107 });
  });
});

describe('A PROXY header of version 2', () => {
  const invalid = { kind: 'invalid', reason: expect.any(String) };
  const local = { kind: 'header', connection: undefined };

  it('tells of a connection over IPv4, and where it ends', () => {
    const header = headerV2();
    expect(readProxyHeader(Buffer.concat([header, HELLO]))).toEqual({
      kind: 'header',
      length: header.length,
      connection: {
        family: 'IPv4',
        client: { address: '203.0.113.7', port: 4711 },
        server: { address: '198.51.100.1', port: 443 },
      },
    });
  });

  it.each(['2001:db8::7', '::1', 'fe80:0:0:1:0:0:0:1'])('tells of a connection over IPv6: %s', (address) => {
    const header = headerV2({ family: 0x21, addresses: addressBlock(address, '2001:db8::1', [1, 2]) });
    const shown = address === 'fe80:0:0:1:0:0:0:1' ? 'fe80:0:0:1::1' : address;
    expect(readProxyHeader(header)).toMatchObject({
      connection: { family: 'IPv6', client: { address: shown, port: 1 } },
    });
  });

  it.each<[string, HeaderParts]>([
    ['the command LOCAL', { command: 0x20, family: 0, addresses: Buffer.alloc(0) }],
    ['the command LOCAL with addresses', { command: 0x20 }],
    ['the command LOCAL with anything', { command: 0x20, family: 0xff, addresses: Buffer.alloc(5, 0xff) }],
    ['no family', { family: 0x00, addresses: Buffer.alloc(0) }],
    ['no transport', { family: 0x10 }],
    ['unix sockets', { family: 0x31, addresses: Buffer.alloc(216, 'x') }],
  ])('with %s tells of no connection', (_, parts) => {
    expect(readProxyHeader(headerV2(parts))).toMatchObject(local);
  });

  it.each<[string, HeaderParts]>([
    ['version 1', { command: 0x11 }],
    ['version 3', { command: 0x31 }],
    ['an unknown command', { command: 0x22 }],
    ['an unknown family', { family: 0x41, addresses: Buffer.alloc(216) }],
    ['datagrams', { family: 0x12 }],
    ['an unknown transport', { family: 0x13 }],
    ['cut addresses', { addresses: Buffer.alloc(11) }],
    ['IPv4 addresses in the place of IPv6', { family: 0x21 }],
    ['cut unix paths', { family: 0x31, addresses: Buffer.alloc(215) }],
    ['a cut head of a value', { values: [Buffer.from([4, 0])] }],
    ['a value longer than the header', { values: [Buffer.from([4, 0, 2, 0])] }],
    ['a checksum of five bytes', { values: [tlv(3, Buffer.alloc(5))] }],
    ['a wrong checksum', { values: [tlv(3, Buffer.alloc(4))] }],
    ['4 KiB', { values: [tlv(4, Buffer.alloc(4_096))] }],
    ['a length of 64 KiB', { length: 0xffff }],
  ])('with %s is invalid', (_, parts) => {
    expect(readProxyHeader(headerV2(parts))).toMatchObject(invalid);
  });

  it('that is too long is refused as soon as its length is known', () => {
    expect(readProxyHeader(headerV2({ length: 4_081 }).subarray(0, 16))).toMatchObject(invalid);
    expect(readProxyHeader(headerV2({ length: 4_080 }).subarray(0, 16))).toEqual({ kind: 'incomplete' });
  });

  it('may carry values, with a checksum over all of it', () => {
    const values = [tlv(1, Buffer.from('h2')), tlv(3, Buffer.alloc(4)), tlv(0xea, Buffer.alloc(0))];
    const header = headerV2({ values });
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32c(header));
    const [alpn, , vendor] = values as [Buffer, Buffer, Buffer];
    const sealed = headerV2({ values: [alpn, tlv(3, checksum), vendor] });
    expect(readProxyHeader(sealed)).toMatchObject({ kind: 'header', length: sealed.length });
    sealed.writeUInt8(99, 17);
    expect(readProxyHeader(sealed)).toMatchObject(invalid);
  });
});

describe('The first bytes of a connection', () => {
  it.each([
    ['version 1', Buffer.from('PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n')],
    ['version 2', headerV2({ values: [tlv(4, Buffer.alloc(9))] })],
  ])('are waited for until a header of %s is whole', (_, header) => {
    for (let length = 0; length < header.length; length += 1)
      expect(readProxyHeader(header.subarray(0, length))).toEqual({ kind: 'incomplete' });
  });

  it.each([
    HELLO,
    Buffer.from('GET / HTTP/1.1\r\n'),
    Buffer.from('PRI * HTTP/2.0'),
    Buffer.from('\r\n\r\nX'),
    Buffer.from('proxy TCP4'),
  ])('are no header when they begin otherwise: %j', (bytes) => {
    expect(readProxyHeader(bytes)).toEqual({ kind: 'missing' });
  });
});
