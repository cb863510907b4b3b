/** The proof that storage keeps what it is given, made before anything is ordered from anybody. */
import { randomBytes } from 'node:crypto';
import { messageOf, TlsmithError } from '../errors.js';
import type { Storage } from '../storage/storage.js';

/** As much as a certificate with its key and chain takes: a few bytes may fit on a disk that is full. */
const PROBE_BYTES = 16_384;

/**
 * Writes, reads and deletes a random value.
 * @returns the fault as `STORAGE_NOT_WRITABLE`, or undefined when storage works
 */
export async function probeStorage(storage: Storage): Promise<TlsmithError | undefined> {
  const key = `probe/${randomBytes(8).toString('hex')}`;
  const bytes = randomBytes(PROBE_BYTES);
  try {
    await storage.put(key, bytes);
    const read = await storage.get(key);
    await storage.delete(key);
    if (read !== undefined && bytes.equals(read.bytes)) return undefined;
    return notWritable('it did not give back what was just written');
  } catch (error) {
    return notWritable(messageOf(error), error);
  }
}

function notWritable(why: string, cause?: unknown): TlsmithError {
  return new TlsmithError(
    'STORAGE_NOT_WRITABLE',
    `Nothing is issued, because storage cannot be written: ${why.replace(/\.$/, '')}.`,
    {
      hint: 'Without storage each restart would order new certificates and run into rate limits. Check owner, mode and free space of the storage folder; certificates that are stored already are served.',
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
