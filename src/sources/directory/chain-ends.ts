/**
 * Whether an intermediate in a certificate's own file ends before the certificate, found out for thousands of files whose
 * chains end in the same few intermediates: these are known again by their bytes, and who has issued whom is told by their
 * names alone, so that a file costs microseconds and leaves nothing behind in memory. Whoever loads the pair looks closely.
 */
import { X509Certificate } from 'node:crypto';
import { subjectOf } from '../../credential/certificate-facts.js';
import { type ChainLink, linkOf } from '../../credential/certificate-outline.js';
import type { IntermediateEnd } from '../../credential/credential.js';

const REMEMBERED = 32;
const MOST_CERTIFICATES = 10;
const [BEGIN, END] = ['-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----'];

/** A certificate that was met in the chain of another file. */
interface Known {
  /** Base64, as it stands between the lines. */
  readonly text: Buffer;
  /** Undefined for what takes more to be read, and for a root, which is not sent. */
  readonly link: ChainLink | undefined;
  readonly end: IntermediateEnd;
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
    const leafStart = bytes.indexOf(BEGIN) + BEGIN.length;
    const leafStop = bytes.indexOf(END);
    const others = this.#certificatesAfter(bytes, leafStop);
    if (!others.some(({ end }) => end.notAfter < leafEnd)) return undefined;
    const leaf = linkIn(bytes.subarray(leafStart, leafStop));
    return leaf === undefined ? undefined : firstEndAbove(leaf, others, leafEnd);
  }

  #certificatesAfter(bytes: Buffer, from: number): readonly Known[] {
    const found: Known[] = [];
    let begin = bytes.indexOf(BEGIN, from);
    while (begin !== -1 && found.length < MOST_CERTIFICATES) {
      const stop = bytes.indexOf(END, begin);
      if (stop === -1) break;
      found.push(this.#knownAt(bytes, begin + BEGIN.length, stop));
      begin = bytes.indexOf(BEGIN, stop);
    }
    return found;
  }

  #knownAt(bytes: Buffer, from: number, to: number): Known {
    const at = this.#known.findIndex(
      ({ text }) => text.length === to - from && bytes.compare(text, 0, text.length, from, to) === 0,
    );
    const known = this.#known[at] ?? readAt(bytes, from, to);
    if (at === 0) return known;
    if (at > 0) this.#known.splice(at, 1);
    this.#known.unshift(known);
    this.#known.length = Math.min(this.#known.length, REMEMBERED);
    return known;
  }
}

/** Of those alone that are sent: by whom the leaf is issued, by whom that one, up to the root. */
function firstEndAbove(
  leaf: ChainLink,
  others: readonly Known[],
  leafEnd: number,
): IntermediateEnd | undefined {
  let first: IntermediateEnd | undefined;
  let issuer = leaf.issuer;
  for (let step = 0; step < others.length; step += 1) {
    const above = others.find(({ link }) => link?.subject.equals(issuer) === true);
    if (above?.link === undefined) break;
    if (above.end.notAfter < (first?.notAfter ?? leafEnd)) first = above.end;
    issuer = above.link.issuer;
  }
  return first;
}

function readAt(bytes: Buffer, from: number, to: number): Known {
  const text = Buffer.from(bytes.subarray(from, to));
  const link = linkIn(text);
  if (link === undefined || link.issuer.equals(link.subject)) return { text, ...NOTHING };
  try {
    const subject = subjectOf(new X509Certificate(`${BEGIN}${text.toString('latin1')}${END}`));
    return { text, link, end: { subject, notAfter: link.notAfter } };
  } catch {
    return { text, ...NOTHING };
  }
}

const NOTHING = { link: undefined, end: { subject: '', notAfter: Infinity } };

function linkIn(base64: Buffer): ChainLink | undefined {
  return linkOf(Buffer.from(base64.toString('latin1'), 'base64'));
}
