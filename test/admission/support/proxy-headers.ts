/** PROXY headers of version 2, byte by byte, so that every field can be made wrong. */
import { isIPv6 } from 'node:net';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** What stands in a header. */
export interface HeaderParts {
  /** Version and command; 0x21 is PROXY, 0x20 LOCAL. */
  readonly command?: number;
  /** Family and transport; 0x11 is TCP over IPv4, 0x21 over IPv6, 0x31 a unix socket. */
  readonly family?: number;
  readonly addresses?: Buffer;
  readonly values?: readonly Buffer[];
  /** Claimed instead of the real length of what follows. */
  readonly length?: number;
}

/** Builds a header. */
export function headerV2({
  command = 0x21,
  family = 0x11,
  addresses = addressBlock('203.0.113.7', '198.51.100.1', [4711, 443]),
  values = [],
  length,
}: HeaderParts = {}): Buffer {
  const rest = Buffer.concat([addresses, ...values]);
  const fixed = Buffer.from([command, family, 0, 0]);
  fixed.writeUInt16BE(length ?? rest.length, 2);
  return Buffer.concat([SIGNATURE, fixed, rest]);
}

/** Two addresses and two ports. */
export function addressBlock(client: string, server: string, ports: readonly [number, number]): Buffer {
  const portBytes = Buffer.alloc(4);
  portBytes.writeUInt16BE(ports[0], 0);
  portBytes.writeUInt16BE(ports[1], 2);
  return Buffer.concat([addressBytes(client), addressBytes(server), portBytes]);
}

/** A value: type, length, content. */
export function tlv(type: number, content: Buffer): Buffer {
  const head = Buffer.from([type, 0, 0]);
  head.writeUInt16BE(content.length, 1);
  return Buffer.concat([head, content]);
}

/** An address as a header has it; IPv6 with all its eight groups written out. */
function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const zeros = Array<string>(8 - groups(head).length - groups(tail).length).fill('0');
  const hex = [...groups(head), ...zeros, ...groups(tail)].map((group) => group.padStart(4, '0'));
  return Buffer.from(hex.join(''), 'hex');
}
