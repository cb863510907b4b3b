/**
 * When a person is told that a certificate runs out. Those that nobody renews here: at 1/3, 1/6 and 1/20 of the
 * lifetime left. Managed ones only when renewal is overdue: when half of what was left at the planned instant has
 * passed, then at 1/6 and 1/20. In the last week daily, when the lifetime is 30 days or more.
 */
import { alarm, type Clock } from './clock.js';
import type { Credential } from './credential/credential.js';
import type { UnloadedCertificate } from './sources/certificate-source.js';

/** Validity in milliseconds since the epoch. */
export type Validity = Pick<Credential, 'notBefore' | 'notAfter'>;

const DAY_MS = 86_400_000;
const SHORT_LIFETIME_MS = 30 * DAY_MS;

/** The instants at which to warn, ascending; the last is `notAfter` itself. */
export function warningInstants({ notBefore, notAfter }: Validity, plannedRenewal?: number): number[] {
  const lifetimeMs = notAfter - notBefore;
  const first = firstWarning({ notBefore, notAfter }, plannedRenewal);
  const daily =
    lifetimeMs < SHORT_LIFETIME_MS ? [] : [7, 6, 5, 4, 3, 2, 1].map((days) => notAfter - days * DAY_MS);
  const later = [notAfter - lifetimeMs / 6, notAfter - lifetimeMs / 20, ...daily].filter(
    (instant) => instant > first,
  );
  return [...new Set([first, ...later, notAfter])].sort((a, b) => a - b);
}

/** The first of them: before that nothing is said, and the state is `valid`. */
export function firstWarning({ notBefore, notAfter }: Validity, plannedRenewal?: number): number {
  return plannedRenewal === undefined
    ? notAfter - (notAfter - notBefore) / 3
    : plannedRenewal + (notAfter - plannedRenewal) / 2;
}

/** A certificate to watch, loaded or not. */
export interface WatchedCertificate {
  readonly certificate: UnloadedCertificate;
  readonly source: string;
  /** When it should be renewed; only for managed ones. */
  readonly plannedRenewal?: number;
  /** The subject of the intermediate whose end the certificate's chain is watched for, in place of its own. */
  readonly intermediate?: string;
}

/** What is to be watched of a certificate: its own end and, where an intermediate ends before it, that one's. */
export function* watchedOf(
  certificate: UnloadedCertificate,
  watched: Pick<WatchedCertificate, 'source' | 'plannedRenewal'>,
): Iterable<WatchedCertificate> {
  yield { certificate, ...watched };
  const { names, serialNumber, notBefore, shortIntermediate } = certificate;
  if (shortIntermediate === undefined) return;
  const { subject, notAfter } = shortIntermediate;
  const { source, plannedRenewal = Infinity } = watched;
  yield {
    certificate: { names, serialNumber, notBefore: Math.min(notBefore, notAfter), notAfter },
    source,
    intermediate: subject,
    // Whatever renews it later than that does not help.
    ...(plannedRenewal < notAfter ? { plannedRenewal } : {}),
  };
}

/** What {@link ExpiryWatch} calls. */
export interface ExpiryListener {
  readonly expiring: (certificate: WatchedCertificate) => void;
  readonly expired: (certificate: WatchedCertificate) => void;
}

const LONGEST_LOOK_MS = 3_600_000;
const SHORTEST_LOOK_MS = 1_000;
/** A look at 10,000 certificates takes milliseconds, which are not to be spent for every one that is loaded. */
const MANY_CERTIFICATES = 2_500;
const GATHERING_MS = 5_000;

/** Looks at all certificates, at the latest every hour, and warns once for each instant that has passed. */
export class ExpiryWatch {
  readonly #clock: Clock;
  readonly #certificates: () => Iterable<WatchedCertificate>;
  readonly #listener: ExpiryListener;
  /** The last instant warned about, by certificate; only of those that are still there. */
  #warned = new Map<string, number>();
  #count = 0;
  #cancel: (() => void) | undefined;
  #isGathering = false;
  #gatheringTimer: unknown;

  constructor(clock: Clock, certificates: () => Iterable<WatchedCertificate>, listener: ExpiryListener) {
    this.#clock = clock;
    this.#certificates = certificates;
    this.#listener = listener;
  }

  /** Looks now, and again when the next instant has come. */
  look(): void {
    this.close();
    const now = this.#clock.now();
    let next = now + LONGEST_LOOK_MS;
    const warned = new Map<string, number>();
    this.#count = 0;
    for (const watched of this.#certificates()) {
      const { certificate, plannedRenewal } = watched;
      this.#count += 1;
      const first = firstWarning(certificate, plannedRenewal);
      if (now < first) {
        next = Math.min(next, first);
        continue;
      }
      const instants = warningInstants(certificate, plannedRenewal);
      const passed = instants.findLast((instant) => instant <= now) ?? first;
      next = Math.min(next, instants.find((instant) => instant > now) ?? Infinity);
      const key = keyOf(certificate);
      if (passed > (this.#warned.get(key) ?? -Infinity)) this.#warn(watched, passed);
      warned.set(key, passed);
    }
    this.#warned = warned;
    this.#cancel = alarm(this.#clock, Math.max(next, now + SHORTEST_LOOK_MS), () => {
      this.look();
    });
  }

  /** There are other certificates than before: looks once for all that change in this turn, or soon when there are many. */
  changed(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    const look = (): void => {
      if (this.#isGathering) this.look();
    };
    if (this.#count <= MANY_CERTIFICATES) queueMicrotask(look);
    else this.#gatheringTimer = this.#clock.setTimeout(look, GATHERING_MS);
  }

  /** Ends the watch; `look` begins it again. */
  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#isGathering = false;
    this.#clock.clearTimeout(this.#gatheringTimer);
    this.#gatheringTimer = undefined;
  }

  #warn(watched: WatchedCertificate, instant: number): void {
    if (instant >= watched.certificate.notAfter) this.#listener.expired(watched);
    else this.#listener.expiring(watched);
  }
}

/** The same for a certificate that is loaded and one that is not; serial numbers are of one issuer. */
function keyOf({ names, serialNumber, notAfter }: UnloadedCertificate): string {
  return `${serialNumber} ${notAfter} ${names[0] ?? ''}`;
}
