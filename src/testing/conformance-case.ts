/** The shape of a conformance case, and the little that the cases share. */
import { rejects } from 'node:assert/strict';
import type { TlsmithErrorCode } from '../errors.js';
import type { Storage } from '../storage/storage.js';

/** One promise of an interface, for any test runner. */
export interface ConformanceCase {
  /** A sentence about behaviour. */
  readonly name: string;
  /** Rejects with an AssertionError when the promise is broken. Opens and closes a storage of its own. */
  readonly run: () => Promise<void>;
}

/** An empty storage, opened for one case. */
export interface OpenedStorage {
  /** The storage under test. */
  readonly storage: Storage;
  /** A second handle on the same data, as another process would have it. */
  readonly another: () => Storage | Promise<Storage>;
  /** Removes the data. Called once, also when the case failed. */
  readonly close: () => Promise<void> | void;
}

/** A case as written: what is promised, and how it is seen. */
export interface Promised {
  readonly name: string;
  readonly check: (opened: OpenedStorage) => Promise<void>;
}

/** Expects `attempt` to reject with this code. */
export async function rejectsWith(code: TlsmithErrorCode, attempt: Promise<unknown>): Promise<void> {
  await rejects(attempt, (error: { code?: unknown }) => error.code === code, `it should reject with ${code}`);
}

/** The bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The text stored at `key`, or undefined. */
export async function textAt(storage: Storage, key: string): Promise<string | undefined> {
  const value = await storage.get(key);
  return value && new TextDecoder().decode(value.bytes);
}

/** The keys listed, in order. */
export async function keysOf(storage: Storage, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of storage.list(prefix)) keys.push(key);
  return keys.sort();
}

/** Resolves once `condition` holds; rejects after five seconds. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited five seconds in vain: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
