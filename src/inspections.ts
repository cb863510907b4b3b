/**
 * The inspection of credentials whose source does not inspect them itself: once each, away from the handshake that
 * first served it, one at a time, and with packages that are only loaded for it.
 */
import { BoundedMap } from './bounded-map.js';
import type { Credential } from './credential/credential.js';
import type { Finding } from './credential/findings.js';
import { isLeftToSource } from './credential/inspected.js';
import type { Clock } from './clock.js';
import type * as inspecting from './diagnosis/inspect.js';
import { messageOf } from './errors.js';

/** Those that wait to be inspected; further ones are looked at when they are served again. */
const MOST_WAITING = 1_000;
/** Findings are of what is served now; for as many certificates it is remembered which to take back. */
const REMEMBERED_CERTIFICATES = 1_000;
const DATE_CODES: readonly string[] = ['TLS_CERT_EXPIRED', 'TLS_CERT_NOT_YET_VALID'];

/** What inspecting needs of its server. */
export interface InspectionsOptions {
  readonly clock: Clock;
  /** Whether dates are told, too. Otherwise the handshakes do that, which know when nothing better is there. */
  readonly tellsDates: boolean;
  readonly report: (finding: Finding) => void;
  /** Takes findings back. */
  readonly resolved: (finding: Finding) => void;
  /** Told when an inspection itself fails. */
  readonly fault: (message: string) => void;
}

/** Where a credential comes from. */
export interface InspectedOrigin {
  /** The name of its source, when it is known. */
  readonly source?: string;
  /** Whether tlsmith renews it by itself. */
  readonly isManaged?: boolean;
}

interface Waiting extends InspectedOrigin {
  readonly credential: Credential;
}

/** Inspects what it is shown. */
export class Inspections {
  readonly #options: InspectionsOptions;
  #seen = new WeakSet<Credential>();
  readonly #origins = new WeakMap<Credential, InspectedOrigin>();
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #isOpen = false;
  readonly #findings = new BoundedMap<string, readonly Finding[]>(REMEMBERED_CERTIFICATES);

  constructor(options: InspectionsOptions) {
    this.#options = options;
  }

  /** From now on what is shown is inspected. */
  open(): void {
    this.#isOpen = true;
  }

  /** Says where a credential comes from that may be shown later, by somebody who does not know. */
  know(credential: Credential, origin: InspectedOrigin): void {
    this.#origins.set(credential, origin);
  }

  /** Shows a credential; cheap when it has been seen. */
  add(credential: Credential, origin?: InspectedOrigin): void {
    if (!this.#isOpen || this.#seen.has(credential) || this.#waiting.length >= MOST_WAITING) return;
    this.#seen.add(credential);
    this.#waiting.push({ ...(origin ?? this.#origins.get(credential)), credential });
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when everything shown so far has been inspected. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Ends the inspection; what was seen is inspected anew after the next start. */
  async close(): Promise<void> {
    this.#isOpen = false;
    this.#waiting = [];
    await this.#running;
    this.#seen = new WeakSet();
    this.#findings.clear();
  }

  async #run(): Promise<void> {
    try {
      await turnOfTheLoop();
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        if (isLeftToSource(next.credential)) continue;
        const { examine } = await import('./diagnosis/inspect.js');
        if (this.#isOpen) this.#inspect(next, examine);
        await turnOfTheLoop();
      }
    } catch (error) {
      this.#waiting = [];
      this.#options.fault(messageOf(error));
    }
  }

  #inspect({ credential, source, isManaged = false }: Waiting, examine: typeof inspecting.examine): void {
    const { clock, tellsDates } = this.#options;
    const found = examine(credential, { now: clock.now(), isManaged })
      .filter(({ code }) => tellsDates || !DATE_CODES.includes(code))
      .map((finding) => (source === undefined ? finding : { source, ...finding }));
    const key = [source, ...credential.names].join(' ');
    for (const earlier of this.#findings.get(key) ?? []) {
      if (!found.some(({ code }) => code === earlier.code)) this.#options.resolved(earlier);
    }
    this.#findings.delete(key);
    if (found.length > 0) this.#findings.set(key, found);
    for (const finding of found) this.#options.report(finding);
  }
}

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
