// Ways to spoil bytes of which nothing is known.

const INTERESTING_BYTES = [0, 1, 2, 3, 4, 9, 10, 13, 32, 45, 48, 58, 127, 128, 254, 255];

/** A spoiled copy. */
export function spoiled(bytes, random, others) {
  let result = Buffer.from(bytes);
  for (let times = 1 + random.below(4); times > 0 && result.length > 0; times -= 1)
    result = random.pick(MUTATIONS)(result, random, others);
  return result;
}

const MUTATIONS = [
  (bytes, random) => {
    bytes[random.below(bytes.length)] ^= 1 << random.below(8);
    return bytes;
  },
  (bytes, random) => {
    bytes[random.below(bytes.length)] = random.pick(INTERESTING_BYTES);
    return bytes;
  },
  (bytes, random) => {
    if (bytes.length < 2) return bytes;
    bytes.writeUInt16BE(
      random.pick([0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff]),
      random.below(bytes.length - 1),
    );
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  (bytes, random) => {
    const from = random.below(bytes.length);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + random.below(8))]);
  },
  (bytes, random) => {
    const at = random.below(bytes.length);
    const from = random.below(bytes.length);
    return Buffer.concat([
      bytes.subarray(0, at),
      bytes.subarray(from, from + random.below(32)),
      bytes.subarray(at),
    ]);
  },
  (bytes, random, others) => {
    const other = random.pick(others);
    return Buffer.concat([
      bytes.subarray(0, random.below(bytes.length)),
      other.subarray(random.below(other.length + 1)),
    ]);
  },
];
