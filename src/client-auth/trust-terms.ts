/** Until when authorities and revocation lists (RFC 5280 §5.1.2) are good: both keep everybody out from then on. */
import { X509Certificate } from 'node:crypto';
import { instantIn } from '../credential/certificate-outline.js';
import { DerCursor, TAG } from '../credential/der-cursor.js';

/** How long something is good, in milliseconds since the epoch. */
export interface TrustTerm {
  readonly kind: 'authority' | 'list';
  /** Of a list: the names of its issuer. */
  readonly name: string;
  readonly from: number;
  readonly until: number;
}

/** The terms of authorities and lists, in PEM; of several lists of one issuer that of the latest. */
export function termsOf(authorities: readonly string[], lists: readonly string[]): TrustTerm[] {
  const latest = new Map<string, TrustTerm>();
  for (const list of lists) {
    const term = termOfList(list);
    if (term !== undefined && term.until > (latest.get(term.name)?.until ?? -Infinity))
      latest.set(term.name, term);
  }
  return [...authorities.map(termOfAuthority), ...latest.values()];
}

function termOfAuthority(pem: string): TrustTerm {
  const { subject, validFrom, validTo } = new X509Certificate(pem);
  // Against its type it is undefined for an empty name.
  const name = ((subject as string | undefined) ?? '(empty)').replaceAll('\n', ', ');
  return { kind: 'authority', name, from: Date.parse(validFrom), until: Date.parse(validTo) };
}

/** Undefined without `nextUpdate`, and for a list that is read by OpenSSL alone. */
function termOfList(pem: string): TrustTerm | undefined {
  const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
  try {
    const list = new DerCursor(der).enter(TAG.sequence).enter(TAG.sequence);
    list.skipIf(TAG.integer); // version
    list.enter(TAG.sequence); // signature
    const name = nameIn(list.enter(TAG.sequence));
    const from = instantIn(list);
    if (list.tag !== TAG.utcTime && list.tag !== TAG.generalizedTime) return undefined;
    return { kind: 'list', name, from, until: instantIn(list) };
  } catch {
    return undefined;
  }
}

/** The values of a distinguished name. */
function nameIn(name: DerCursor): string {
  const values: string[] = [];
  while (name.length > 0) {
    const attribute = name.enter(TAG.set).enter(TAG.sequence);
    attribute.enter(TAG.objectIdentifier);
    const { tag } = attribute;
    if (tag !== undefined) values.push(Buffer.from(attribute.enter(tag).octets()).toString());
  }
  return values.join(', ');
}
