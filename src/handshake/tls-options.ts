/**
 * In-handshake mode: options for a TLS server that nothing may be attached to. SNI, ALPN and challenges are answered
 * from inside the handshake, with its traps: in TLS 1.3 ALPN comes before SNI, and in TLS 1.2
 * after it. Only SNI may be waited for, so that challenges which are open elsewhere are looked up in TLS 1.3 alone.
 */
import type { SecureContext, TlsOptions, TLSSocket } from 'node:tls';
import { ACME_TLS_PROTOCOL } from './challenge-server.js';
import type { Challenges } from './challenges.js';
import type { TicketKeys } from './ticket-keys.js';
import { type TlsSettings, tlsServerOptions } from './tls-settings.js';
import type { Credential } from '../credential/credential.js';

/** What in-handshake mode is made from. */
export interface InHandshakeOptions {
  readonly settings: TlsSettings;
  readonly ticketKeys: TicketKeys;
  readonly sessionIdContext: string;
  readonly challenges: Challenges;
  /** The resolver, for an SNI as it was sent; undefined = the default context. */
  readonly resolve: (
    serverName: string,
    client: { readonly knowsRsaOnly: boolean; readonly mayWait: boolean },
  ) => Promise<SecureContext | undefined>;
  /** A validation certificate as a context. */
  readonly contextOf: (credential: Credential) => SecureContext;
  /** The certificate for clients without SNI; it stays as it is for the life of the server it is given to. */
  readonly defaultCredential: Credential | undefined;
  /** Whether a client that asks for an unknown name is turned away. Inside a handshake that is a reset, not an alert. */
  readonly refusesUnknownNames: boolean;
}

type SniCallback = (error: Error | null, context?: SecureContext) => void;

/** Options for `https.createServer`, `http2.createSecureServer`, `tls.createServer`. */
export function inHandshakeOptions(options: InHandshakeOptions): TlsOptions {
  const { settings, ticketKeys, sessionIdContext, defaultCredential } = options;
  const callbacks = new TlsCallbacks(options);
  return {
    ...tlsServerOptions(settings),
    ticketKeys: ticketKeys.current.secret,
    sessionIdContext,
    ...(defaultCredential === undefined ? {} : { cert: defaultCredential.cert, key: defaultCredential.key }),
    // Plain functions, because node gives them the socket as `this`.
    SNICallback(this: TLSSocket | undefined, serverName: string, callback: SniCallback) {
      callbacks.selectContext(this, serverName, callback);
    },
    ALPNCallback(this: TLSSocket | undefined, hello: { servername: string | false; protocols: string[] }) {
      return callbacks.selectProtocol(this, hello);
    },
  };
}

class TlsCallbacks {
  readonly #options: InHandshakeOptions;
  /** Sockets on which `acme-tls/1` was negotiated before SNI is asked (TLS 1.3). */
  readonly #validators = new WeakSet<TLSSocket>();

  constructor(options: InHandshakeOptions) {
    this.#options = options;
  }

  selectContext(socket: TLSSocket | undefined, serverName: string, callback: SniCallback): void {
    const mayReplace = !asksForCertificates(socket);
    if (socket !== undefined && this.#validators.has(socket)) {
      this.#selectChallenge(serverName, { mayReplace, callback });
      return;
    }
    // A validator may come before there is a certificate: waiting for that, it would wait for itself.
    const mayWait = !this.#mayBeValidator(socket, serverName);
    this.#options.resolve(serverName, { knowsRsaOnly: knowsRsaOnly(socket), mayWait }).then(
      (context) => {
        const isRefused = context === undefined && mayWait && this.#options.refusesUnknownNames;
        const error = isRefused ? new Error('no source has a certificate for this name') : null;
        callback(error, mayReplace ? context : undefined);
      },
      () => {
        callback(null);
      },
    );
  }

  selectProtocol(socket: TLSSocket | undefined, { servername, protocols }: AlpnQuestion): string | undefined {
    if (protocols.length !== 1 || protocols[0] !== ACME_TLS_PROTOCOL)
      return offeredBy(socket).find((protocol) => protocols.includes(protocol));
    if (socket === undefined || typeof servername !== 'string') return undefined;
    const context = this.#challengeContext(servername);
    if (context === undefined) {
      if (!this.#isAskedLater(socket, servername)) return undefined;
      this.#validators.add(socket);
      return ACME_TLS_PROTOCOL;
    }
    this.#validators.add(socket);
    // Decides TLS 1.2, where SNI has been answered already; in TLS 1.3 SNI comes later and decides. Typed since @types/node 22.
    (socket as TLSSocket & { setKeyCert(context: SecureContext): void }).setKeyCert(context);
    return ACME_TLS_PROTOCOL;
  }

  /** In TLS 1.2 the protocols are not known yet when SNI is asked about; in TLS 1.3 they are. */
  #mayBeValidator(socket: TLSSocket | undefined, serverName: string): boolean {
    if (socket?.getProtocol() === 'TLSv1.3') return false;
    return this.#options.challenges.credentialFor(serverName) !== undefined;
  }

  /** For the challenge that a validator was promised. */
  #selectChallenge(serverName: string, { mayReplace, callback }: ChallengeSelection): void {
    const { challenges, contextOf } = this.#options;
    const context = this.#challengeContext(serverName);
    const elsewhere = context === undefined ? challenges.credentialElsewhere(serverName) : undefined;
    if (elsewhere === undefined) {
      callback(null, mayReplace ? context : undefined);
      return;
    }
    void elsewhere.then((credential) => {
      if (credential !== undefined && mayReplace) callback(null, contextOf(credential));
      // Else the validator would be shown the real certificate under `acme-tls/1`.
      else callback(new Error('no challenge is open for this name'));
    });
  }

  /** Whether SNI is asked about after ALPN, and there is somebody to ask then. */
  #isAskedLater(socket: TLSSocket, serverName: string): boolean {
    const isWaitedFor = this.#options.challenges.mayBeElsewhere(serverName);
    return isWaitedFor && socket.getProtocol() === 'TLSv1.3';
  }

  #challengeContext(serverName: string): SecureContext | undefined {
    const { challenges, contextOf } = this.#options;
    const credential = challenges.credentialFor(serverName);
    return credential === undefined ? undefined : contextOf(credential);
  }
}

interface ChallengeSelection {
  readonly mayReplace: boolean;
  readonly callback: SniCallback;
}

interface AlpnQuestion {
  /** Node has `false` for a client that names nobody. */
  readonly servername: string | false;
  readonly protocols: readonly string[];
}

const HTTP1 = ['http/1.1'];
const HTTP2 = ['h2'];
const HTTP1_AND_2 = ['h2', 'http/1.1'];

/**
 * What the server that the options were given to can speak. Node keeps `ALPNProtocols` nowhere beside an
 * `ALPNCallback`, so it is read from what only such servers have: HTTP/2 `updateSettings`, and those that take
 * HTTP/1.1 too (`allowHTTP1`) its `requestTimeout`. A bare `tls.Server` may speak anything; no protocol can be declined
 * from the callback without a fatal alert (RFC 7301 §3.2), so it gets what nearly all clients offer.
 */
function offeredBy(socket: TLSSocket | undefined): readonly string[] {
  const server = serverOf(socket);
  if (server === undefined || !('updateSettings' in server)) return HTTP1;
  return 'requestTimeout' in server ? HTTP1_AND_2 : HTTP2;
}

/**
 * Whether the server asks for client certificates. Node checks them against the trust of the context that an
 * SNICallback answers with, not against the server's `ca`: with a context of ours, which has node's own roots, anybody
 * with a certificate of a public authority would be authorized, and the clients that `ca` is for would not. So such a
 * server keeps its own context.
 */
function asksForCertificates(socket: TLSSocket | undefined): boolean {
  const server = serverOf(socket);
  return server !== undefined && 'requestCert' in server && server.requestCert === true;
}

/** Whether the client can check no signatures by keys other than RSA ones. */
function knowsRsaOnly(socket: TLSSocket | undefined): boolean {
  return socket?.getSharedSigalgs().every((algorithm) => algorithm.startsWith('RSA')) === true;
}

function serverOf(socket: TLSSocket | undefined): object | undefined {
  const server: unknown = socket === undefined ? undefined : Reflect.get(socket, 'server');
  return typeof server === 'object' && server !== null ? server : undefined;
}
