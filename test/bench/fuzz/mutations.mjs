// Ways to spoil a ClientHello, and ways to cut one without changing what it says.

const RECORD_HEADER_BYTES = 5;
const INTERESTING_BYTES = [0, 1, 2, 3, 4, 5, 16, 22, 31, 32, 35, 41, 63, 64, 127, 128, 254, 255];
const LONGEST_NOISE = 2_048;

/** The message without its records. */
export function messageOf(flight) {
  const parts = [];
  for (let offset = 0; offset + RECORD_HEADER_BYTES <= flight.length;) {
    const end = offset + RECORD_HEADER_BYTES + flight.readUInt16BE(offset + 3);
    parts.push(flight.subarray(offset + RECORD_HEADER_BYTES, end));
    offset = end;
  }
  return Buffer.concat(parts);
}

/** The message in records of at most `longest` bytes each, at random. */
export function fragmented(message, random, longest) {
  const parts = [];
  for (let offset = 0; offset < message.length;) {
    const length = Math.min(1 + random.below(longest), message.length - offset);
    parts.push(
      Buffer.from([22, 3, 1, length >> 8, length & 0xff]),
      message.subarray(offset, offset + length),
    );
    offset += length;
  }
  return Buffer.concat(parts);
}

/** How long records may be; tiny ones, which cost most, now and then. */
export function recordLength(random) {
  return random.below(16) === 0 ? random.pick([1, 3]) : random.pick([100, 16_384]);
}

/** The bytes in segments, as a network may cut them. */
export function* segments(bytes, random) {
  // Single bytes cost a thousand times as much as a segment that holds all, and show no more: now and then.
  const longest = random.below(32) === 0 ? 1 : random.pick([30, 100, 1_460, bytes.length]);
  for (let offset = 0; offset < bytes.length;) {
    const end = Math.min(offset + 1 + random.below(longest), bytes.length);
    yield bytes.subarray(offset, end);
    offset = end;
  }
}

/** A spoiled copy of a flight. */
export function mutated(flight, random, others) {
  let bytes = Buffer.from(flight);
  const times = 1 + random.below(4);
  for (let time = 0; time < times && bytes.length > 0; time += 1)
    bytes = random.pick(MUTATIONS)(bytes, random, others);
  return bytes;
}

/** Bytes without any sense; half of them with a plausible beginning. */
export function noise(random) {
  const bytes = Buffer.alloc(1 + random.below(LONGEST_NOISE));
  for (let index = 0; index < bytes.length; index += 1) bytes[index] = random.next() >>> 11;
  if (random.below(2) === 0) {
    const length = Math.max(0, bytes.length - RECORD_HEADER_BYTES);
    Buffer.from([22, 3, 1, length >> 8, length & 0xff, 1, 0, (length - 4) >> 8, length - 4]).copy(bytes);
  }
  return bytes;
}

const MUTATIONS = [
  (bytes, random) => {
    for (let flips = 1 + random.below(8); flips > 0; flips -= 1)
      bytes[random.below(bytes.length)] ^= 1 << random.below(8);
    return bytes;
  },
  (bytes, random) => {
    bytes[random.below(bytes.length)] = random.pick(INTERESTING_BYTES);
    return bytes;
  },
  spoilLength,
  spoilLength,
  (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  // Something taken out, with the lengths around it left as they are.
  (bytes, random) => {
    const from = random.below(bytes.length);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + random.below(16))]);
  },
  (bytes, random) => {
    const at = random.below(bytes.length);
    const from = random.below(bytes.length);
    return Buffer.concat([
      bytes.subarray(0, at),
      bytes.subarray(from, from + random.below(64)),
      bytes.subarray(at),
    ]);
  },
  (bytes, random, others) => {
    const other = random.pick(others);
    return Buffer.concat([
      bytes.subarray(0, random.below(bytes.length)),
      other.subarray(random.below(other.length)),
    ]);
  },
  (bytes, random) => fragmented(messageOf(bytes), random, recordLength(random)),
];

/** Writes a wrong number where a length stands: in the headers, or where a length of an extension is. */
function spoilLength(bytes, random) {
  const offsets = lengthOffsets(bytes);
  const offset = random.pick(offsets);
  if (offset + 2 > bytes.length) return bytes;
  const value = bytes.readUInt16BE(offset);
  const wrong = random.pick([
    0,
    1,
    value - 1,
    value + 1,
    value * 2,
    0x3fff,
    0x4000,
    0x4001,
    0x7fff,
    0xffff,
    random.next(),
  ]);
  bytes.writeUInt16BE(wrong & 0xffff, offset);
  return bytes;
}

/** Record, message (both ends of its 24 bits), session id and, as far as the hello can be followed, the rest. */
function lengthOffsets(bytes) {
  const offsets = [3, 6, 7, 43];
  let offset = 44 + (bytes[43] ?? 0);
  offsets.push(offset);
  if (offset + 2 > bytes.length) return offsets;
  offset += 2 + bytes.readUInt16BE(offset);
  offset += 1 + (bytes[offset] ?? 0);
  offsets.push(offset);
  offset += 2;
  while (offset + 4 <= bytes.length) {
    offsets.push(offset + 2, offset + 4, offset + 7);
    offset += 4 + bytes.readUInt16BE(offset + 2);
  }
  return offsets;
}
