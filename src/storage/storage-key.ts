/**
 * Keys of a storage and the folders they stand for. Every segment becomes one folder; case is kept in a suffix
 * (`Ab` → `ab=1`) because macOS and Windows would fold `Ab` and `ab` together, and nothing that is no valid key
 * ever reaches the file system. Names of our own contain `~`, which no segment can.
 */
import { TlsmithError } from '../errors.js';

const SEGMENT = /^[A-Za-z0-9._*@+-]{1,200}$/;
const LONGEST_KEY = 512;
/** Device names of Windows, which are reserved whatever follows their first dot (`aux.example.com`). */
const RESERVED = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/;
const FOLDER_NAME = /^=?([a-z0-9._#@+-]+)(?:=([0-9a-f]*))?$/;

/**
 * Rejects what is no key: see {@link Storage} for the grammar.
 * @throws TlsmithError `STORAGE_KEY_INVALID`
 */
export function assertKey(key: string): void {
  const isValid = typeof key === 'string' && key.length <= LONGEST_KEY && key.split('/').every(isSegment);
  if (isValid) return;
  throw new TlsmithError('STORAGE_KEY_INVALID', `${JSON.stringify(key)} is no storage key.`, {
    key,
    hint: 'A key is segments of A-Z a-z 0-9 . _ * @ + - joined by "/", each up to 200 characters, 512 in all; "." and ".." are no segments.',
  });
}

/** The folder names of a valid key, one per segment. */
export function folderNames(key: string): string[] {
  return key.split('/').map(encodeSegment);
}

/** The segment a folder name stands for, or undefined when the folder is none of ours. */
export function segmentOf(folderName: string): string | undefined {
  const [, lower = '', caseMask = ''] = FOLDER_NAME.exec(folderName) ?? [];
  const flags = Array.from(caseMask, (digit) => Number.parseInt(digit, 16).toString(2).padStart(4, '0')).join(
    '',
  );
  const segment = Array.from(lower.replaceAll('#', '*'), (letter, index) =>
    flags[index] === '1' ? letter.toUpperCase() : letter,
  ).join('');
  return isSegment(segment) && encodeSegment(segment) === folderName ? segment : undefined;
}

function isSegment(segment: string): boolean {
  return SEGMENT.test(segment) && segment !== '.' && segment !== '..';
}

function encodeSegment(segment: string): string {
  const lower = segment.toLowerCase();
  const caseMask = caseMaskOf(segment);
  const prefix = RESERVED.test(lower) ? '=' : '';
  // Windows drops a trailing dot; with `=` behind it, `a.` and `a` stay two folders.
  const suffix = caseMask !== '' || lower.endsWith('.') ? `=${caseMask}` : '';
  return `${prefix}${lower.replaceAll('*', '#')}${suffix}`;
}

/** One bit per character, set for capitals, as hexadecimal digits without trailing zeros. */
function caseMaskOf(segment: string): string {
  const flags = Array.from(segment, (letter) => (/[A-Z]/.test(letter) ? '1' : '0')).join('');
  const nibbles = flags.match(/.{1,4}/g) ?? [];
  return nibbles
    .map((nibble) => Number.parseInt(nibble.padEnd(4, '0'), 2).toString(16))
    .join('')
    .replace(/0+$/, '');
}
