/** Findings about the folder itself, and the error when there is nothing to start with. */
import { readdir, stat } from 'node:fs/promises';
import type { Finding } from '../../credential/findings.js';
import { codeOf, isTlsmithError, messageOf, TlsmithError } from '../../errors.js';
import { fileError } from '../../files/file-errors.js';

const NAMES_SHOWN = 8;

/** The coded form of what kept the folder from being listed. */
export async function folderError(error: unknown, path: string): Promise<TlsmithError> {
  if (codeOf(error) !== 'ENOTDIR' || !(await isThere(path))) {
    return fileError(error, path, 'Certificate folder');
  }
  return new TlsmithError('DIRECTORY_IS_FILE', `Certificate folder ${path} is a file, not a folder.`, {
    path,
    cause: error,
    hint: 'Give the folder that the file lies in, or give certificate and key to filePair().',
  });
}

/** A folder that was there and cannot be listed now. */
export function goneFinding(error: unknown, path: string, served: number): Finding {
  const { code, hint } = isTlsmithError(error) ? error : { code: 'TLS_FILE_UNREADABLE' as const };
  return {
    code,
    severity: 'error',
    names: [path],
    message: `${messageOf(error)} The ${served} certificate(s) loaded before are still served; changes are not seen until it is back.`,
    ...(hint === undefined ? {} : { hint }),
  };
}

/** A folder in it that cannot be listed. */
export async function unlistedFinding(error: unknown, path: string): Promise<Finding> {
  const { message, hint } = await fileError(error, path, 'Folder');
  const isClosed = ['EACCES', 'EPERM'].includes(codeOf(error) ?? '');
  return {
    code: 'DIRECTORY_UNLISTED',
    severity: 'warning',
    names: [path],
    message: `${message} Pairs in it are not found; those found before are still served.`,
    hint: isClosed ? openingHint(path) : (hint ?? ''),
  };
}

function openingHint(path: string): string {
  return `Let this process in: chgrp ${process.getgid?.() ?? -1} ${path} and chmod 750 (chmod 700 where it belongs to its user). If nothing in it is to be served, give directory() a folder that it does not lie in.`;
}

/** A folder without any pair. */
export async function emptyFinding(path: string): Promise<Finding> {
  const names = await readdir(path).catch(() => []);
  const more = names.length > NAMES_SHOWN ? `, and ${names.length - NAMES_SHOWN} more` : '';
  const content =
    names.length === 0 ? 'It is empty' : `It holds ${names.slice(0, NAMES_SHOWN).join(', ')}${more}`;
  return {
    code: 'DIRECTORY_EMPTY',
    severity: 'warning',
    names: [path],
    message: `Certificate folder ${path} holds no certificate with its key, so it has nothing to serve. ${content}.`,
    hint: 'Put <name>.crt and <name>.key there (docs/certificate-sources.md has all layouts); they are picked up without a restart. In a container, check that the folder is mounted.',
  };
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
