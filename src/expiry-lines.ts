/** What people are told of a certificate that runs out, or has, and of an intermediate that does so before it. */
import type { TlsmithErrorCode } from './errors.js';
import type { ExpiryEvent } from './events.js';
import type { WatchedCertificate } from './expiry.js';

const DAY_MS = 86_400_000;
const HINT =
  'Renew it and put the new one in its place (certbot renew, or ask its authority); it is served without a restart. A managed one says in status() what keeps it from being renewed.';
const CHAIN_HINT =
  'Use the present chain of the authority, which comes with a renewal (certbot renew) or from its site; it is served without a restart.';

/** A line of the log. */
export interface ExpiryText {
  readonly code: TlsmithErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** The event for a certificate at `now`. */
export function expiryEvent(
  { source, certificate, intermediate }: WatchedCertificate,
  now: number,
): ExpiryEvent {
  const { names, serialNumber, notAfter } = certificate;
  return {
    source,
    names,
    serialNumber,
    notAfter: new Date(notAfter).toISOString(),
    daysLeft: Math.floor((notAfter - now) / DAY_MS),
    ...(intermediate === undefined ? {} : { intermediate }),
  };
}

/** What the log says of the event. */
export function expiryLine(
  kind: 'expiring' | 'expired',
  { names, notAfter, daysLeft, intermediate }: ExpiryEvent,
): ExpiryText {
  const isOver = kind === 'expired';
  const certificate = `certificate for ${names.join(', ')}`;
  const when = isOver ? `expired at ${notAfter}` : `expires in ${daysLeft} days, at ${notAfter}`;
  if (intermediate === undefined) {
    return {
      code: isOver ? 'TLS_CERT_EXPIRED' : 'TLS_CERT_EXPIRING',
      message: `The ${certificate} ${when}${isOver ? ': clients refuse it, and get it where no other matches' : ''}.`,
      hint: HINT,
    };
  }
  return {
    code: isOver ? 'TLS_CHAIN_OUT_OF_DATE' : 'TLS_CHAIN_EXPIRING',
    message: `The intermediate ${intermediate}, with which the ${certificate} is sent, ${when}, before the certificate does: from then on clients that find no other way to a root refuse it.`,
    hint: CHAIN_HINT,
  };
}
