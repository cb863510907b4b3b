/** What a certificate file says about itself, read as cheaply as it can be: for 10,000 of them it is read at start. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs';
import { namesOf, validityOf } from '../../credential/certificate-facts.js';
import { certificateBlocks } from '../../credential/pem.js';
import type { CertificateSummary } from './pair-entry.js';

/** A certificate file, looked into. */
export interface CertificateFileContent {
  readonly summary: CertificateSummary;
  /** Whether it says to be an authority and names nobody whom a server could be. */
  readonly isAuthority: boolean;
  /** Whether a private key lies in the same file. */
  readonly hasKey: boolean;
}

/** @throws whatever is wrong with the file, in any words: who has to be told loads the pair and is told better */
export async function readSummary(
  path: string,
  beforeParsing: () => Promise<void>,
): Promise<CertificateFileContent> {
  const bytes = await read(path);
  await beforeParsing();
  const leaf = leafOf(certificateBlocks(bytes, path));
  const names = namesOf(leaf);
  return {
    summary: { names, ...validityOf(leaf, path) },
    isAuthority: leaf.ca && leaf.subjectAltName === undefined && !names.some(isDotted),
    hasKey: bytes.includes('PRIVATE KEY-----'),
  };
}

/** Chains mostly begin with their leaf; in a file of another order it is the one that is no authority. */
function leafOf(blocks: readonly string[]): X509Certificate {
  const first = new X509Certificate(blocks[0] ?? '');
  if (!first.ca) return first;
  for (const block of blocks.slice(1)) {
    const certificate = new X509Certificate(block);
    if (!certificate.ca) return certificate;
  }
  return first;
}

function isDotted(name: string): boolean {
  return name.includes('.');
}

/** By callback: promises of node:fs cost twice as much, which 10,000 files make felt. */
function read(path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    readFile(path, (error, bytes) => {
      if (error === null) resolve(bytes);
      else reject(error);
    });
  });
}
