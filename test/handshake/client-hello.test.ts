import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type ClientHello,
  ClientHelloReader,
  type ClientHelloResult,
  wholeHello,
} from '../../src/handshake/client-hello.js';
import { captureClientHello, inRecordsOf, inSegmentsOf } from '../support/raw-client-hello.js';
import {
  alpn,
  type Extension,
  hello,
  keyShares,
  message,
  preSharedKeys,
  record,
  serverName,
  sessionTicket,
  uint16,
  vector,
} from './support/hello-builder.js';

describe('a ClientHello', () => {
  it('of a real client gives its server name and protocols', async () => {
    const bytes = await captureClientHello({ servername: 'a.test', ALPNProtocols: ['h2', 'http/1.1'] });
    const parsed = helloOf(read(bytes));
    expect(parsed.serverName).toBe('a.test');
    expect(parsed.protocols).toEqual(['h2', 'http/1.1']);
  });

  it('without server name, ALPN or tickets offers none of them', () => {
    const parsed = helloOf(read(hello([])));
    expect(parsed.serverName).toBeUndefined();
    expect(parsed.protocols).toEqual([]);
    expect(parsed.offersTicketOf(Buffer.alloc(16))).toBe(false);
    expect(parsed.offersKeyShareOf(29)).toBe(false);
  });

  it('without any extension block is a hello, as TLS 1.0 clients sent it', () => {
    expect(helloOf(read(hello(undefined))).serverName).toBeUndefined();
  });

  it('keeps every byte for whoever takes the connection over, early data included', () => {
    const bytes = Buffer.concat([hello([serverName('a.test')]), record(Buffer.from('early data'), 23)]);
    const reader = new ClientHelloReader();
    expect(reader.push(bytes).kind).toBe('hello');
    expect(reader.bytes.equals(bytes)).toBe(true);
  });

  it('gives the same result in segments of any size and in records of any size', async () => {
    const bytes = await captureClientHello({ servername: 'a.test', ALPNProtocols: ['http/1.1'] });
    for (const recordBytes of [1, 2, 3, 100, 16_000]) {
      for (const segmentBytes of [1, 3, 1000]) {
        const cut = inRecordsOf(recordBytes, bytes);
        const reader = new ClientHelloReader();
        const results = inSegmentsOf(segmentBytes, cut).map((segment) => reader.push(segment));
        // Records of one byte are more flight than anybody honest sends, but still within the limit here.
        expect(helloOf(results.at(-1)).serverName).toBe('a.test');
        expect(results.slice(0, -1).every(({ kind }) => kind === 'incomplete')).toBe(true);
        expect(reader.bytes.equals(cut)).toBe(true);
      }
    }
  });

  it('does not write into the memory of the segments it was given', () => {
    const bytes = hello([serverName('a.test')]);
    const memory = Buffer.alloc(1000, 0xee);
    bytes.copy(memory, 0, 0, 20);
    const reader = new ClientHelloReader();
    reader.push(memory.subarray(0, 20));
    expect(reader.push(bytes.subarray(20)).kind).toBe('hello');
    expect(memory.subarray(20).every((byte) => byte === 0xee)).toBe(true);
  });

  it('says whether a TLS 1.3 ticket was made with a key, wherever in the list it stands', () => {
    const [mine, other] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
    const tickets = [Buffer.alloc(60, 9), Buffer.concat([mine, Buffer.alloc(40)])];
    const parsed = helloOf(read(hello([preSharedKeys(...tickets)])));
    expect(parsed.offersTicketOf(mine)).toBe(true);
    expect(parsed.offersTicketOf(other)).toBe(false);
  });

  it('says whether a TLS 1.2 ticket was made with a key', () => {
    const mine = Buffer.alloc(16, 1);
    const parsed = helloOf(read(hello([sessionTicket(Buffer.concat([mine, Buffer.alloc(40)]))])));
    expect(parsed.offersTicketOf(mine)).toBe(true);
    expect(parsed.offersTicketOf(Buffer.alloc(16, 2))).toBe(false);
    expect(helloOf(read(hello([sessionTicket(mine.subarray(0, 15))]))).offersTicketOf(mine)).toBe(false);
  });

  it.each([
    ['a list that claims more than there is', uint16(900)],
    ['an identity that runs over the end', vector(2, uint16(900))],
    ['one byte', Buffer.from([0])],
    ['nothing', Buffer.alloc(0)],
  ])('offers no ticket when pre_shared_key holds %s', (_what, data) => {
    expect(helloOf(read(hello([[41, data]]))).offersTicketOf(Buffer.alloc(16))).toBe(false);
  });

  it('says for which groups it brings a key share', () => {
    const parsed = helloOf(read(hello([keyShares(0x11ec, 29)])));
    expect(parsed.offersKeyShareOf(0x11ec)).toBe(true);
    expect(parsed.offersKeyShareOf(29)).toBe(true);
    expect(parsed.offersKeyShareOf(23)).toBe(false);
  });
});

describe('bytes that are no ClientHello', () => {
  it('are plain text when they begin with a letter', () => {
    expect(read(Buffer.from('GET / HTTP/1.1\r\n')).kind).toBe('plain-text');
    expect(read(Buffer.from('get')).kind).toBe('plain-text');
  });

  it.each(['PROXY ', '\r\n\r\n\0\r\nQUIT\n'])('are a PROXY header when they begin with %j', (signature) => {
    const bytes = Buffer.from(`${signature}rest`);
    expect(read(bytes).kind).toBe('proxy-header');
    for (let length = 1; length < signature.length; length += 1)
      expect(read(bytes.subarray(0, length)).kind).toBe('incomplete');
  });

  it.each(['PRI * HTTP/2.0', 'PROPFIND / HTTP/1.1', 'POST / HTTP/1.1', 'PROXYX'])(
    'are plain text when they only begin like a PROXY header: %s',
    (line) => {
      expect(read(Buffer.from(line)).kind).toBe('plain-text');
    },
  );

  it.each<readonly [string, Buffer]>([
    ['line breaks', Buffer.from('\r\n\r\nGET / HTTP/1.1')],
    ['another content type', record(message(1, Buffer.alloc(50)), 23)],
    ['a letter that is none', Buffer.from([0x5b])],
    ['a NUL', Buffer.from([0])],
    ['an SSLv2 hello', Buffer.from([0x80, 0x2e, 1, 0, 2])],
    ['a record of an unknown major version', Buffer.from([22, 2, 0, 0, 5, 1, 0, 0, 1, 0])],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0])],
    ['a record longer than TLS allows', Buffer.from([22, 3, 1, 0xff, 0xff])],
    ['a ServerHello', record(message(2, Buffer.alloc(50)))],
    [
      'a second record that is no handshake',
      Buffer.concat([record(Buffer.from([1, 0])), record(Buffer.from([0]), 23)]),
    ],
    ['an empty ClientHello', record(message(1, Buffer.alloc(0)))],
    ['a ClientHello that ends after its version', record(message(1, Buffer.alloc(10)))],
    [
      'a session id that runs over the end',
      record(message(1, Buffer.concat([Buffer.alloc(34), Buffer.from([32])]))),
    ],
    ['no cipher suites', record(message(1, Buffer.concat([Buffer.alloc(34), Buffer.from([0])])))],
    [
      'cipher suites that run over the end',
      record(message(1, Buffer.concat([Buffer.alloc(34), Buffer.from([0, 0, 9])]))),
    ],
    [
      'no compression methods',
      record(message(1, Buffer.concat([Buffer.alloc(34), Buffer.from([0, 0, 2, 1, 1])]))),
    ],
    [
      'one byte of an extension block',
      record(message(1, Buffer.concat([Buffer.alloc(34), Buffer.from([0, 0, 2, 1, 1, 1, 0, 7])]))),
    ],
    ['bytes after the extensions', hello([serverName('a.test')], Buffer.from([0]))],
    [
      'an extension without its length',
      record(message(1, Buffer.concat([Buffer.alloc(34), Buffer.from([0, 0, 2, 1, 1, 1, 0, 0, 2, 0, 0])]))),
    ],
    [
      'an extension that runs over the end',
      record(
        message(1, Buffer.concat([Buffer.alloc(34), Buffer.from([0, 0, 2, 1, 1, 1, 0, 0, 4, 0, 0, 0, 9])])),
      ),
    ],
    ['a server_name that is too short', hello([[0, Buffer.from([0, 0])]])],
    ['a server_name whose list length is wrong', hello([[0, Buffer.from([0, 9, 0, 0, 1, 97])]])],
    ['a server_name of another kind', hello([[0, vector(2, Buffer.from([1, 0, 1, 97]))]])],
    ['a server_name that runs over the end', hello([[0, vector(2, Buffer.from([0, 0, 9, 97]))]])],
    ['an empty server_name', hello([serverName('')])],
    ['an ALPN list that is too short', hello([[16, Buffer.from([0])]])],
    ['an ALPN list whose length is wrong', hello([[16, Buffer.from([0, 9, 1, 97])]])],
    ['an ALPN protocol that runs over the end', hello([[16, vector(2, Buffer.from([9, 97]))]])],
    ['an empty ALPN protocol', hello([[16, vector(2, Buffer.from([0]))]])],
  ])('are refused with a reason: %s', (_what, bytes) => {
    const result = read(bytes);
    expect(result).toEqual({ kind: 'invalid', reason: expect.any(String) as unknown });
  });

  it('are refused at once when the message claims more than 16 KiB, before it has arrived', () => {
    const claim = Buffer.from([22, 3, 1, 0x40, 0, 1, 0, 0x40, 1]);
    expect(read(claim).kind).toBe('too-large');
    const inTwoRecords = Buffer.concat([record(Buffer.from([1, 0])), record(Buffer.from([0x40, 1]))]);
    expect(read(inTwoRecords).kind).toBe('too-large');
  });

  it('are refused at once when the first message is none, before its record has arrived', () => {
    expect(read(Buffer.from([22, 3, 1, 0x10, 0, 2, 0, 0, 1])).kind).toBe('invalid');
  });

  it('are refused when the flight grows beyond any honest one', () => {
    const reader = new ClientHelloReader();
    const message16k = message(1, Buffer.alloc(16_380));
    const flight = Buffer.concat(inSegmentsOf(1, message16k.subarray(0, 14_000)).map((byte) => record(byte)));
    expect(reader.push(flight).kind).toBe('too-large');
  });
});

describe('the short cut for a hello in one piece', () => {
  it('takes a real hello', async () => {
    const real = await captureClientHello({ servername: 'a.test', ALPNProtocols: ['h2'] });
    expect(wholeHello(real)).toMatchObject({
      kind: 'hello',
      hello: { serverName: 'a.test', protocols: ['h2'] },
    });
  });

  it.each([
    ['that is cut off in its header', (real: Buffer) => real.subarray(0, 8)],
    ['that is cut off in its body', (real: Buffer) => real.subarray(0, -1)],
    ['whose record claims too much', (real: Buffer) => changed(real, { 3: 0x7f })],
    ['whose record is no handshake', (real: Buffer) => changed(real, { 0: 23 })],
    ['of another protocol', (real: Buffer) => changed(real, { 1: 4 })],
    ['that is another message', (real: Buffer) => changed(real, { 5: 2 })],
    ['that claims megabytes', (real: Buffer) => changed(real, { 6: 1 })],
    ['that goes on in another record', (real: Buffer) => changed(real, { 7: 0x3f })],
  ])('leaves one %s to the reader', async (_case, change) => {
    const real = await captureClientHello({ servername: 'a.test' });
    expect(wholeHello(change(real))).toBeUndefined();
  });

  function changed(real: Buffer, bytes: Record<number, number>): Buffer {
    const copy = Buffer.from(real);
    for (const [at, to] of Object.entries(bytes)) copy[Number(at)] = to;
    return copy;
  }
});

describe('the reader', () => {
  it('waits for more when it is given nothing', () => {
    expect(read(Buffer.alloc(0)).kind).toBe('incomplete');
  });

  it('survives any bytes in any segmentation', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.integer({ min: 1, max: 50 }),
        (bytes, segmentBytes) => {
          const reader = new ClientHelloReader();
          for (const segment of inSegmentsOf(segmentBytes, Buffer.from(bytes))) {
            if (reader.push(segment).kind !== 'incomplete') return;
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('survives real hellos with any bytes changed, and says the same for every segmentation', async () => {
    const real = await captureClientHello({ servername: 'a.test', ALPNProtocols: ['h2', 'http/1.1'] });
    const change = fc.record({ at: fc.nat({ max: real.length - 1 }), to: fc.nat({ max: 255 }) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const bytes = Buffer.from(real);
        for (const { at, to } of changes) bytes[at] = to;
        const whole = read(bytes);
        expect(readInSegments(bytes, 7).kind).toBe(whole.kind);
        if (whole.kind === 'hello') whole.hello.offersTicketOf(Buffer.alloc(16));
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads back any extensions in any order', () => {
    const anyName = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(anyName, fc.array(fc.nat({ max: 60_000 }).filter((type) => type > 60)), (name, types) => {
        const others = types.map((type): Extension => [type, Buffer.from([1, 2, 3])]);
        const parsed = helloOf(read(hello([...others, alpn('h2'), serverName(name)])));
        expect(parsed.serverName).toBe(name.toString('latin1'));
        expect(parsed.protocols).toEqual(['h2']);
      }),
      { numRuns: 300 },
    );
  });
});

/** By the reader, and where that has an answer by the short cut for hellos in one piece, which must say the same. */
function read(bytes: Buffer): ClientHelloResult {
  const result = new ClientHelloReader().push(bytes);
  const whole = wholeHello(bytes);
  if (whole !== undefined) expect(seenIn(whole)).toEqual(seenIn(result));
  return result;
}

function seenIn(result: ClientHelloResult): unknown {
  if (result.kind !== 'hello') return result;
  const { serverName, protocols } = result.hello;
  return { serverName, protocols };
}

function readInSegments(bytes: Buffer, segmentBytes: number): ClientHelloResult {
  const reader = new ClientHelloReader();
  for (const segment of inSegmentsOf(segmentBytes, bytes)) {
    const result = reader.push(segment);
    if (result.kind !== 'incomplete') return result;
  }
  return { kind: 'incomplete' };
}

function helloOf(result: ClientHelloResult | undefined): ClientHello {
  if (result?.kind !== 'hello') throw new Error(`expected a hello, got ${JSON.stringify(result)}`);
  return result.hello;
}
