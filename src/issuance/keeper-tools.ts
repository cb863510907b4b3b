/** What the keepers of one source share, and what they ask of it. */
import type { RenewalInfo } from '../acme/renewal-info.js';
import type { Credential } from '../credential/credential.js';
import type { TlsmithError } from '../errors.js';
import type { SourceHost } from '../sources/certificate-source.js';
import type { Issued, IssueRequest } from './issuer.js';
import type { LookOut } from './look-out.js';
import type { RandomShare } from './random-share.js';
import type { Slots } from './slots.js';
import type { StoredGeneration } from './stored-generation.js';
import type { UpkeepRules } from './upkeep-schedule.js';

/** What the keepers of one source share. */
export interface KeeperTools {
  /** The name of the source, for findings. */
  readonly sourceName: string;
  /** What the server offers. */
  readonly host: SourceHost;
  /** The limit on issuances at the same time. */
  readonly slots: Slots;
  /** For the jitter of their schedules. */
  readonly random: RandomShare;
  /** Wakes them. */
  readonly lookOut: LookOut;
  /** The limit on waiting at the same time for other processes that may have died. */
  readonly waitingSlots: Slots;
  /** When certificates are renewed. */
  readonly rules: UpkeepRules;
  /** How long a handshake waits for a missing certificate, in milliseconds. */
  readonly waitMs: number;
  /** Asks the issuer. */
  issue(request: IssueRequest): Promise<Issued>;
  /** Has it revoked. */
  revoke(credential: Credential, signal: AbortSignal): Promise<void>;
  /** Asks the issuer when to renew; undefined where it has no opinion on any. */
  readonly advise:
    | ((credential: Credential, signal: AbortSignal, issuerId?: string) => Promise<RenewalInfo | undefined>)
    | undefined;
  /** What another issuer has issued for the same names, to serve until this one's first certificate is there. */
  readonly predecessor: ((names: readonly string[]) => Promise<StoredGeneration | undefined>) | undefined;
  /** Told of each credential that serves from now on. */
  served(names: readonly string[], credential: Credential): void;
  /** Why nothing may be issued at present, if so. */
  obstacle(): TlsmithError | undefined;
  /** Told of each attempt that failed, after everybody else. */
  failed(names: readonly string[], state: { readonly isUsable: boolean }): void;
}
