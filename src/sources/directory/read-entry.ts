/** Reads and proves one pair of the folder as it is now. */
import { codeOf, TlsmithError } from '../../errors.js';
import { type Prepare, type ProvenPair, provePair } from '../../files/load-pair.js';
import { readPair } from '../../files/pair-material.js';
import { readPairFile } from '../../files/read-pair-file.js';
import { MISSING, SPECIAL, stampNow, stampOf } from './file-stamp.js';
import { snapshotLocator } from './folder-listing.js';
import type { PairEntry } from './pair-entry.js';
import type { PassphraseReading } from './passphrase.js';

/** How often Kubernetes may swap the folder while a pair is read. */
const SNAPSHOTS = 3;

/** The state of all files of a pair. */
export async function stampOfEntry(entry: PairEntry): Promise<string> {
  const { certFile, keyFile, chainFile } = entry;
  if (isOnLocalDisk(entry, entry.stamp)) {
    const parts = [certFile, certFile === keyFile ? undefined : keyFile, chainFile];
    return parts.map((path) => (path === undefined ? '' : stampNow(path))).join('|');
  }
  const [cert, key, chain] = await Promise.all([
    stampOf(certFile),
    certFile === keyFile ? '' : stampOf(keyFile),
    chainFile === undefined ? '' : stampOf(chainFile),
  ]);
  return [cert, key, chain].join('|');
}

/** Whether all files of the pair were on a disk of this machine when `stamp` was taken. */
function isOnLocalDisk({ folder: { localDevice } }: PairEntry, stamp: string | undefined): boolean {
  if (stamp === undefined || localDevice === undefined) return false;
  return stamp.split('|').every((part) => part === '' || part.startsWith(localDevice));
}

/** Finds out whether a certificate without a key file has its key beside it in its own; a missing file has none. */
export async function lookForKey(entry: PairEntry): Promise<void> {
  if (entry.names.key !== undefined || (await stampOf(entry.certFile)) === SPECIAL) return;
  const file = await readPairFile(entry.certFile, 'Certificate file').catch(() => undefined);
  entry.isCombined = file?.bytes.includes('PRIVATE KEY-----') === true;
}

/** Whether none of the files is there. */
export function isAllMissing(stamp: string): boolean {
  return stamp.split('|').every((part) => part === MISSING || part === '');
}

/** Whether the two describe the same files; a mark for recent changes makes no difference. */
export function isSameState(one: string | undefined, other: string): boolean {
  return one?.replaceAll('~', '') === other.replaceAll('~', '');
}

/** What is known before the pair is read. */
export interface ReadEntryOptions {
  readonly stamp: string;
  readonly passphrase: PassphraseReading;
  readonly prepare: Prepare;
}

/**
 * The pair, proven.
 * @throws {@link TlsmithError} as `provePair`, naming the files
 */
export async function readEntry(
  entry: PairEntry,
  { stamp, passphrase, prepare }: ReadEntryOptions,
): Promise<ProvenPair> {
  if (stamp.split('|').includes(SPECIAL)) throw specialFile(entry);
  for (let attempt = 1; ; attempt += 1) {
    try {
      const read = await material(entry, { passphrase, isOnLocalDisk: isOnLocalDisk(entry, stamp) });
      return await provePair(read, prepare);
    } catch (error) {
      // The snapshot that `..data` led to was removed before its files were read: there is another one by then.
      const isRetried = entry.folder.hasSnapshots && codeOf(error) === 'TLS_FILE_NOT_FOUND';
      if (!isRetried || attempt === SNAPSHOTS) throw error;
    }
  }
}

async function material(entry: PairEntry, { passphrase: reading, isOnLocalDisk }: MaterialOptions) {
  const { passphrase, passphraseFile } = reading;
  const { certFile, keyFile, chainFile, folder } = entry;
  const read = await readPair(
    {
      certFile,
      keyFile,
      ...(chainFile === undefined ? {} : { chainFile }),
      ...(passphrase === undefined ? {} : { passphrase }),
    },
    { locate: folder.hasSnapshots ? snapshotLocator(folder.path) : undefined, isOnLocalDisk },
  );
  return passphraseFile === undefined ? read : { ...read, passphraseFile };
}

interface MaterialOptions {
  readonly passphrase: PassphraseReading;
  readonly isOnLocalDisk: boolean;
}

/** Reading it might never end. */
function specialFile({ certFile, keyFile }: PairEntry): TlsmithError {
  return new TlsmithError(
    'TLS_FILE_UNREADABLE',
    `${certFile} or ${keyFile} is no ordinary file but a pipe, a socket or a device; in a folder such are not read.`,
    { path: certFile, hint: 'Put files there, or links to files; filePair() reads pipes.' },
  );
}
