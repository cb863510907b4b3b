/**
 * Whether the chain leads to an issuer that clients can know (RFC 8446 §4.4.2). What is out of order, unrelated or
 * superfluous was found, and mended, when the credential was made.
 */
import { issuerOf, subjectOf } from '../credential/certificate-facts.js';
import type { Finding } from '../credential/findings.js';
import { briefSubject, type Inspection, isoOf, type Rule } from './inspection.js';
import { isIssuedByKnownRoot } from './known-roots.js';

/** Finds gaps, and intermediates that are out of date. */
export const chainRule: Rule = (inspection) => [...gap(inspection), ...outOfDate(inspection)];

/**
 * A leaf straight under a private root is complete, and looks like one whose intermediate is missing. So a gap is
 * told only where the certificate says so itself: the last one names an issuer that has an issuer again; or it stands
 * alone and says where its issuer can be fetched over HTTP, which is of no use in what a root has issued.
 */
function gap({ credential, leaf, intermediates, title, certFile }: Inspection): Finding[] {
  const last = intermediates.at(-1) ?? leaf;
  const isSuspect = last.isIssuerRoot === false || (last === leaf && leaf.issuerUrls.length > 0);
  if (credential.isSelfSigned || last.isIssuerRoot === true || !isSuspect) return [];
  if (isIssuedByKnownRoot(last)) return [];
  const [url] = last.issuerUrls;
  const fetched =
    url === undefined
      ? 'Add the intermediate of its authority behind it.'
      : `Or add what is missing: \`curl -s ${url} | openssl x509 >> ${certFile ?? 'certificate.pem'}\``;
  return [
    {
      code: 'TLS_CHAIN_INCOMPLETE',
      severity: 'warning',
      names: credential.names,
      message: `${title} comes without the intermediate ${issuerOf(last.x509)} that issued ${last === leaf ? 'it' : 'the last of its chain'}: browsers may find it by themselves, but curl, Node, Python, Java and phones cannot and refuse the connection.`,
      hint: `Use the full chain (certbot: fullchain.pem, not cert.pem). ${fetched}`,
    },
  ];
}

function outOfDate({ credential, intermediates, now, title }: Inspection): Finding[] {
  return intermediates.flatMap(({ x509 }) => {
    const [from, until] = [Date.parse(x509.validFrom), Date.parse(x509.validTo)];
    if (from <= now && now < until) return [];
    const when = Number.isNaN(from + until)
      ? 'has a validity period that cannot be read'
      : now < from
        ? `is not valid before ${isoOf(from)}`
        : `expired at ${isoOf(until)}`;
    return [
      {
        code: 'TLS_CHAIN_OUT_OF_DATE',
        severity: 'warning',
        names: credential.names,
        message: `${title} comes with an intermediate that ${when} (${briefSubject(subjectOf(x509))}): clients that find no other way to a root refuse it.`,
        hint: `Use the present chain of the authority (with certbot: \`certbot renew\`). This machine's clock says ${isoOf(now)}.`,
      } as const,
    ];
  });
}
