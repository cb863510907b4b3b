/** Client certificates demanded by a route of an application, beside others that are open. */
import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { certificateBlocks } from '../credential/pem.js';
import { isPromiseLike } from '../promise-like.js';
import type { CertificateInput } from './client-auth-options.js';

/** Whom {@link requireClientCert} lets through. */
export interface RequireClientCertOptions {
  /**
   * Of the authorities that `clientAuth` of the server trusts, those whose clients are meant; PEM, several in one text or as
   * an array. They have to be the ones that issue the clients' certificates themselves, not roots above them: a
   * resumed session knows the client's own certificate alone. Default: all of them.
   */
  readonly ca?: CertificateInput | readonly CertificateInput[];
  /** Asked for each request of a client whose certificate verifies; `false` or a throw refuses it. */
  readonly allow?: (certificate: X509Certificate) => boolean | Promise<boolean>;
}

/**
 * Middleware in the form of Express and Connect, for requests and responses of `node:http` and `node:http2`; a hook
 * `onRequest` of Fastify calls it with `request.raw`, `reply.raw` and `done`.
 */
export type RequireClientCert = (
  request: { readonly socket: Socket },
  response: {
    statusCode: number;
    setHeader(name: string, value: string): unknown;
    end(body: string): unknown;
  },
  next: () => void,
) => void;

type PlainResponse = Parameters<RequireClientCert>[1];
type Refusal = 'no-tls' | 'missing' | 'refused';

const ANSWERS: Readonly<Record<Refusal, readonly [status: number, text: string]>> = {
  'no-tls': [403, 'This page is for clients with a certificate: it is served over HTTPS only.\n'],
  missing: [401, 'This page needs a client certificate, and none was sent.\n'],
  refused: [403, 'The client certificate does not give access to this page.\n'],
};

/**
 * Makes middleware that lets only clients with a certificate through, for some routes of an application. The server has to ask
 * for certificates: `clientAuth: { mode: 'request', ca }`, with every authority that a route may want. Who has sent
 * none is answered 401, who is not meant 403. For a whole name a policy with `mode: 'require'` is simpler.
 *
 * @example
 * ```ts
 * app.use('/admin', requireClientCert({ ca: adminCa, allow: ({ subject }) => subject !== 'CN=former' }));
 * ```
 */
export function requireClientCert({ ca, allow }: RequireClientCertOptions = {}): RequireClientCert {
  const issuers = ca === undefined ? undefined : authoritiesIn(ca);
  if (allow !== undefined && typeof allow !== 'function')
    throw new TypeError('`allow` of requireClientCert() must be a function.');
  const isMeant = (certificate: X509Certificate): boolean | Promise<boolean> => {
    if (issuers?.some((issuer) => hasIssued(issuer, certificate)) === false) return false;
    return allow === undefined || allows(allow, certificate);
  };
  return ({ socket }, response, next) => {
    const decide = (isLetThrough: boolean): void => {
      if (isLetThrough) next();
      else refuse(response, 'refused');
    };
    const known = certificateOf(socket);
    if (typeof known === 'string') {
      refuse(response, known);
      return;
    }
    const answer = isMeant(known);
    if (typeof answer === 'boolean') decide(answer);
    else void answer.then(decide);
  };
}

/** Whatever else it answers refuses, as with `clientAuth`. */
function allows(
  allow: NonNullable<RequireClientCertOptions['allow']>,
  certificate: X509Certificate,
): boolean | Promise<boolean> {
  try {
    const answer: unknown = allow(certificate);
    if (!isPromiseLike(answer)) return answer === true;
    return Promise.resolve(answer).then(
      (late) => late === true,
      () => false,
    );
  } catch {
    return false;
  }
}

function certificateOf(socket: Socket): X509Certificate | Refusal {
  if (!('encrypted' in socket)) return 'no-tls';
  const { authorized } = socket as TLSSocket;
  // Never getPeerCertificate(): some curves crash it.
  const certificate = (socket as TLSSocket).getPeerX509Certificate();
  if (certificate === undefined) return 'missing';
  return authorized ? certificate : 'refused';
}

function authoritiesIn(ca: CertificateInput | readonly CertificateInput[]): X509Certificate[] {
  const inputs = typeof ca === 'string' || ca instanceof Uint8Array ? [ca] : ca;
  const origin = '`ca` of requireClientCert()';
  const blocks = inputs.flatMap((input) => certificateBlocks(Buffer.from(input as string), origin));
  return blocks.map((block) => new X509Certificate(block));
}

/** A name can be taken by anybody; the signature cannot. */
function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function refuse(response: PlainResponse, refusal: Refusal): void {
  const [status, text] = ANSWERS[refusal];
  response.statusCode = status;
  // RFC 9110 §15.5.2 wants a challenge with 401, and there is no registered one for certificates of TLS.
  if (status === 401) response.setHeader('www-authenticate', 'TLS-Client-Certificate');
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.setHeader('cache-control', 'no-store');
  response.end(text);
}
