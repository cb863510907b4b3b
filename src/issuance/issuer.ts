/** The seam between what keeps certificates (`managed`) and what signs them. */
import type { Credential, CredentialInput } from '../credential/credential.js';
import type { SourceHost } from '../sources/certificate-source.js';
import type { RenewalInfo } from '../acme/renewal-info.js';
import type { Lease } from '../storage/storage.js';

/** Something that signs certificates. */
export interface Issuer {
  /** A name that is stable across restarts and tells issuers apart in storage, such as `self-signed`. */
  readonly id: string;
  /**
   * Whether it issues without any other machine: then missing certificates are issued within `start()`. Others
   * begin when a listener is open, because validators must be able to reach it.
   */
  readonly isLocal: boolean;
  /** Prepares it; called once before the first `issue`. */
  start?(host: SourceHost): Promise<void> | void;
  /**
   * Issues one certificate for all of `names`.
   * A rejection is retried on the ladder of docs/design.md, unless it is a TlsmithError with `isPermanent: true`.
   * A field `retryAfter` (milliseconds since the epoch) on the error is honoured as the earliest next attempt.
   */
  issue(request: IssueRequest): Promise<Issued>;
  /**
   * When the issuer wants this certificate to be renewed (RFC 9773); undefined when it has no opinion. A rejection
   * means that it is asked again in some hours; the certificate is renewed by its lifetime meanwhile.
   * @param issuerId - who has issued it, if not this one
   */
  renewalInfo?(
    credential: Credential,
    signal: AbortSignal,
    issuerId?: string,
  ): Promise<RenewalInfo | undefined>;
  /** Revokes what it has issued; what is revoked already is no error. */
  revoke?(credential: Credential, signal: AbortSignal): Promise<void>;
  /** Ends what is running. */
  close?(): Promise<void> | void;
}

/** A certificate with its key. */
export interface Issued extends CredentialInput {
  /** Who has issued it, if not the one that was asked. */
  readonly issuerId?: string;
}

/** An order for one certificate. */
export interface IssueRequest {
  /** Normalised names: DNS names, wildcards, canonical IP addresses. */
  readonly names: readonly string[];
  /** The certificate it replaces, if any. */
  readonly previous?: Credential;
  /** Who has issued that, if not the one that is asked. */
  readonly previousIssuer?: string;
  /** What is to be revoked first, in case it is not yet. */
  readonly revoked?: Credential;
  /** How many attempts in a row have failed before this one. */
  readonly failures?: number;
  /** Whether a person has asked for it, who may have mended what only a person can. */
  readonly isForced?: boolean;
  /** Aborted when the server closes or the lease is lost. */
  readonly signal: AbortSignal;
  /** The right to be the only one who works on this certificate: for what an issuer itself stores of it. */
  readonly lease?: Lease;
}
