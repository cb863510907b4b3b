// The ClientHello reader under spoiled hellos.
import { importSource } from './bundle.mjs';
import { corpus } from './corpus.mjs';
import { fragmented, messageOf, mutated, noise, recordLength, segments } from './mutations.mjs';
import { realHellos } from './real-hellos.mjs';
import { referenceFacts } from './reference-hello.mjs';

const KINDS = new Set(['hello', 'incomplete', 'plain-text', 'invalid', 'too-large']);
/** What one flight may hold while it is incomplete, and what a growing buffer may take for it. */
const LARGEST_FLIGHT = 65_536;
const LARGEST_BUFFER = 4 * LARGEST_FLIGHT;
const KEY_NAME = Buffer.alloc(16, 7);

/** @returns a function that makes and judges one input; it gives back the kind, or throws saying what was wrong */
export async function helloFuzz(random) {
  const { ClientHelloReader, wholeHello } = await importSource('handshake/client-hello.ts');
  const hellos = await realHellos();
  const flights = [...hellos.map(({ bytes }) => bytes), ...corpus('client-hello')];

  const read = (chunks) => {
    const reader = new ClientHelloReader();
    const pushed = [];
    let result = { kind: 'incomplete' };
    for (const chunk of chunks) {
      pushed.push(chunk);
      result = reader.push(chunk);
      if (!KINDS.has(result.kind)) throw new Error(`returned the kind ${result.kind}`);
      if (result.kind !== 'incomplete') break;
      const { buffer, length } = reader.bytes;
      if (length > LARGEST_FLIGHT) throw new Error(`keeps ${length} bytes while it is incomplete`);
      if (buffer.byteLength > LARGEST_BUFFER) throw new Error(`keeps a buffer of ${buffer.byteLength} bytes`);
    }
    if (!Buffer.concat(pushed).equals(reader.bytes))
      throw new Error('gives back other bytes than were pushed');
    return result;
  };

  /** Two readings of the same bytes must agree, and the socket's own memory must be left alone. */
  const readBothWays = (bytes, cut) => {
    const before = Buffer.from(bytes);
    const result = read([bytes]);
    const whole = factsOf(result);
    if (result.kind === 'hello') assertAgrees(result.hello, bytes);
    const short = wholeHello(bytes);
    if (short !== undefined && factsOf(short) !== whole)
      throw new Error(`reads ${whole}, but ${factsOf(short)} by the short cut`);
    const inParts = factsOf(read(cut));
    if (!before.equals(bytes)) throw new Error('writes into the chunk it was given');
    if (whole !== inParts && bytes.length < LARGEST_FLIGHT) {
      throw new Error(`reads ${whole} in one piece, but ${inParts} in segments`);
    }
    return whole;
  };

  const readUnspoiled = (hello) => {
    const { bytes, serverName, protocols, keyName } = hello;
    const cut = random.below(2) === 0 ? bytes : fragmented(messageOf(bytes), random, recordLength(random));
    const expected = JSON.stringify({ kind: 'hello', serverName, protocols });
    for (const result of [read([cut]), read(segments(cut, random))]) {
      const { kind, hello: found } = result;
      const facts = JSON.stringify({ kind, serverName: found?.serverName, protocols: found?.protocols });
      if (facts !== expected) throw new Error(`reads ${facts} in a real hello, not ${expected}`);
      if (keyName !== undefined && !found.offersTicketOf(keyName))
        throw new Error('does not see a ticket that is there');
      if (found.offersTicketOf(KEY_NAME)) throw new Error('sees a ticket that is not there');
    }
    return cut;
  };

  return () => {
    const choice = random.below(10);
    let bytes = Buffer.alloc(0);
    try {
      if (choice === 0) {
        bytes = readUnspoiled(random.pick(hellos));
        return 'hello';
      }
      bytes = choice === 1 ? noise(random) : mutated(random.pick(flights), random, flights);
      if (bytes.length === 0) return 'incomplete';
      return JSON.parse(readBothWays(bytes, segments(bytes, random))).kind;
    } catch (error) {
      throw new Error(`the ClientHello reader ${error.message}: ${bytes.toString('hex')}`, { cause: error });
    }
  };
}

/** What is taken for a hello must be one for a second reader too, with the same name and protocols. */
function assertAgrees({ serverName, protocols }, bytes) {
  const found = JSON.stringify({ serverName, protocols });
  let expected;
  try {
    expected = JSON.stringify(referenceFacts(bytes));
  } catch (error) {
    throw new Error(`accepts a hello in which ${error.message}`, { cause: error });
  }
  if (found !== expected) throw new Error(`reads ${found} where ${expected} stands`);
}

function factsOf({ kind, reason, hello }) {
  const { serverName, protocols } = hello ?? {};
  return JSON.stringify({ kind, reason, serverName, protocols, offers: hello?.offersTicketOf(KEY_NAME) });
}
