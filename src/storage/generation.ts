/**
 * The bytes of one generation file: a SHA-256 over the rest, a line of JSON, the value. A file that was cut off,
 * emptied or garbled fails the checksum and is never mistaken for a value.
 */
import { createHash } from 'node:crypto';
import type { StoredValue } from './storage.js';

/** One write of a value. */
export interface Generation extends StoredValue {
  /** The lease it was written under. */
  readonly lease?: LeaseIdentity;
}

/** What identifies a lease across processes. */
export interface LeaseIdentity {
  /** What is locked. */
  readonly key: string;
  /** The fencing token. */
  readonly token: number;
}

const NEWLINE = 0x0a;

/** The file for `generation`. */
export function encodeGeneration({ bytes, version, lease }: Generation): Uint8Array {
  const rest = Buffer.concat([Buffer.from(`${JSON.stringify({ version, lease })}\n`), bytes]);
  return Buffer.concat([Buffer.from(`${sha256(rest)}\n`), rest]);
}

/** The generation in `file`, or undefined when the file is damaged. */
export function decodeGeneration(file: Buffer): Generation | undefined {
  const digestEnd = file.indexOf(NEWLINE);
  const rest = file.subarray(digestEnd + 1);
  if (digestEnd === -1 || file.subarray(0, digestEnd).toString('latin1') !== sha256(rest)) return undefined;
  const headEnd = rest.indexOf(NEWLINE);
  // The checksum matched, so this line is what encodeGeneration wrote.
  const head = JSON.parse(rest.subarray(0, headEnd).toString()) as Omit<Generation, 'bytes'>;
  return { ...head, bytes: Uint8Array.from(rest.subarray(headEnd + 1)) };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
