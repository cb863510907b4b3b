/** Which of the keys that lie around belongs to a certificate: what a person would find out next. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { signsFor } from '../credential/key-halves.js';
import type { PairMaterial } from './pair-material.js';
import { readPairFile } from './read-pair-file.js';

const FILES_READ = 50;
const ENDINGS = ['.key', '.pem'];

/** The path of a key for the first certificate of the pair, in the folders of the pair; never rejects. */
export async function matchingKey({ certFile, keyFile }: PairMaterial): Promise<string | undefined> {
  const certificate = certificateIn(certFile.bytes);
  if (certificate === undefined) return undefined;
  for (const candidate of await candidates([keyFile.path, certFile.path])) {
    if (candidate !== keyFile.path && (await holdsKeyOf(certificate, candidate))) return candidate;
  }
  return undefined;
}

function certificateIn(bytes: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes);
  } catch {
    return undefined;
  }
}

/** Ordinary files only: opening a pipe would wait for its writer. */
async function candidates(paths: readonly string[]): Promise<string[]> {
  const folders = [...new Set(paths.map((path) => dirname(path)))];
  const files = await Promise.all(
    folders.map(async (folder) => {
      const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
      return entries
        .filter((entry) => entry.isFile() && ENDINGS.includes(extname(entry.name)))
        .map(({ name }) => join(folder, name));
    }),
  );
  return files.flat().sort().slice(0, FILES_READ);
}

async function holdsKeyOf(certificate: X509Certificate, path: string): Promise<boolean> {
  try {
    const { bytes } = await readPairFile(path, 'Private key');
    const text = bytes.toString('latin1');
    if (!text.includes('PRIVATE KEY-----') || text.includes('ENCRYPTED')) return false;
    const key = createPrivateKey(bytes);
    return certificate.checkPrivateKey(key) && signsFor(certificate, key);
  } catch {
    return false; // Not readable, or no key after all.
  }
}
