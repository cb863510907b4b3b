/**
 * The header of the PROXY protocol, versions 1 and 2, as haproxy's `proxy-protocol.txt` has it: what a proxy in front
 * says about the connection that it passes on. Read from whatever has arrived so far; nothing is thrown, and what does
 * not follow the grammar to the letter is invalid.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { crc32c } from './crc32c.js';

/** One end of the connection that a proxy passes on. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** What is known of a connection between a client and the proxy. */
export interface ProxiedConnection {
  readonly family: 'IPv4' | 'IPv6';
  /** Who connected to the proxy. */
  readonly client: Endpoint;
  /** What the client connected to. */
  readonly server: Endpoint;
}

/** What the first bytes of a connection say. */
export type ProxyHeaderResult =
  | { readonly kind: 'incomplete' }
  /** `connection` is undefined when the proxy speaks for itself (LOCAL) or for what has no IP address. */
  | {
      readonly kind: 'header';
      readonly length: number;
      readonly connection: ProxiedConnection | undefined;
    }
  /** Something else than a PROXY header. */
  | { readonly kind: 'missing' }
  | { readonly kind: 'invalid'; readonly reason: string };

const SIGNATURE_V1 = Buffer.from('PROXY ');
const LONGEST_V1 = 107;
const SIGNATURE_V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const FIXED_V2 = 16;
/** Far more than proxies send; the protocol's own limit is 64 KiB. */
const LONGEST_V2 = 4_096;

const INCOMPLETE: ProxyHeaderResult = { kind: 'incomplete' };

/** @param bytes - all that has arrived of a connection */
export function readProxyHeader(bytes: Buffer): ProxyHeaderResult {
  if (begins(bytes, SIGNATURE_V1)) return bytes.length < SIGNATURE_V1.length ? INCOMPLETE : readV1(bytes);
  if (begins(bytes, SIGNATURE_V2)) return bytes.length < FIXED_V2 ? INCOMPLETE : readV2(bytes);
  return { kind: 'missing' };
}

/** Whether the bytes begin with a signature, or are the beginning of one. */
function begins(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return signature.compare(bytes, 0, length, 0, length) === 0;
}

function readV1(bytes: Buffer): ProxyHeaderResult {
  const end = bytes.subarray(0, LONGEST_V1).indexOf('\r\n');
  if (end === -1) return bytes.length < LONGEST_V1 ? INCOMPLETE : invalid('a line of more than 107 bytes');
  const [, protocol, client, server, clientPort, serverPort, ...rest] = bytes
    .toString('latin1', 0, end)
    .split(' ');
  const length = end + 2;
  // What follows UNKNOWN is to be passed over.
  if (protocol === 'UNKNOWN') return { kind: 'header', length, connection: undefined };
  const family = protocol === 'TCP4' ? 'IPv4' : protocol === 'TCP6' ? 'IPv6' : undefined;
  if (family === undefined) return invalid('a protocol that is none of TCP4, TCP6 and UNKNOWN');
  const ends = [endpointOf(client, clientPort, family), endpointOf(server, serverPort, family)] as const;
  if (ends[0] === undefined || ends[1] === undefined || rest.length > 0)
    return invalid(`a line that is not "${String(protocol)} address address port port"`);
  return { kind: 'header', length, connection: { family, client: ends[0], server: ends[1] } };
}

function endpointOf(address = '', port = '', family: ProxiedConnection['family']): Endpoint | undefined {
  const isAddress = family === 'IPv4' ? isIPv4(address) : isIPv6(address) && !address.includes('%');
  const isPort = /^(?:0|[1-9]\d{0,4})$/.test(port) && Number(port) <= 0xffff;
  if (!isAddress || !isPort) return undefined;
  return { address: family === 'IPv4' ? address : canonicalIpv6(address), port: Number(port) };
}

const VERSION_2 = 2;
const LOCAL = 0;
const PROXY = 1;
const STREAM = 1;

/** Of an address block: how long it is, and how addresses are read from it; families without IP have no reader. */
interface Family {
  readonly length: number;
  readonly read?: (block: Buffer) => ProxiedConnection;
}

const FAMILIES: readonly (Family | undefined)[] = [
  { length: 0 },
  { length: 12, read: (block) => connectionOf(block, 'IPv4', 4) },
  { length: 36, read: (block) => connectionOf(block, 'IPv6', 16) },
  { length: 216 },
];

function readV2(bytes: Buffer): ProxyHeaderResult {
  const length = FIXED_V2 + bytes.readUInt16BE(14);
  const version = bytes.readUInt8(12) >> 4;
  const command = bytes.readUInt8(12) & 0xf;
  if (version !== VERSION_2 || command > PROXY) return invalid('a version or command that does not exist');
  if (length > LONGEST_V2) return invalid(`a header of ${length} bytes, and ${LONGEST_V2} are the limit`);
  if (bytes.length < length) return INCOMPLETE;
  const header = bytes.subarray(0, length);
  // The proxy's own connection, such as a health check: what else the header says is to be passed over.
  if (command === LOCAL) return { kind: 'header', length, connection: undefined };
  const family = FAMILIES[header.readUInt8(13) >> 4];
  const transport = header.readUInt8(13) & 0xf;
  if (family === undefined || transport > STREAM) return invalid('a family or transport that is not served');
  if (header.length < FIXED_V2 + family.length) return invalid('addresses that are cut off');
  const spoiled = spoiledBy(header, FIXED_V2 + family.length);
  if (spoiled !== undefined) return invalid(spoiled);
  // An unknown transport says nothing of addresses either.
  const read = transport === STREAM ? family.read : undefined;
  return { kind: 'header', length, connection: read?.(header.subarray(FIXED_V2)) };
}

function connectionOf(
  block: Buffer,
  family: ProxiedConnection['family'],
  addressBytes: 4 | 16,
): ProxiedConnection {
  const address = (at: number): string => {
    if (addressBytes === 4) return block.subarray(at, at + addressBytes).join('.');
    const groups = Array.from({ length: 8 }, (_, index) => block.readUInt16BE(at + 2 * index).toString(16));
    return canonicalIpv6(groups.join(':'));
  };
  const ports = 2 * addressBytes;
  return {
    family,
    client: { address: address(0), port: block.readUInt16BE(ports) },
    server: { address: address(addressBytes), port: block.readUInt16BE(ports + 2) },
  };
}

/** In the shortest form (RFC 5952), as node shows addresses. */
function canonicalIpv6(address: string): string {
  const shortest = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(shortest);
  if (mapped === null) return shortest;
  const bytes = mapped.slice(1).flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]);
  return `::ffff:${bytes.join('.')}`;
}

const TLV_HEADER = 3;
const TLV_CRC32C = 3;
const CRC_BYTES = 4;

/** What is wrong with the values that follow the addresses: they must fill the header, and the checksum must fit. */
function spoiledBy(header: Buffer, start: number): string | undefined {
  let at = start;
  while (at < header.length) {
    if (at + TLV_HEADER > header.length) return 'a value that is cut off';
    const length = header.readUInt16BE(at + 1);
    const from = at + TLV_HEADER;
    if (from + length > header.length) return 'a value that is cut off';
    if (header[at] === TLV_CRC32C && !isChecksumRight(header, { from, length })) return 'a wrong checksum';
    at = from + length;
  }
  return undefined;
}

function isChecksumRight(header: Buffer, { from, length }: { from: number; length: number }): boolean {
  if (length !== CRC_BYTES) return false;
  // It is made over the header with zeros in its own place.
  const zeroed = Buffer.from(header).fill(0, from, from + CRC_BYTES);
  return crc32c(zeroed) === header.readUInt32BE(from);
}

function invalid(reason: string): ProxyHeaderResult {
  return { kind: 'invalid', reason };
}
