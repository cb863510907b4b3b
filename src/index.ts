/**
 * tlsmith: correct TLS for Node servers, from certificate sources that compose.
 *
 * @packageDocumentation
 */
export { createSecureServer } from './create-secure-server.js';
export type { CloseOptions } from './close-options.js';
export type { SecureServer, WaitOptions } from './secure-server.js';
export type { HttpListenerOptions, PolicyOptions, SecureServerOptions } from './options.js';
export type { AttachableServer, Http2RequestHandler, RequestHandler } from './application/application.js';
export type { ListenTarget } from './listening/listen-target.js';
export type { CertificateInput, ClientAuthOptions } from './client-auth/client-auth-options.js';
export {
  requireClientCert,
  type RequireClientCert,
  type RequireClientCertOptions,
} from './client-auth/require-client-cert.js';
export type { RedirectStatus } from './http/redirect.js';
export type { HstsOptions } from './http/hsts.js';
export type { TlsBaseline } from './handshake/tls-settings.js';

export { directory, type DirectoryOptions } from './sources/directory.js';
export { filePair, type FilePairOptions } from './sources/file-pair.js';
export { pemPair, type PemPairOptions } from './sources/pem-pair.js';
export { fromFunction, type FromFunctionOptions } from './sources/from-function.js';
export { acme, type AcmeSource } from './issuance/acme.js';
export type { AcmeChallenge } from './issuance/acme-challenges.js';
export type { AcmeProfile } from './issuance/acme-profile.js';
export { dns01, type DnsChallenge, type DnsChallengeRecord, type DnsSolver } from './acme/dns01.js';
export type { AcmeDirectory, AcmeDomains, AcmeKeyType, AcmeOptions } from './issuance/acme-options.js';
export type { ExportedCertificate, ExportOptions } from './issuance/export-options.js';
export type { OnDemandOptions } from './issuance/on-demand-options.js';
export { selfSigned, type SelfSignedOptions } from './issuance/self-signed.js';

export type {
  CertificateSource,
  ChallengeAnswer,
  ChallengeLookup,
  ChallengeQuestion,
  Found,
  ListenerAddress,
  ManagedCertificate,
  PendingCredential,
  SourceEvent,
  SourceFunction,
  SourceHost,
  SourceQuery,
  WayIn,
} from './sources/certificate-source.js';
export {
  createCredential,
  type Credential,
  type IntermediateEnd,
  type CredentialInput,
  type CredentialOrigin,
} from './credential/credential.js';
export type { KeyType } from './credential/certificate-facts.js';
export type { Finding, Severity } from './credential/findings.js';

export { fileStorage, type FileStorageOptions } from './storage/file-storage.js';
export { memoryStorage } from './storage/memory-storage.js';
export type { Lease, LockOptions, PutOptions, Storage, StoredValue } from './storage/storage.js';

export type { CertificateState, CertificateStatus, ServerStatus } from './status.js';
export type { CertificateEvent, ExpiryEvent, FailedEvent, SecureServerEvents } from './events.js';
export {
  ERROR_CODES,
  isTlsmithError,
  TlsmithError,
  type TlsmithErrorCode,
  type TlsmithErrorDetails,
} from './errors.js';
export type { Clock } from './clock.js';
export type { Logger } from './logger.js';
