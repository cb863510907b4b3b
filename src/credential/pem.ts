/**
 * PEM text cut into its blocks (RFC 7468), lenient in what real files contain (BOM, CRLF, text between blocks,
 * trailing spaces) and exact about what is wrong when a file is not what its reader expected.
 */
import { TlsmithError } from '../errors.js';

/** One `-----BEGIN …-----` block. */
export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY`, … */
  readonly label: string;
  /** The block as PEM text with normalised line ends. */
  readonly text: string;
}

/** Where a PEM text came from, for messages: `Certificate file /etc/x.pem`, `pemPair: cert`. */
export type Origin = string;

// A body may hold dashes (`Proc-Type: 4,ENCRYPTED`), but never five of them.
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*(?:-(?!----)[^-]*)*)-----END \1-----/g;
const BODY = /^(?:[A-Za-z0-9-]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*[A-Za-z0-9+/=\s]+$/;

/** RFC 7468 §11. */
export const ENCRYPTED_KEY_LABEL = 'ENCRYPTED PRIVATE KEY';

/** Whether the private key in a PEM text needs a passphrase: PKCS#8, or OpenSSL's older form with the header of RFC 1421. */
export function isKeyEncrypted(pem: string): boolean {
  return pem.includes(`-----BEGIN ${ENCRYPTED_KEY_LABEL}-----`) || pem.includes('Proc-Type: 4,ENCRYPTED');
}

const PKCS8_LABEL = 'PRIVATE KEY';
const PKCS8 = new RegExp(
  `^-----BEGIN ${PKCS8_LABEL}-----\\n(?:[A-Za-z0-9+/]{64}\\n)*[A-Za-z0-9+/]{1,64}={0,2}\\n-----END ${PKCS8_LABEL}-----\\n$`,
);

/** Whether a block is an unencrypted key as OpenSSL writes it (RFC 7468 §10): PKCS#8, in lines of 64 characters. */
export function isPlainPkcs8(block: string): boolean {
  return PKCS8.test(block);
}

/** A block of PEM text (RFC 7468 §2) with these bytes. */
export function pemBlock(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der)
    .toString('base64')
    .replaceAll(/(.{64})(?=.)/g, '$1\n');
  return `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`;
}

/** The bytes in a block that was written here. */
export function derIn(block: string): Buffer {
  return Buffer.from(block.replaceAll(/-----[^-]+-----/g, ''), 'base64');
}

/** The certificates in `input`, in the order of the file. */
export function certificateBlocks(input: string | Uint8Array, origin: Origin): string[] {
  const blocks = pemBlocks(input, origin);
  const certificates = blocks.filter((block) => isCertificate(block.label));
  if (certificates.length === 0) throw wrongKind(blocks, origin, 'a certificate');
  return certificates.map((block) => block.text.replaceAll('TRUSTED CERTIFICATE', 'CERTIFICATE'));
}

/** The one private key in `input`; certificates beside it (a combined file) are allowed. */
export function privateKeyBlock(input: string | Uint8Array, origin: Origin): string {
  const blocks = pemBlocks(input, origin);
  const key = blocks.find((block) => block.label.endsWith('PRIVATE KEY'));
  if (key === undefined) throw wrongKind(blocks, origin, 'a private key');
  return key.text;
}

function pemBlocks(input: string | Uint8Array, origin: Origin): PemBlock[] {
  const text = decode(input, origin);
  const blocks = Array.from(text.matchAll(BLOCK), ([, label = '', body = '']) => ({
    label,
    text: `-----BEGIN ${label}-----\n${body.trim()}\n-----END ${label}-----\n`,
    isWellFormed: BODY.test(body.trim()),
  }));
  if (blocks.length === 0 || blocks.some((block) => !block.isWellFormed)) throw malformed(text, origin);
  if (text.split('-----BEGIN ').length - 1 > blocks.length) throw malformed(text, origin);
  return blocks;
}

function decode(input: string | Uint8Array, origin: Origin): string {
  const bytes = typeof input === 'string' ? Buffer.from(input) : Buffer.from(input);
  if (bytes.toString('latin1').trim() === '') {
    throw new TlsmithError('TLS_FILE_EMPTY', `${origin} is empty.`, {
      hint: 'If a program is writing it right now, it is read again on the next change.',
    });
  }
  if (isDer(bytes)) throw binary(origin);
  if (isUtf16(bytes)) throw wideText(origin);
  // A byte order mark is text in front of the first block.
  return bytes.toString('utf8').replaceAll('\r\n', '\n').replaceAll('\r', '\n');
}

/** A SEQUENCE of some length, or a short one that is exactly as long as it says (an Ed25519 key). */
function isDer(bytes: Buffer): boolean {
  return bytes[0] === 0x30 && ((bytes[1] ?? 0) >= 0x80 || bytes[1] === bytes.length - 2);
}

/** By its byte order mark, or by the zeros between its letters. */
function isUtf16(bytes: Buffer): boolean {
  if (bytes.length < 2) return false;
  return [0xfffe, 0xfeff].includes(bytes.readUInt16BE(0)) || bytes[0] === 0 || bytes[1] === 0;
}

function wideText(origin: Origin): TlsmithError {
  return new TlsmithError('TLS_PEM_INVALID', `${origin} is text in UTF-16, in which nobody reads PEM.`, {
    hint: "Windows PowerShell's `>` writes so. Convert it: `iconv -f UTF-16 -t UTF-8 FILE > FILE.pem`, or write it with `Set-Content -Encoding ascii`.",
  });
}

function binary(origin: Origin): TlsmithError {
  return new TlsmithError('TLS_PEM_WRONG_KIND', `${origin} holds binary DER or PKCS#12 data, not PEM text.`, {
    hint: 'Convert it: `openssl x509 -inform der -in FILE -out FILE.pem` for a certificate, `openssl pkcs12 -in FILE -nodes -out FILE.pem` for PKCS#12.',
  });
}

function malformed(text: string, origin: Origin): TlsmithError {
  const why = text.includes('-----BEGIN ')
    ? 'has a PEM block that is cut off or damaged (no matching END line, or characters that are not base64)'
    : 'contains no PEM block (no line `-----BEGIN …-----`)';
  return new TlsmithError('TLS_PEM_INVALID', `${origin} ${why}.`, {
    hint: PATH.test(text)
      ? 'It looks like a path: filePair({ certFile, keyFile }) reads files.'
      : 'Copy the whole file again, from the BEGIN line to the END line.',
  });
}

/** One short line that ends as the names of such files do. */
const PATH = /^[^\r\n]{1,500}\.(?:pem|crt|cer|key)\s*$/;

function wrongKind(blocks: readonly PemBlock[], origin: Origin, wanted: string): TlsmithError {
  const labels = blocks.map((block) => block.label);
  const isSwapped = labels.some((label) =>
    wanted === 'a certificate' ? label.endsWith('PRIVATE KEY') : isCertificate(label),
  );
  return new TlsmithError(
    'TLS_PEM_WRONG_KIND',
    `${origin} was given as ${wanted} but contains ${labels.join(', ')}.`,
    {
      hint: isSwapped
        ? 'Certificate and key look swapped.'
        : `Give the PEM file that holds ${wanted === 'a certificate' ? 'CERTIFICATE' : 'PRIVATE KEY'} blocks; a request (CSR) or a public key is neither.`,
    },
  );
}

function isCertificate(label: string): boolean {
  return label === 'CERTIFICATE' || label === 'TRUSTED CERTIFICATE' || label === 'X509 CERTIFICATE';
}
