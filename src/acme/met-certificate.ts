/** Which certificate somebody meets at an address: when an authority has met another one, its issuer says what stands in between. */
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { printable } from './problem.js';

const TIMEOUT_MS = 3_000;

/** Where a certificate is looked for. */
export interface MeetingPlace {
  readonly address: string;
  readonly port: number;
  readonly serverName: string;
  readonly signal: AbortSignal;
}

/** The certificate met, with names that are safe to print. */
export interface MetCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** As node shows it, with colons. */
  readonly fingerprint256: string;
}

/** Makes one handshake and hangs up; undefined where none comes about. Never rejects. */
export function metCertificate({
  address,
  port,
  serverName,
  signal,
}: MeetingPlace): Promise<MetCertificate | undefined> {
  return new Promise((resolve) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    // Whoever it is, nothing is sent to him: he is only looked at.
    const socket = connect({ host: address, port, servername: serverName, rejectUnauthorized: false });
    const finish = (met?: MetCertificate): void => {
      limit.removeEventListener('abort', giveUp);
      socket.destroy();
      resolve(met);
    };
    const giveUp = (): void => {
      finish();
    };
    limit.addEventListener('abort', giveUp, { once: true });
    if (limit.aborted) giveUp();
    socket.on('error', giveUp);
    socket.once('close', giveUp);
    socket.once('secureConnect', () => {
      finish(shown(socket));
    });
  });
}

function shown(socket: TLSSocket): MetCertificate | undefined {
  const { subject, issuer, fingerprint256 } = socket.getPeerCertificate() as Partial<PeerCertificate>;
  if (fingerprint256 === undefined) return undefined;
  return { subject: nameIn(subject), issuer: nameIn(issuer), fingerprint256 };
}

/** The common name, else the organisation. */
function nameIn(name: { readonly CN?: unknown; readonly O?: unknown } | undefined): string {
  return printable(name?.CN ?? name?.O).slice(0, 100) || 'somebody without a name';
}
