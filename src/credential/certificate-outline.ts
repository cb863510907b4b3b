/**
 * Names and validity of a server's certificate, read straight from its DER (RFC 5280 §4.1) at a fraction of what
 * node's parser takes in time and memory. Only of certificates that are as plain as nearly all are; whatever else
 * there is has to be read with node's parser, so that both never disagree.
 */
import { contextTag, DerCursor, TAG } from './der-cursor.js';
import { normalizeConfiguredName, normalizeIpAddress } from './server-name.js';

/** What a certificate is good for, and how long. */
export interface CertificateOutline {
  /** As `namesOf` answers them. */
  readonly names: readonly string[];
  /** Upper-case hexadecimal, as node has it. */
  readonly serialNumber: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** RFC 5280 §4.2.1.6 and §4.2.1.9: 2.5.29.17 and 2.5.29.19. */
const SUBJECT_ALT_NAME = Uint8Array.of(0x55, 0x1d, 0x11);
const BASIC_CONSTRAINTS = Uint8Array.of(0x55, 0x1d, 0x13);
/** RFC 5280 §4.2.1.6. */
const GENERAL_NAME = {
  email: contextTag(1, 'primitive'),
  dns: contextTag(2, 'primitive'),
  uri: contextTag(6, 'primitive'),
  address: contextTag(7, 'primitive'),
} as const;
/** Whatever else a DNS name holds is written in more than one way. */
const PLAIN_NAME = /^[A-Za-z0-9.*_-]+$/;

/** The outline; undefined when it takes more to read this certificate. */
export function outlineOf(der: Buffer): CertificateOutline | undefined {
  try {
    const file = new DerCursor(der);
    const certificate = file.enter(TAG.sequence);
    file.assertEnd();
    const outline = outlineIn(certificate.enter(TAG.sequence));
    certificate.enter(TAG.sequence);
    certificate.enter(TAG.bitString);
    certificate.assertEnd();
    return outline;
  } catch {
    return undefined;
  }
}

/** Who has issued whom, and until when it is good: of a certificate of any kind. */
export interface ChainLink {
  /** Distinguished names, DER without its outer tag. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** The link; undefined when it takes more to read this certificate. */
export function linkOf(der: Buffer): ChainLink | undefined {
  try {
    const tbs = new DerCursor(der).enter(TAG.sequence).enter(TAG.sequence);
    const { issuer, notAfter } = beginningOf(tbs);
    return {
      issuer: Buffer.from(issuer.octets()),
      notAfter,
      subject: Buffer.from(tbs.enter(TAG.sequence).octets()),
    };
  } catch {
    return undefined;
  }
}

/** TBSCertificate, up to its validity. */
function beginningOf(tbs: DerCursor): Omit<CertificateOutline, 'names'> & { readonly issuer: DerCursor } {
  tbs.skipIf(contextTag(0, 'constructed')); // version
  const serialNumber = serialNumberOf(tbs.enter(TAG.integer).octets());
  tbs.enter(TAG.sequence); // signature
  const issuer = tbs.enter(TAG.sequence);
  const validity = tbs.enter(TAG.sequence);
  const [notBefore, notAfter] = [instantIn(validity), instantIn(validity)];
  return { serialNumber, issuer, notBefore, notAfter };
}

/** TBSCertificate, up to its end. */
function outlineIn(tbs: DerCursor): CertificateOutline {
  const { serialNumber, notBefore, notAfter } = beginningOf(tbs);
  tbs.enter(TAG.sequence); // subject
  tbs.enter(TAG.sequence); // subjectPublicKeyInfo
  tbs.skipIf(contextTag(1, 'primitive'));
  tbs.skipIf(contextTag(2, 'primitive'));
  const extensions = tbs.enter(contextTag(3, 'constructed')).enter(TAG.sequence);
  tbs.assertEnd();
  return { names: namesAmong(extensions), serialNumber, notBefore, notAfter };
}

/** RFC 5280 §4.1.2.2: positive, and so with a zero in front where the first bit would say otherwise. */
function serialNumberOf(octets: Uint8Array): string {
  const [first = 0, second] = octets;
  const isPadded = first === 0 && second !== undefined;
  const digits = isPadded ? octets.subarray(1) : octets;
  if (first > 0x7f || digits[0] === undefined || digits[0] === 0)
    throw new RangeError('an unusual serial number');
  return Buffer.from(digits).toString('hex').toUpperCase();
}

/** Without an extension for names these are elsewhere; and of an authority there is more to find out. */
function namesAmong(extensions: DerCursor): readonly string[] {
  let names: readonly string[] | undefined;
  while (extensions.length > 0) {
    const extension = extensions.enter(TAG.sequence);
    const id = extension.enter(TAG.objectIdentifier);
    extension.skipIf(TAG.boolean); // critical
    const value = extension.enter(TAG.octetString);
    if (id.holds(BASIC_CONSTRAINTS)) value.enter(TAG.sequence).assertEnd();
    if (!id.holds(SUBJECT_ALT_NAME)) continue;
    if (names !== undefined) throw new RangeError('two extensions for names');
    names = alternativeNames(value.enter(TAG.sequence));
  }
  if (names === undefined) throw new RangeError('no extension for names');
  return names;
}

function alternativeNames(general: DerCursor): readonly string[] {
  const names = new Set<string>();
  while (general.tag !== undefined) {
    const { tag } = general;
    const name = nameIn(tag, general.enter(tag));
    if (name !== undefined) names.add(name);
  }
  return [...names];
}

/** Texts of other kinds are no names of a server; what is no text has a structure that may be wrong. */
function nameIn(tag: number, value: DerCursor): string | undefined {
  switch (tag) {
    case GENERAL_NAME.dns: {
      const text = value.text();
      if (!PLAIN_NAME.test(text)) throw new RangeError('an unusual DNS name');
      return normalizeConfiguredName(text);
    }
    case GENERAL_NAME.address:
      return addressOf(value.octets());
    case GENERAL_NAME.email:
    case GENERAL_NAME.uri:
      return undefined;
    default:
      throw new RangeError('an unusual kind of name');
  }
}

function addressOf(octets: Uint8Array): string | undefined {
  if (octets.length === 4) return octets.join('.');
  if (octets.length !== 16) throw new RangeError('an address of an unusual length');
  const groups: string[] = [];
  for (let index = 0; index < octets.length; index += 2)
    groups.push((((octets[index] ?? 0) << 8) | (octets[index + 1] ?? 0)).toString(16));
  return normalizeIpAddress(groups.join(':'));
}

/** The next element, a time: UTCTime as YYMMDDHHMMSSZ, GeneralizedTime with four digits of the year (RFC 5280 §4.1.2.5). */
export function instantIn(validity: DerCursor): number {
  const isShort = validity.tag === TAG.utcTime;
  const text = validity.enter(isShort ? TAG.utcTime : TAG.generalizedTime).text();
  const digits = isShort ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text;
  const [, year, month, day, hour, minute, second] = TIME.exec(digits) ?? [];
  const iso = `${year ?? ''}-${month ?? ''}-${day ?? ''}T${hour ?? ''}:${minute ?? ''}:${second ?? ''}.000Z`;
  const instant = Date.parse(iso);
  // A 31st of February would be taken for a day of March.
  if (Number.isNaN(instant) || new Date(instant).toISOString() !== iso) throw new RangeError('no such time');
  return instant;
}

/** No certificate is from before 1950 (RFC 5280 §4.1.2.5.1), and the parsers of other dates differ. */
const TIME = /^((?:19[5-9]|[2-9]\d\d)\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
