/** Authorities and revocation lists as OpenSSL takes them, read from text and files and tried out. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { certificateBlocks } from '../credential/pem.js';
import { messageOf, TlsmithError } from '../errors.js';
import { readPairFile } from '../files/read-pair-file.js';
import type { ClientTrust } from '../handshake/policies.js';
import type { CertificateInput, ClientAuthSettings } from './client-auth-options.js';
import { systemAuthorities } from './system-authorities.js';
import { termsOf, type TrustTerm } from './trust-terms.js';

// Node reads the first list of a PEM text and passes over the others, so they are given one by one.
const CRL = /-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g;
const SEQUENCE = 0x30;

/**
 * Reads all that the settings name.
 * @throws {@link TlsmithError} for a file that cannot be read, or holds no certificate or no list, or a damaged one, and
 * for the authorities of a system that cannot be read
 */
export async function readTrust(settings: ClientAuthSettings): Promise<ReadTrust> {
  const { ca, trustsSystem, caFiles, crl, crlFiles } = settings;
  const [authorities, lists] = await Promise.all([
    Promise.all(caFiles.map((path) => readFile(path, 'Client CA file'))),
    Promise.all(crlFiles.map((path) => readFile(path, 'CRL file'))),
  ]);
  const own = [...inline(ca, '`clientAuth.ca`'), ...authorities].flatMap(certificatesIn);
  const read = [...inline(crl, '`clientAuth.crl`'), ...lists].flatMap(listsIn);
  return {
    trust: { ca: [...own, ...(trustsSystem ? systemAuthorities() : [])], crl: read },
    // Whoever looks after the system sees to its authorities; they come and go by the dozen.
    terms: termsOf(own, read),
  };
}

/** What was read, and until when it is good. */
export interface ReadTrust {
  readonly trust: ClientTrust;
  readonly terms: readonly TrustTerm[];
}

interface Material {
  readonly bytes: Buffer;
  readonly origin: string;
}

async function readFile(path: string, role: string): Promise<Material> {
  const { bytes } = await readPairFile(path, role);
  return { bytes, origin: `${role} ${path}` };
}

function inline(inputs: readonly CertificateInput[], origin: string): Material[] {
  return inputs.map((input) => ({
    bytes: typeof input === 'string' ? Buffer.from(input) : Buffer.from(input),
    origin,
  }));
}

function certificatesIn({ bytes, origin }: Material): string[] {
  const blocks = bytes[0] === SEQUENCE ? [pemOf('CERTIFICATE', bytes)] : certificateBlocks(bytes, origin);
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch (error) {
      throw new TlsmithError(
        'TLS_PEM_INVALID',
        `${origin} holds a damaged certificate: ${messageOf(error)}.`,
      );
    }
  }
  return blocks;
}

function listsIn({ bytes, origin }: Material): string[] {
  const text = bytes.toString('latin1');
  const lists = bytes[0] === SEQUENCE ? [pemOf('X509 CRL', bytes)] : (text.match(CRL) ?? []);
  if (lists.length === 0 || text.split('-----BEGIN ').length - 1 > lists.length)
    throw new TlsmithError('TLS_PEM_INVALID', `${origin} is no revocation list, or one that is cut off.`, {
      hint: 'It must hold blocks `-----BEGIN X509 CRL-----`, or be one list as DER; `openssl crl -in FILE -text` shows it.',
    });
  try {
    for (const crl of lists) createSecureContext({ crl });
  } catch (error) {
    // Node 20 leaves OpenSSL's error behind for whoever comes next: a context that succeeds clears it.
    createSecureContext();
    throw new TlsmithError('TLS_PEM_INVALID', `${origin} holds a damaged list: ${messageOf(error)}.`);
  }
  return lists;
}

function pemOf(label: string, der: Buffer): string {
  const body = der.toString('base64').replace(/.{64}/g, '$&\n');
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}
