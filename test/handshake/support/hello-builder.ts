/** ClientHellos written by hand, extension by extension, so that every field can be made wrong. */

/** An extension: its type and data. */
export type Extension = readonly [type: number, data: Buffer];

/** A ClientHello in one record, with these extensions. */
export function hello(extensions: readonly Extension[] | undefined, tail = Buffer.alloc(0)): Buffer {
  const block =
    extensions === undefined
      ? Buffer.alloc(0)
      : vector(
          2,
          Buffer.concat(extensions.map(([type, data]) => Buffer.concat([uint16(type), vector(2, data)]))),
        );
  const body = Buffer.concat([
    uint16(0x0303),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(32, 1)),
    vector(2, uint16(0x1301)),
    vector(1, Buffer.from([0])),
    block,
    tail,
  ]);
  return record(message(1, body));
}

/** A handshake message. */
export function message(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type]), uint24(body.length), body]);
}

/** A TLS record; handshake by default. */
export function record(payload: Buffer, type = 22): Buffer {
  return Buffer.concat([Buffer.from([type, 3, 1]), vector(2, payload)]);
}

/** The server_name extension. */
export function serverName(name: string | Buffer): Extension {
  const bytes = typeof name === 'string' ? Buffer.from(name) : name;
  return [0, vector(2, Buffer.concat([Buffer.from([0]), vector(2, bytes)]))];
}

/** The ALPN extension. */
export function alpn(...protocols: string[]): Extension {
  return [16, vector(2, Buffer.concat(protocols.map((protocol) => vector(1, Buffer.from(protocol)))))];
}

/** The session_ticket extension of TLS 1.2. */
export function sessionTicket(ticket: Buffer): Extension {
  return [35, ticket];
}

/** The pre_shared_key extension of TLS 1.3, without its binders. */
export function preSharedKeys(...identities: Buffer[]): Extension {
  return [
    41,
    vector(
      2,
      Buffer.concat(identities.map((identity) => Buffer.concat([vector(2, identity), Buffer.alloc(4)]))),
    ),
  ];
}

/** The key_share extension. */
export function keyShares(...groups: number[]): Extension {
  return [
    51,
    vector(
      2,
      Buffer.concat(groups.map((group) => Buffer.concat([uint16(group), vector(2, Buffer.alloc(32))]))),
    ),
  ];
}

/** A length of so many bytes, then the content. */
export function vector(lengthBytes: 1 | 2, content: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(content.length, 0, lengthBytes);
  return Buffer.concat([length, content]);
}

/** Two bytes, big-endian. */
export function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

function uint24(value: number): Buffer {
  return Buffer.from([value >> 16, (value >> 8) & 0xff, value & 0xff]);
}
