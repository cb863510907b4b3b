/**
 * Whether an intermediate in a certificate's own file ends before the certificate, found out for thousands of files whose
 * chains end in the same few intermediates: these are known again by their bytes, so that nothing is left behind in
 * memory for a file, and the chain is looked at closely only where something in it ends early.
 */
import { X509Certificate } from 'node:crypto';
import { isSelfSigned } from '../../credential/certificate-chain.js';
import { subjectOf } from '../../credential/certificate-facts.js';
import { endOf } from '../../credential/certificate-outline.js';
import type { IntermediateEnd } from '../../credential/credential.js';

const REMEMBERED = 32;
const MOST_CERTIFICATES = 10;
const [BEGIN, END] = ['-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----'];

/** A certificate that was met in the chain of another file. */
interface Known {
  /** Base64, as it stands between the lines. */
  readonly text: Buffer;
  /** Milliseconds since the epoch; `Infinity` for what takes more to be read. */
  readonly end: number;
}

/** What is known of the ends of intermediates. */
export class ChainEnds {
  /** The latest first. */
  readonly #known: Known[] = [];

  /**
   * The intermediate that ends first, of those that end before the leaf.
   * @param bytes - a file that begins with its leaf
   */
  shortIn(bytes: Buffer, leafEnd: number): IntermediateEnd | undefined {
    let begin = bytes.indexOf(BEGIN, bytes.indexOf(END));
    for (let count = 1; begin !== -1 && count < MOST_CERTIFICATES; count += 1) {
      const end = bytes.indexOf(END, begin);
      if (end === -1) return undefined;
      if (this.#endOf(bytes, begin + BEGIN.length, end) < leafEnd) return shortInChain(bytes, leafEnd);
      begin = bytes.indexOf(BEGIN, end);
    }
    return undefined;
  }

  /** When the certificate ends that is written there. */
  #endOf(bytes: Buffer, from: number, to: number): number {
    const at = this.#known.findIndex(
      ({ text }) => text.length === to - from && bytes.compare(text, 0, text.length, from, to) === 0,
    );
    const known = this.#known[at] ?? readAt(bytes, from, to);
    if (at === 0) return known.end;
    if (at > 0) this.#known.splice(at, 1);
    this.#known.unshift(known);
    this.#known.length = Math.min(this.#known.length, REMEMBERED);
    return known.end;
  }
}

function readAt(bytes: Buffer, from: number, to: number): Known {
  const text = Buffer.from(bytes.subarray(from, to));
  return { text, end: endOf(Buffer.from(text.toString('latin1'), 'base64')) ?? Infinity };
}

/** Of those alone that are sent: by whom the leaf is issued, by whom that one, up to the root. */
function shortInChain(bytes: Buffer, leafEnd: number): IntermediateEnd | undefined {
  try {
    const [leaf, ...others] = certificateTexts(bytes).map((text) => new X509Certificate(text));
    let first: IntermediateEnd | undefined;
    let current = leaf;
    for (let step = 0; current !== undefined && step < others.length; step += 1) {
      const issued = current;
      current = others.find((other) => other !== issued && issued.checkIssued(other));
      if (current === undefined || isSelfSigned(current)) break;
      const notAfter = Date.parse(current.validTo);
      if (notAfter < (first?.notAfter ?? leafEnd)) first = { subject: subjectOf(current), notAfter };
    }
    return first;
  } catch {
    return undefined; // Whoever loads the pair is told what is wrong with it.
  }
}

function certificateTexts(bytes: Buffer): readonly string[] {
  const texts = bytes.toString('latin1').match(CERTIFICATE) ?? [];
  return texts.slice(0, MOST_CERTIFICATES);
}

const CERTIFICATE = new RegExp(`${BEGIN}[^-]*${END}`, 'g');
