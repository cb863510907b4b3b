/** What is wrong with a client's certificate, and whose it is: for the log, never for the client. */
import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { ClientTrust } from '../handshake/policies.js';

/** Enough for any name that somebody has to recognise. */
const LONGEST_NAME = 160;
const MOST_AUTHORITIES = 3;

/** A client's certificate that does not verify, or that `allow` refuses. */
export interface ClientCertificateError extends Error {
  /** Node's word for it, or one of `clientAuth`. */
  readonly code: string;
  /** Distinguished names on one line; absent when there is no certificate, or node has hidden it. */
  readonly subject?: string;
  readonly issuer?: string;
  /** The subjects of the authorities that are trusted: the first few. */
  readonly expected?: readonly string[];
}

/** What is wrong; undefined when nothing is known against it. Node itself only says that the connection has ended. */
export function clientCertificateError(
  { authorizationError }: TLSSocket,
  certificate: X509Certificate | undefined,
  trust: ClientTrust | undefined,
): ClientCertificateError | undefined {
  // A code, against node's types.
  const code: unknown = authorizationError;
  if (typeof code !== 'string') return undefined;
  const error = Object.assign(new Error('the client certificate was refused'), { code });
  if (certificate === undefined) return error;
  return Object.assign(error, {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    ...(trust === undefined ? {} : { expected: subjectsOf(trust) }),
  });
}

/** By trust, which is replaced as a whole: a flood of strangers must not parse the authorities each time. */
const subjects = new WeakMap<ClientTrust, readonly string[]>();

function subjectsOf(trust: ClientTrust): readonly string[] {
  const known = subjects.get(trust);
  if (known !== undefined) return known;
  const named = trust.ca
    .slice(0, MOST_AUTHORITIES)
    .map((authority) => oneLine(new X509Certificate(authority).subject));
  const others = trust.ca.length - named.length;
  const all = others > 0 ? [...named, `${others} more`] : named;
  subjects.set(trust, all);
  return all;
}

/** A name that a stranger may have written, without what would break a line or turn its direction. */
function oneLine(name: string | undefined): string {
  // Against its type it is undefined for an empty name.
  const shown = (name ?? '')
    .slice(0, LONGEST_NAME + 1)
    .replaceAll('\n', ', ')
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
  if (shown === '') return '(empty)';
  return shown.length > LONGEST_NAME ? `${shown.slice(0, LONGEST_NAME)}…` : shown;
}
