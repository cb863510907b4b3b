/**
 * The seam between the handshake and everything that has certificates: a source is asked for a server name and
 * answers with a credential, with a promise of one, or with nothing. docs/custom-sources.md shows how to write one.
 */
import type { Clock } from '../clock.js';
import type { Credential, CredentialInput } from '../credential/credential.js';
import type { Finding } from '../credential/findings.js';
import type { TlsmithError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { Storage } from '../storage/storage.js';

/** What a source may answer; `pending` says: this name is mine, but not ready yet. */
export type Found = Credential | CredentialInput | PendingCredential;

/** An answer that is on its way; the handshake waits for it as long as the source lets the promise run. */
export interface PendingCredential {
  /** Settles within the source's own time limit; a rejection, or undefined for "not mine after all", makes later sources answer. */
  readonly pending: Promise<Credential | undefined>;
}

/** A question to a source. */
export interface SourceQuery {
  /** Lower-case ASCII without trailing dot, valid by DNS grammar, or a canonical IP address. */
  readonly serverName: string;
  /** Aborted when the answer is no longer of use (5 seconds, or the server closes). */
  readonly signal: AbortSignal;
}

/** Something that has certificates. Only `name` and `find` are required. */
export interface CertificateSource {
  /** A short name for log, status and metrics, such as `directory`. */
  readonly name: string;
  /**
   * Loads what there is to load; called before any question, and again when a server that was closed is started
   * again. A rejection fails `start()`.
   */
  start?(host: SourceHost): Promise<void> | void;
  /** The credential that covers `serverName`, exactly before by wildcard; undefined (or null) when there is none. */
  find(query: SourceQuery): Found | undefined | Promise<Found | undefined>;
  /** The credential for clients that send no (known) server name; undefined when there is none. */
  default?(): Found | undefined | Promise<Found | undefined>;
  /** Every credential at hand, for `status()`, expiry warnings and metrics. */
  list?(): Iterable<Credential>;
  /** The state of every certificate that is issued and renewed here, also of those not there yet. */
  managed?(): Iterable<ManagedCertificate>;
  /** Resolves once every managed name has a usable certificate; rejects when no retry can mend a failure. */
  ready?(options: { readonly signal: AbortSignal }): Promise<void>;
  /** Reads again what can change, now. */
  reload?(options: { readonly signal: AbortSignal }): Promise<void>;
  /** Renews the certificate of a managed name now; undefined when the name is not managed here. */
  renew?(serverName: string, options: { readonly signal: AbortSignal }): Promise<void> | undefined;
  /** Ends timers, watchers and orders. Called once for each `start`. */
  close?(): Promise<void> | void;
}

/** What is known of a certificate that is not loaded, as its file says it. */
export type UnloadedCertificate = Pick<
  Credential,
  'names' | 'serialNumber' | 'notBefore' | 'notAfter' | 'shortIntermediate'
>;

/** No name, so that no member of somebody else's source is taken for it. */
export const UNLOADED: unique symbol = Symbol('unloaded certificates');

/** A source of our own that knows certificates before it loads them. */
export interface IndexedSource {
  /** Those that `list()` does not have, for `status()`, expiry warnings and metrics; undefined until all are known. */
  [UNLOADED](): Iterable<UnloadedCertificate> | undefined;
}

/** As {@link UNLOADED}. */
export const LOOKED_FOR: unique symbol = Symbol('what was looked for');

/** A source of our own that can say where it has looked for a name that it has not found. */
export interface SearchingSource {
  /** Half a sentence, bounded in length; the name is safe to print. */
  [LOOKED_FOR](serverName: string): string;
}

/** The source's name for people; never throws, whatever the source's `name` does. */
export function nameOfSource(source: CertificateSource): string {
  try {
    const name: unknown = source.name;
    return String(name);
  } catch {
    return 'a source without a readable name';
  }
}

/**
 * The shortest custom source: given a server name (or undefined for clients without one), a certificate and key,
 * or nothing (undefined or null). Answers are cached for a minute; see `fromFunction` for another span.
 */
export type SourceFunction = (
  serverName: string | undefined,
) => CredentialInput | null | undefined | Promise<CredentialInput | null | undefined>;

/** What the server offers to its sources. */
export interface SourceHost {
  /** The server's clock. */
  readonly clock: Clock;
  /** The server's logger. */
  readonly logger: Logger;
  /** The server's default storage, made when it is first read. */
  readonly storage: Storage;
  /** Whether findings of severity warning are errors. */
  readonly strict: boolean;
  /** Tells a person something: log, `status().findings` and the `warning` event, once per text. */
  report(finding: Finding): void;
  /** Takes back what was reported with this code (and for these names, if given). */
  resolved(code: string, names?: readonly string[]): void;
  /** Answers for these names (all, if omitted) have changed: nothing remembered about them is used again. */
  changed(names?: readonly string[]): void;
  /** Tells of a certificate loaded, issued, renewed or reloaded, or of a failure to get one. */
  notify(event: SourceEvent): void;
  /**
   * Makes the TLS context that serves `credential`, which otherwise its first client waits for (1 to 4 ms); the proof by
   * OpenSSL that this Node can serve it.
   * @throws `TlsmithError` `TLS_KEY_UNSUPPORTED` with OpenSSL's reason
   */
  prepare(credential: Credential): void;
  /** Where the server can be reached now; `onChange` is called whenever that changes, until the source is closed. */
  listeners(onChange?: () => void): readonly ListenerAddress[];
  /** What is known of how connections from outside come to the listeners; absent in hosts that do not know. */
  wayIn?(): WayIn;
  /**
   * Answers an ACME challenge from now on, on every listener (RFC 8555 §8.3, RFC 8737).
   * @returns a function that stops answering
   */
  answer(challenge: ChallengeAnswer): () => void;
  /**
   * Asks `lookup` for challenges that no {@link SourceHost.answer} is open for, such as those of other processes on the
   * same storage. It is asked when a validator comes, and at no other time.
   * @returns a function that ends it
   */
  answerFrom(lookup: ChallengeLookup): () => void;
  /**
   * Makes a handshake with the server's own router for `serverName` and compares the certificate served.
   * Rejects with `SERVED_CERTIFICATE_DIFFERS`; resolves at once where there is no listener to ask.
   */
  verifyServed(serverName: string, fingerprint256: string): Promise<void>;
}

/** How an ACME challenge is answered. */
export type ChallengeAnswer =
  | {
      /** RFC 8737. */
      readonly type: 'tls-alpn-01';
      /** The SNI the validator will send: a DNS name, or `….in-addr.arpa` / `….ip6.arpa` for an address (RFC 8738 §6). */
      readonly identifier: string;
      /** The validation certificate with the acmeIdentifier extension. */
      readonly credential: CredentialInput;
    }
  | {
      /** RFC 8555 §8.3. */
      readonly type: 'http-01';
      /** The challenge's token. */
      readonly token: string;
      /** What is answered for it. */
      readonly keyAuthorization: string;
      /** Found by a lookup, without knowing the challenge: any other answer is better. */
      readonly isGuess?: boolean;
    };

/** Which challenge a validator asks for. */
export type ChallengeQuestion =
  | { readonly type: 'tls-alpn-01'; readonly identifier: string }
  | {
      readonly type: 'http-01';
      readonly token: string;
      /** The host that was asked, normalised; absent when the request named none. */
      readonly host?: string;
    };

/** Finds a challenge that is open elsewhere; given up after four seconds. */
export type ChallengeLookup = (question: ChallengeQuestion) => Promise<ChallengeAnswer | undefined>;

/** An address the server listens on. */
export interface ListenerAddress {
  /** `https` for the TLS port, `http` for the companion listener. */
  readonly protocol: 'https' | 'http';
  /** The IP address bound, or the path of a unix socket. */
  readonly address: string;
  /** The real port; absent for a unix socket. */
  readonly port?: number;
}

/** How connections from outside come to the listeners, as far as the server was told. */
export interface WayIn {
  /** The origin by which clients come (`publicUrl`). */
  readonly publicUrl?: string;
  /** Whether proxies hand connections on (`proxyProtocol`). */
  readonly isBehindProxy: boolean;
  /** Whether a server of the application's own may answer HTTP-01 (`requestListener()`). */
  readonly hasRequestListener: boolean;
}

/** What a source tells its host of. */
export type SourceEvent =
  | {
      readonly type: 'certificate';
      /** What happened to it. */
      readonly action: 'loaded' | 'issued' | 'renewed' | 'reloaded';
      readonly credential: Credential;
      /** The one it replaces. */
      readonly previous?: Credential;
    }
  | {
      readonly type: 'failed';
      readonly names: readonly string[];
      readonly error: TlsmithError;
      /** How many attempts in a row have failed. */
      readonly attempt: number;
      /** When the next one is due, milliseconds since the epoch; absent when none will follow by itself. */
      readonly nextAttempt?: number;
      /** The end of the certificate that serves meanwhile, milliseconds since the epoch; absent when none is in date. */
      readonly validUntil?: number;
    };

/** The state of a certificate that is issued and renewed by tlsmith. */
export interface ManagedCertificate {
  /** The names it is (to be) issued for. */
  readonly names: readonly string[];
  /** The live credential, if there is one. */
  readonly credential?: Credential;
  /** When it will be renewed, and by which rule. */
  readonly nextRenewal?: { readonly at: number; readonly why: string };
  /** Failed attempts in a row. */
  readonly attempts: number;
  /** The last failure, until a success. */
  readonly lastError?: { readonly code: string; readonly message: string };
  /** When the next attempt is due, milliseconds since the epoch. */
  readonly nextAttempt?: number;
  /** Whether the last failure is one that no retry can mend. */
  readonly isFailed: boolean;
}
