/** Whether a certificate is in date, for how long it was made, and for how long clients accept any. */
import type { Finding } from '../credential/findings.js';
import { type Inspection, isoOf, type Rule } from './inspection.js';
import { reissueHint } from './remedy.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Apple refuses longer ones of public authorities issued since 2020-09-01 (HT211025), and so does Chromium. */
const LONGEST_PUBLIC_DAYS = 398;
const PUBLIC_LIMIT_SINCE = Date.UTC(2020, 8, 1);
/** Apple refuses longer ones of any issuer, issued since 2019-07-01 (HT210176); a root may live as long as it likes. */
const LONGEST_PRIVATE_DAYS = 825;
const PRIVATE_LIMIT_SINCE = Date.UTC(2019, 6, 1);
/** What `openssl req -x509` and `openssl x509 -req` make without -days. */
const OPENSSL_DEFAULT_DAYS = 30;

/** Finds certificates that are out of date, or made for too long or for surprisingly short. */
export const datesRule: Rule = (inspection) => [...outOfDate(inspection), ...tooLong(inspection)];

function outOfDate(inspection: Inspection): Finding[] {
  const { credential, now, title } = inspection;
  const { names, notBefore, notAfter } = credential;
  if (now >= notAfter) {
    return [
      {
        code: 'TLS_CERT_EXPIRED',
        severity: 'warning',
        names,
        message: `${title} expired ${spanOf(now - notAfter)} ago, at ${isoOf(notAfter)}: clients refuse it. It is served as long as no other certificate matches.`,
        hint: `Renew it and put the new one in its place; no restart is needed. With certbot: \`certbot renew\`. This machine's clock says ${isoOf(now)}.`,
      },
    ];
  }
  if (now < notBefore) {
    return [
      {
        code: 'TLS_CERT_NOT_YET_VALID',
        severity: 'warning',
        names,
        message: `${title} is valid from ${isoOf(notBefore)} on, in ${spanOf(notBefore - now)}, or this machine's clock (${isoOf(now)}) is behind: clients refuse it until then.`,
        hint: 'Compare the clock with another one (`date -u`); if it is right, use a certificate that is valid now.',
      },
    ];
  }
  return short(inspection);
}

/** Somebody may have made it without knowing; what renews itself is as short as it was meant to be. */
function short({ credential, isManaged, leaf, title }: Inspection): Finding[] {
  const days = (credential.notAfter - credential.notBefore) / DAY_MS;
  const isOpensslDefault = Math.abs(days - OPENSSL_DEFAULT_DAYS) < 0.01;
  if (isManaged || leaf.isPublic || !isOpensslDefault) return [];
  return [
    {
      code: 'TLS_CERT_SHORT',
      severity: 'info',
      names: credential.names,
      message: `${title} was made for ${OPENSSL_DEFAULT_DAYS} days only, which is what openssl does without -days; it ends at ${isoOf(credential.notAfter)}.`,
      hint: 'If that is not what you want, make it again with `-days 365`.',
    },
  ];
}

function tooLong(inspection: Inspection): Finding[] {
  const { credential, leaf, title } = inspection;
  const { notBefore, notAfter } = credential;
  const [limit, since, whom] = leaf.isPublic
    ? [
        LONGEST_PUBLIC_DAYS,
        PUBLIC_LIMIT_SINCE,
        'Apple and Chromium clients refuse those of public authorities',
      ]
    : [
        LONGEST_PRIVATE_DAYS,
        PRIVATE_LIMIT_SINCE,
        'Apple clients refuse those of any issuer, also of one they were told to trust,',
      ];
  if (notBefore < since || notAfter - notBefore <= limit * DAY_MS) return [];
  return [
    {
      code: 'TLS_CERT_LONG_LIVED',
      severity: 'warning',
      names: credential.names,
      message: `${title} is valid for ${Math.round((notAfter - notBefore) / DAY_MS)} days: ${whom} beyond ${limit}.`,
      hint: reissueHint(inspection),
    },
  ];
}

function spanOf(ms: number): string {
  const [days, hours] = [Math.floor(ms / DAY_MS), Math.floor((ms % DAY_MS) / HOUR_MS)];
  if (days > 0) return `${days} days ${hours} h`;
  return hours > 0 ? `${hours} h` : `${Math.max(1, Math.ceil(ms / 60_000))} min`;
}
