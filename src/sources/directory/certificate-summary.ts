/**
 * What certificate files say about themselves, read as cheaply as it can be: for 10,000 of them it is read at start,
 * and whatever that leaves behind in memory stays with the process.
 */
import { X509Certificate } from 'node:crypto';
import { close, open, read } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { namesOf, validityOf } from '../../credential/certificate-facts.js';
import { outlineOf } from '../../credential/certificate-outline.js';
import { certificateBlocks } from '../../credential/pem.js';
import { ChainEnds } from './chain-ends.js';
import type { CertificateSummary } from './pair-entry.js';

/** A certificate file, looked into. */
export interface CertificateFileContent {
  readonly summary: CertificateSummary;
  /** Whether it says to be an authority and names nobody whom a server could be. */
  readonly isAuthority: boolean;
  /** Whether a private key lies in the same file. */
  readonly hasKey: boolean;
}

/** Holds a leaf and its chain; larger files are read in another way. */
const BUFFER_BYTES = 16_384;
const BASE64 = /^[A-Za-z0-9+/=\s]+$/;
const [BEGIN, END] = ['-----BEGIN ', '-----END '];
const [BEGIN_CERTIFICATE, END_CERTIFICATE] = ['-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----'];

/** The object identifier of an RSA public key (RFC 8017 §A.1); to make the key itself would take ten times as long. */
const RSA_ENCRYPTION = Buffer.from('06092a864886f70d010101', 'hex');

/** Reads summaries, any number side by side, with as many buffers as are in use at a time. */
export class SummaryReader {
  readonly #buffers: Buffer[] = [];
  readonly #chainEnds = new ChainEnds();

  /**
   * The summary of a file.
   * @throws whatever is wrong with the file, in any words: who has to be told loads the pair and is told better
   */
  async read(path: string, beforeParsing: () => Promise<void>): Promise<CertificateFileContent> {
    const buffer = this.#buffers.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
    try {
      const bytes = buffer.subarray(0, await readInto(buffer, path));
      await beforeParsing();
      // What fills the buffer may go on beyond it.
      return bytes.length < BUFFER_BYTES
        ? contentOf(bytes, path, this.#chainEnds)
        : thoroughContentOf(await readFile(path), path);
    } finally {
      this.#buffers.push(buffer);
    }
  }

  /** Lets go of the buffers. */
  rest(): void {
    this.#buffers.length = 0;
  }
}

function contentOf(bytes: Buffer, path: string, chainEnds: ChainEnds): CertificateFileContent {
  const summary = plainSummary(bytes);
  if (summary === undefined) return thoroughContentOf(bytes, path);
  const shortIntermediate = chainEnds.shortIn(bytes, summary.notAfter);
  return {
    summary: shortIntermediate === undefined ? summary : { ...summary, shortIntermediate },
    isAuthority: false,
    hasKey: hasKey(bytes),
  };
}

/** Of a file that begins with the certificate of a server, as nearly all do. */
function plainSummary(bytes: Buffer): CertificateSummary | undefined {
  const begin = bytes.indexOf(BEGIN);
  const end = bytes.indexOf(END_CERTIFICATE, begin);
  if (begin === -1 || end === -1 || !startsWith(bytes, BEGIN_CERTIFICATE, begin)) return undefined;
  const text = bytes.toString('latin1', begin + BEGIN_CERTIFICATE.length, end);
  if (!BASE64.test(text) || countOf(bytes, BEGIN) !== countOf(bytes, END)) return undefined;
  const der = Buffer.from(text, 'base64');
  const outline = outlineOf(der);
  return outline === undefined ? undefined : { ...outline, isRsa: der.includes(RSA_ENCRYPTION) };
}

function thoroughContentOf(bytes: Buffer, path: string): CertificateFileContent {
  const leaf = leafOf(certificateBlocks(bytes, path));
  const names = namesOf(leaf);
  return {
    summary: {
      names,
      serialNumber: leaf.serialNumber,
      ...validityOf(leaf, path),
      isRsa: leaf.raw.includes(RSA_ENCRYPTION),
    },
    isAuthority: leaf.ca && leaf.subjectAltName === undefined && !names.some(isDotted),
    hasKey: hasKey(bytes),
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

function hasKey(bytes: Buffer): boolean {
  return bytes.includes('PRIVATE KEY-----');
}

function startsWith(bytes: Buffer, text: string, at: number): boolean {
  return bytes.indexOf(text, at) === at;
}

function countOf(bytes: Buffer, text: string): number {
  let count = 0;
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + text.length)) count += 1;
  return count;
}

/** How many bytes there are. By callbacks: promises of node:fs cost twice as much, which 10,000 files make felt. */
function readInto(buffer: Buffer, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, (openError, file) => {
      if (openError !== null) {
        reject(openError);
        return;
      }
      read(file, buffer, 0, buffer.length, 0, (readError, byteCount) => {
        close(file, () => {
          if (readError === null) resolve(byteCount);
          else reject(readError);
        });
      });
    });
  });
}
