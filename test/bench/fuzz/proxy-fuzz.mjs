// The reader of PROXY headers under spoiled headers.
import { isIP } from 'node:net';
import { importSource } from './bundle.mjs';
import { spoiled } from './byte-mutations.mjs';
import { corpus } from './corpus.mjs';

const KINDS = new Set(['header', 'incomplete', 'missing', 'invalid']);
const LONGEST = 4_096;
const SIGNATURE_V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** @returns a function that makes and judges one input; it gives back the kind, or throws saying what was wrong */
export async function proxyFuzz(random) {
  const { readProxyHeader } = await importSource('admission/proxy-header.ts');
  const kept = corpus('proxy-header');

  const judge = (bytes) => {
    const result = readProxyHeader(bytes);
    if (!KINDS.has(result.kind)) throw new Error(`returned the kind ${result.kind}`);
    if (result.kind === 'header') assertHeader(result, bytes);
    if (result.kind === 'incomplete' && bytes.length >= LONGEST) throw new Error('waits for ever');
    assertOneWay(readProxyHeader, result, bytes, random);
    return result.kind;
  };

  const judgeReal = () => {
    const { bytes, expected } = random.below(2) === 0 ? realV1(random) : realV2(random);
    const result = readProxyHeader(Buffer.concat([bytes, Buffer.alloc(random.below(9), 22)]));
    if (result.kind !== 'header' || result.length !== bytes.length)
      throw new Error(`reads ${JSON.stringify(result)} in a real header: ${bytes.toString('hex')}`);
    const { address, port } = result.connection.client;
    if (address !== expected.address || port !== expected.port)
      throw new Error(`reads ${address} ${port} where ${JSON.stringify(expected)} stands`);
    return 'header';
  };

  return () => {
    const choice = random.below(8);
    let bytes = Buffer.alloc(0);
    try {
      if (choice === 0) return judgeReal();
      const { bytes: real } = random.below(2) === 0 ? realV1(random) : realV2(random);
      const seed = choice < 3 ? random.pick(kept) : real;
      bytes = spoiled(seed, random, kept);
      return judge(bytes);
    } catch (error) {
      throw new Error(`the PROXY header reader ${error.message}: ${bytes.toString('hex')}`, { cause: error });
    }
  };
}

function assertHeader({ length, connection }, bytes) {
  if (length > bytes.length || length > LONGEST || length < 8) throw new Error(`claims ${length} bytes`);
  if (connection === undefined) return;
  const version = connection.family === 'IPv4' ? 4 : 6;
  for (const { address, port } of [connection.client, connection.server]) {
    if (isIP(address) !== version) throw new Error(`takes ${address} for an address`);
    if (!Number.isInteger(port) || port < 0 || port > 0xffff) throw new Error(`takes ${port} for a port`);
  }
}

/** What is known of the beginning does not change with what follows, and is known no later than at the end. */
function assertOneWay(read, result, bytes, random) {
  if (bytes.length === 0) return;
  const before = read(bytes.subarray(0, random.below(bytes.length)));
  if (before.kind !== 'incomplete' && before.kind !== result.kind)
    throw new Error(`says ${before.kind} first, and ${result.kind} then`);
  if (before.kind === 'header' && before.length !== result.length) throw new Error('changes its length');
  if (result.kind === 'incomplete') return;
  const after = read(Buffer.concat([bytes, Buffer.from([random.below(256)])]));
  if (JSON.stringify(after) !== JSON.stringify(result))
    throw new Error(`says ${JSON.stringify(result)}, and ${JSON.stringify(after)} with one byte more`);
}

function realV1(random) {
  const expected = { address: ipv4(random), port: random.below(0x10000) };
  const line = `PROXY TCP4 ${expected.address} ${ipv4(random)} ${expected.port} ${random.below(0x10000)}\r\n`;
  return { bytes: Buffer.from(line), expected };
}

function realV2(random) {
  const expected = { address: ipv4(random), port: random.below(0x10000) };
  const addresses = Buffer.alloc(12);
  for (const [index, part] of expected.address.split('.').entries()) addresses[index] = Number(part);
  addresses.writeUInt16BE(expected.port, 8);
  const values = Array.from({ length: random.below(4) }, () => {
    const content = Buffer.alloc(random.below(20), random.next());
    return Buffer.concat([Buffer.from([random.pick([1, 2, 4, 5, 0x20, 0xea]), 0, content.length]), content]);
  });
  const rest = Buffer.concat([addresses, ...values]);
  return {
    bytes: Buffer.concat([SIGNATURE_V2, Buffer.from([0x21, 0x11, rest.length >> 8, rest.length]), rest]),
    expected,
  };
}

function ipv4(random) {
  return Array.from({ length: 4 }, () => random.below(256)).join('.');
}
