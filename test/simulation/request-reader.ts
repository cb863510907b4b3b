/** Reads the public key out of a certificate request (RFC 2986 §4), which is all that a model of an authority wants of it. */

/** @returns the SubjectPublicKeyInfo, DER */
export function publicKeyIn(request: Uint8Array): Uint8Array {
  const info = contentsOf(contentsOf(request)[0]!);
  // version, subject, subjectPKInfo
  return info[2]!;
}

/** The values within a SEQUENCE, each with its tag and length. */
function contentsOf(value: Uint8Array): readonly Uint8Array[] {
  const { start, end } = bodyOf(value, 0);
  const items: Uint8Array[] = [];
  for (let at = start; at < end;) {
    const { end: next } = bodyOf(value, at);
    items.push(value.subarray(at, next));
    at = next;
  }
  return items;
}

function bodyOf(bytes: Uint8Array, at: number): { readonly start: number; readonly end: number } {
  const first = bytes[at + 1]!;
  if (first < 0x80) return { start: at + 2, end: at + 2 + first };
  const count = first & 0x7f;
  const length = bytes.subarray(at + 2, at + 2 + count).reduce((sum, byte) => sum * 256 + byte, 0);
  return { start: at + 2 + count, end: at + 2 + count + length };
}
