/** A handshake with our own listener, to see that a new certificate is what clients really get. */
import { once } from 'node:events';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { TlsmithError } from './errors.js';
import type { ListenerAddress } from './sources/certificate-source.js';

const CHECK_TIMEOUT_MS = 5_000;

/** What the check needs. */
export interface ServedCheckOptions {
  readonly listener: ListenerAddress;
  /** Told the raw socket before its first byte, so that the server can tell it from a client. */
  readonly onConnect: (socket: Socket) => void;
  /** The signatures that are offered to be checked; all that node knows, when left out. */
  readonly sigalgs?: string;
}

/** Signatures by each kind of key: a name may have a certificate for either. */
const KINDS = ['ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512', 'RSA-PSS+SHA256:RSA+SHA256'];

/** Whether this certificate is served for `serverName`, if need be to clients that know its kind of key only. */
export async function servedFor(
  serverName: string,
  expected: string,
  options: ServedCheckOptions,
): Promise<{ readonly isServed: boolean; readonly served: string | undefined }> {
  const served = await fingerprintServedFor(serverName, options);
  if (served === expected) return { isServed: true, served };
  for (const sigalgs of KINDS) {
    // A server without a key of this kind ends the handshake.
    const other = await fingerprintServedFor(serverName, { ...options, sigalgs }).catch(() => undefined);
    if (other === expected) return { isServed: true, served };
  }
  return { isServed: false, served };
}

/** The SHA-256 fingerprint of the certificate served for `serverName`. */
export async function fingerprintServedFor(
  serverName: string,
  options: ServedCheckOptions,
): Promise<string | undefined> {
  const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS);
  const raw = connectTcp(connectOptionsOf(options.listener));
  try {
    await once(raw, 'connect', { signal });
    options.onConnect(raw);
    // Nothing is trusted here: only what is shown is compared.
    const { sigalgs } = options;
    const secure = connectTls({
      socket: raw,
      servername: serverName,
      rejectUnauthorized: false,
      ...(sigalgs === undefined ? {} : { sigalgs }),
    });
    await once(secure, 'secureConnect', { signal });
    return secure.getPeerX509Certificate()?.fingerprint256;
  } finally {
    raw.destroy();
  }
}

/** Whether a name can be asked for in a handshake: addresses are no SNI (RFC 6066 §3), wildcards no name. */
export function isCheckable(serverName: string): boolean {
  return isIP(serverName) === 0 && !serverName.startsWith('*');
}

/** The error for a check that found another certificate. */
export function servedDiffers(
  serverName: string,
  expected: string,
  served: string | undefined,
): TlsmithError {
  return new TlsmithError(
    'SERVED_CERTIFICATE_DIFFERS',
    `The certificate for ${serverName} was stored, but another one is served (${served ?? 'none'} instead of ${expected}).`,
    {
      serverName,
      hint: 'An earlier source in `sources` has a valid certificate for this name; is that intended?',
    },
  );
}

function connectOptionsOf({
  address,
  port,
}: ListenerAddress): { path: string } | { host: string; port: number } {
  if (port === undefined) return { path: address };
  return { host: address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address, port };
}
