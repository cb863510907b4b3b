/** Whether a certificate covers the host of `publicUrl`, by which clients come: told from the start on until one does. */
import type { Finding } from './credential/findings.js';
import { covers, normalizeConfiguredName } from './credential/server-name.js';

/** What the check needs of its server. */
export interface PublicNameOptions {
  readonly publicUrl: URL | undefined;
  /** The names of all certificates; undefined while there may be others that nobody knows of yet. */
  readonly names: () => Iterable<string> | undefined;
  /** Where it was looked for in vain, to be put behind a sentence. */
  readonly lookedFor: (serverName: string) => string;
  readonly report: (finding: Finding) => void;
  /** Takes it back. */
  readonly resolved: (finding: Finding) => void;
}

const SHOWN_NAMES = 8;

/** The name that clients use. */
export class PublicName {
  readonly #options: PublicNameOptions;
  readonly #host: string | undefined;
  #isCovered = false;
  #told: Finding | undefined;

  constructor(options: PublicNameOptions) {
    this.#options = options;
    this.#host = normalizeConfiguredName(options.publicUrl?.hostname ?? '');
  }

  /** Looks, at a start. */
  start(): void {
    this.#isCovered = false;
    this.#told = undefined;
    this.changed();
  }

  /** Looks again unless all is well: there are other certificates than before. */
  changed(): void {
    const host = this.#host;
    if (host === undefined || this.#isCovered) return;
    const all = this.#options.names();
    if (all === undefined) return;
    const names = [...new Set(all)];
    this.#isCovered = covers(names, host);
    if (this.#isCovered && this.#told !== undefined) this.#options.resolved(this.#told);
    if (this.#isCovered || this.#told !== undefined) return;
    this.#told = finding(host, names, this.#options.lookedFor(host));
    this.#options.report(this.#told);
  }
}

function finding(host: string, names: readonly string[], lookedFor: string): Finding {
  const more = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : '';
  const there = names.length === 0 ? 'there is none' : `there are: ${names.slice(0, SHOWN_NAMES).join(', ')}`;
  return {
    code: 'TLS_NAME_MISMATCH',
    severity: 'warning',
    names: [host],
    message: `Clients come by publicUrl to ${host}, and no certificate covers that name; ${there}${more}${lookedFor}.`,
    hint: 'Add a certificate with this name as subjectAltName (clients do not look at the common name), or correct publicUrl.',
  };
}
