/**
 * When a person is told that a certificate runs out. Those that nobody renews here: at 1/3, 1/6 and 1/20 of the
 * lifetime left. Managed ones only when renewal is overdue: when half of what was left at the planned instant has
 * passed, then at 1/6 and 1/20. In the last week daily, when the lifetime is 30 days or more.
 */
import { alarm, type Clock } from './clock.js';
import type { Credential } from './credential/credential.js';

/** Validity in milliseconds since the epoch. */
export type Validity = Pick<Credential, 'notBefore' | 'notAfter'>;

const DAY_MS = 86_400_000;
const SHORT_LIFETIME_MS = 30 * DAY_MS;

/** The instants at which to warn, ascending; the last is `notAfter` itself. */
export function warningInstants({ notBefore, notAfter }: Validity, plannedRenewal?: number): number[] {
  const lifetimeMs = notAfter - notBefore;
  const first =
    plannedRenewal === undefined
      ? notAfter - lifetimeMs / 3
      : plannedRenewal + (notAfter - plannedRenewal) / 2;
  const daily =
    lifetimeMs < SHORT_LIFETIME_MS ? [] : [7, 6, 5, 4, 3, 2, 1].map((days) => notAfter - days * DAY_MS);
  const later = [notAfter - lifetimeMs / 6, notAfter - lifetimeMs / 20, ...daily].filter(
    (instant) => instant > first,
  );
  return [...new Set([first, ...later, notAfter])].sort((a, b) => a - b);
}

/** A certificate to watch. */
export interface WatchedCertificate {
  readonly credential: Credential;
  readonly source: string;
  /** When it should be renewed; only for managed ones. */
  readonly plannedRenewal?: number;
}

/** What {@link ExpiryWatch} calls. */
export interface ExpiryListener {
  readonly expiring: (certificate: WatchedCertificate) => void;
  readonly expired: (certificate: WatchedCertificate) => void;
}

const LONGEST_LOOK_MS = 3_600_000;
const SHORTEST_LOOK_MS = 1_000;

/** Looks at all certificates, at the latest every hour, and warns once for each instant that has passed. */
export class ExpiryWatch {
  readonly #clock: Clock;
  readonly #certificates: () => Iterable<WatchedCertificate>;
  readonly #listener: ExpiryListener;
  /** The last instant warned about, by credential; only of credentials that are still there. */
  #warned = new Map<string, number>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, certificates: () => Iterable<WatchedCertificate>, listener: ExpiryListener) {
    this.#clock = clock;
    this.#certificates = certificates;
    this.#listener = listener;
  }

  /** Looks now, and again when the next instant has come or a certificate has changed. */
  look(): void {
    this.close();
    const now = this.#clock.now();
    let next = now + LONGEST_LOOK_MS;
    const warned = new Map<string, number>();
    for (const certificate of this.#certificates()) {
      const { credential, plannedRenewal } = certificate;
      const instants = warningInstants(credential, plannedRenewal);
      const passed = instants.findLast((instant) => instant <= now);
      const following = instants.find((instant) => instant > now);
      if (following !== undefined) next = Math.min(next, following);
      if (passed === undefined) continue;
      if (passed > (this.#warned.get(credential.id) ?? -Infinity)) this.#warn(certificate, passed);
      warned.set(credential.id, passed);
    }
    this.#warned = warned;
    this.#cancel = alarm(this.#clock, Math.max(next, now + SHORTEST_LOOK_MS), () => {
      this.look();
    });
  }

  /** Ends the watch; `look` begins it again. */
  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #warn(certificate: WatchedCertificate, instant: number): void {
    if (instant >= certificate.credential.notAfter) this.#listener.expired(certificate);
    else this.#listener.expiring(certificate);
  }
}
