/** A name server on a loopback port, which knows what a test has told it. UDP alone; knows nothing of the library. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { getServers, setServers } from 'node:dns';

/** What it says of a name: its addresses, SERVFAIL, or nothing at all. Of a name that is not listed: that there is none. */
export type DnsRecords = Readonly<
  Record<string, { readonly a?: readonly string[]; readonly aaaa?: readonly string[] } | 'fails' | 'silent'>
>;

/** A name server that runs. */
export interface DnsServer {
  /** As `dns.setServers` takes it. */
  readonly address: string;
  /** The names it was asked for, each as often as it was. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

const TYPE_A = 1;
const TYPE_AAAA = 28;
const [SERVFAIL, NXDOMAIN] = [2, 3];
const HEADER_BYTES = 12;

/** Starts one; {@link DnsServer.stop} has to be called. */
export async function startDnsServer(records: DnsRecords): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (query, { port, address }) => {
    const { name, type, end } = questionOf(query);
    asked.push(name);
    const known = Object.hasOwn(records, name) ? records[name] : undefined;
    if (known === 'silent') return;
    const code = known === 'fails' ? SERVFAIL : known === undefined ? NXDOMAIN : 0;
    const { a = [], aaaa = [] } = typeof known === 'object' ? known : {};
    const data = type === TYPE_A ? a.map(bytesOfIPv4) : type === TYPE_AAAA ? aaaa.map(bytesOfIPv6) : [];
    socket.send(answerTo(query.subarray(0, end), { code, type, data }), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    stop: async () => {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}

/** Has this process ask that server only, until what is returned is called. */
export function askOnly({ address }: DnsServer): () => void {
  const before = getServers();
  setServers([address]);
  return () => {
    setServers(before);
  };
}

/** The first question, and where it ends (RFC 1035 §4.1.2). */
function questionOf(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function answerTo(
  question: Buffer,
  { code, type, data }: { readonly code: number; readonly type: number; readonly data: readonly Buffer[] },
): Buffer {
  const head = Buffer.from(question);
  head.writeUInt16BE(0x8580 | code, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(data.length, 6);
  head.writeUInt32BE(0, 8);
  const records = data.map((bytes) => {
    const record = Buffer.alloc(HEADER_BYTES);
    record.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(1, 6);
    record.writeUInt16BE(bytes.length, 10);
    return Buffer.concat([record, bytes]);
  });
  return Buffer.concat([head, ...records]);
}

function bytesOfIPv4(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

function bytesOfIPv6(address: string): Buffer {
  const [left = '', right] = address.split('::');
  const groups = (text: string | undefined): string[] =>
    text === undefined || text === '' ? [] : text.split(':');
  const [before, after] = [groups(left), groups(right)];
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  const all = right === undefined ? before : [...before, ...zeros, ...after];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
