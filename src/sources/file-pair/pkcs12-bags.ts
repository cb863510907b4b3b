/** The bags of a PKCS#12 file (RFC 7292 §4.1 and §4.2): keys and certificates, wherever they lie and however deep. */
import type { asn1 as Asn1 } from 'node-forge';
import type * as ForgeModule from 'node-forge';
import type { TlsmithError } from '../../errors.js';
import { decrypted } from './pkcs12-decryption.js';

/** A private key (PKCS#8), or a certificate. */
export interface Bag {
  readonly kind: 'key' | 'certificate';
  readonly der: Buffer;
}

/** What reading needs. */
export interface SafeReading {
  readonly forge: typeof ForgeModule;
  /** The error for content that is not understood. */
  readonly unsupported: (what: string) => TlsmithError;
}

const DATA = '1.2.840.113549.1.7.1';
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6';
const BAG = '1.2.840.113549.1.12.10.1.';
const [KEY, SHROUDED_KEY, CERTIFICATE, NESTED] = [`${BAG}1`, `${BAG}2`, `${BAG}3`, `${BAG}6`];
const X509_CERTIFICATE = '1.2.840.113549.1.9.22.1';
const DEEPEST = 4;

/**
 * All of them, in the order of the file.
 * @throws what `unsupported` makes, and any other error when the passphrase is wrong, or the content is damaged
 */
export async function bagsIn(
  safe: Buffer,
  passphrase: string | undefined,
  reading: SafeReading,
): Promise<readonly Bag[]> {
  const bags: Bag[] = [];
  for (const contentInfo of elementsOf(safe, reading)) {
    const contents = await contentsOf(contentInfo, passphrase, reading);
    bags.push(...(await bagsAmong(elementsOf(contents, reading), passphrase, { ...reading, depth: 1 })));
  }
  return bags;
}

/** SafeContents, in DER. */
async function contentsOf(
  contentInfo: Asn1.Asn1,
  passphrase: string | undefined,
  reading: SafeReading,
): Promise<Buffer> {
  const [type, wrapper] = children(contentInfo);
  const content = children(wrapper)[0];
  switch (oidOf(type, reading)) {
    case DATA:
      return bytesIn(content);
    case ENCRYPTED_DATA: {
      const [, algorithm, encrypted] = children(children(content)[1]);
      return opened([algorithm, encrypted], passphrase, reading);
    }
    default:
      throw reading.unsupported('part of it is encrypted to a public key');
  }
}

async function bagsAmong(
  elements: readonly Asn1.Asn1[],
  passphrase: string | undefined,
  reading: SafeReading & { readonly depth: number },
): Promise<readonly Bag[]> {
  const bags: Bag[] = [];
  for (const element of elements) {
    const [type, wrapper] = children(element);
    const value = children(wrapper)[0];
    switch (oidOf(type, reading)) {
      case KEY:
        bags.push({ kind: 'key', der: derOf(value, reading) });
        break;
      case SHROUDED_KEY: {
        const [algorithm, encrypted] = children(value);
        bags.push({
          kind: 'key',
          der: keyIn(await opened([algorithm, encrypted], passphrase, reading), reading),
        });
        break;
      }
      case CERTIFICATE:
        bags.push(...certificatesIn(value, reading));
        break;
      case NESTED: {
        const depth = reading.depth + 1;
        if (depth > DEEPEST) throw reading.unsupported('its parts are nested too deep');
        bags.push(...(await bagsAmong(children(value), passphrase, { ...reading, depth })));
        break;
      }
      default: // A revocation list, or something of an application's own.
    }
  }
  return bags;
}

function certificatesIn(value: Asn1.Asn1 | undefined, reading: SafeReading): readonly Bag[] {
  const [type, wrapper] = children(value);
  if (oidOf(type, reading) !== X509_CERTIFICATE) return [];
  return [{ kind: 'certificate', der: bytesIn(children(wrapper)[0]) }];
}

type EncryptedParts = readonly [algorithm: Asn1.Asn1 | undefined, content: Asn1.Asn1 | undefined];

async function opened(
  [algorithm, content]: EncryptedParts,
  passphrase: string | undefined,
  reading: SafeReading,
): Promise<Buffer> {
  const encrypted = { algorithm: derOf(algorithm, reading), content: bytesIn(content) };
  const plain = await decrypted(encrypted, passphrase, reading.forge);
  if (plain === undefined) {
    const scheme = oidOf(children(algorithm)[0], reading);
    throw reading.unsupported(`it is encrypted in a way (${scheme}) that is not supported`);
  }
  return plain;
}

/**
 * A PrivateKeyInfo (RFC 5208 §5): a number and an algorithm come first. Of 256 wrong passphrases one leaves a padding that
 * looks right, and something that is no key before it.
 */
function keyIn(der: Buffer, reading: SafeReading): Buffer {
  const [version, algorithm] = elementsOf(der, reading);
  if (!isText(version)) throw new RangeError('no version');
  oidOf(children(algorithm)[0], reading);
  return der;
}

/** The elements of a sequence in DER. */
function elementsOf(der: Buffer, { forge }: SafeReading): readonly Asn1.Asn1[] {
  const sequence = forge.asn1.fromDer(der.toString('latin1'));
  if (!Array.isArray(sequence.value)) throw new RangeError('no sequence');
  return sequence.value;
}

function oidOf(node: Asn1.Asn1 | undefined, { forge }: SafeReading): string {
  if (!isText(node)) throw new RangeError('no object identifier');
  return forge.asn1.derToOid(node.value);
}

function derOf(node: Asn1.Asn1 | undefined, { forge }: SafeReading): Buffer {
  if (node === undefined) throw new RangeError('an element is missing');
  return Buffer.from(forge.asn1.toDer(node).getBytes(), 'latin1');
}

interface TextNode {
  readonly value: string;
}

/** Whether an element holds bytes, not further elements. */
export function isText(node: Asn1.Asn1 | undefined): node is Asn1.Asn1 & TextNode {
  return typeof node?.value === 'string';
}

/** The elements in an element; none when it holds bytes. */
export function children(node: Asn1.Asn1 | undefined): readonly Asn1.Asn1[] {
  return Array.isArray(node?.value) ? node.value : [];
}

/** Octets may be in pieces, as programs write that do not know the length beforehand. */
export function bytesIn(node: Asn1.Asn1 | undefined): Buffer {
  return isText(node) ? Buffer.from(node.value, 'latin1') : Buffer.concat(children(node).map(bytesIn));
}
