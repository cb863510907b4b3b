/**
 * Whether an intermediate in a certificate's own file ends before the certificate, found out for thousands of files whose
 * chains end in the same few intermediates: when each of these ends is remembered, and the chain is looked at closely only
 * where something in the file ends early.
 */
import { X509Certificate } from 'node:crypto';
import { BoundedMap } from '../../bounded-map.js';
import { subjectOf } from '../../credential/certificate-facts.js';
import { endOf } from '../../credential/certificate-outline.js';
import type { IntermediateEnd } from '../../credential/credential.js';
import { isSelfSigned } from '../../credential/certificate-chain.js';

const REMEMBERED = 100;
const MOST_CERTIFICATES = 10;
const [BEGIN, END] = ['-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----'];

/** What is known of the ends of intermediates. */
export class ChainEnds {
  /** By the text between the lines: milliseconds since the epoch; `Infinity` for what takes more to be read. */
  readonly #known = new BoundedMap<string, number>(REMEMBERED);

  /**
   * The intermediate that ends first, of those that end before the leaf.
   * @param bytes - a file that begins with its leaf
   */
  shortIn(bytes: Buffer, leafEnd: number): IntermediateEnd | undefined {
    const texts = certificateTexts(bytes);
    const isEarly = texts.slice(1).some((text) => this.#endOf(text) < leafEnd);
    return isEarly ? shortInChain(texts, leafEnd) : undefined;
  }

  #endOf(text: string): number {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const end = endOf(Buffer.from(text, 'base64')) ?? Infinity;
    this.#known.set(text, end);
    return end;
  }
}

function certificateTexts(bytes: Buffer): readonly string[] {
  const texts: string[] = [];
  let begin = bytes.indexOf(BEGIN);
  while (begin !== -1 && texts.length < MOST_CERTIFICATES) {
    const end = bytes.indexOf(END, begin);
    if (end === -1) break;
    texts.push(bytes.toString('latin1', begin + BEGIN.length, end));
    begin = bytes.indexOf(BEGIN, end);
  }
  return texts;
}

/** Of those alone that are sent: by whom the leaf is issued, by whom that one, up to the root. */
function shortInChain(texts: readonly string[], leafEnd: number): IntermediateEnd | undefined {
  try {
    const [leaf, ...others] = texts.map((text) => new X509Certificate(`${BEGIN}${text}${END}`));
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
