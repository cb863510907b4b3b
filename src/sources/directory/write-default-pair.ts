/** Puts a pair into the folder that was not there before; never over a file that is. */
import { randomBytes } from 'node:crypto';
import { link, open, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Credential } from '../../credential/credential.js';
import { codeOf } from '../../errors.js';

/** File systems without hard links. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP', 'EINVAL'];

/**
 * Writes `<name>.key` (0600) and `<name>.crt` (0644), each complete from the moment it appears. Answers false when
 * one of them is there already, which is then left alone.
 * @throws the error of the system when the folder cannot be written
 */
export async function writeDefaultPair(
  credential: Credential,
  folder: string,
  name: string,
): Promise<boolean> {
  const [keyFile, certFile] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  if (await exists(certFile)) return false;
  if (!(await writeOnce(keyFile, credential.key, 0o600))) return false;
  return writeOnce(certFile, credential.cert, 0o644);
}

async function writeOnce(path: string, content: string, mode: number): Promise<boolean> {
  // Hidden and with another ending, so that nobody takes it for part of a pair.
  const temporary = `${join(path, '..')}/.${randomBytes(8).toString('hex')}.tmp`;
  const file = await open(temporary, 'wx', mode);
  try {
    try {
      await file.chmod(mode);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    return await appear(temporary, path);
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

/** By link, which unlike rename never replaces a file that came in between. */
async function appear(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (code === 'EEXIST') return false;
    if (!NO_LINKS.includes(code)) throw error;
    if (await exists(path)) return false;
    await rename(temporary, path);
    return true;
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
