/** `dns01()`: validation by a TXT record (RFC 8555 §8.4), which whoever knows the DNS provider's interface sets. */

/** A TXT record that a certificate authority looks up. */
export interface DnsChallengeRecord {
  /** Its name, without a dot at the end: `_acme-challenge.example.com`. */
  readonly name: string;
  readonly type: 'TXT';
  /** Its value, without quotes: 43 characters. */
  readonly value: string;
  /** The name that is validated, without `*.`: `example.com`. */
  readonly domain: string;
}

/** Sets and removes records, in the user's own words to his DNS provider. */
export interface DnsSolver {
  /**
   * Adds the record beside those that have its name: a certificate for `example.com` and `*.example.com` takes two.
   * Resolves once all authoritative name servers answer with it, because only then the authority is told to look. The
   * signal is aborted when the attempt is given up. What it rejects with becomes part of the error of the attempt.
   */
  present(record: DnsChallengeRecord, options: { readonly signal: AbortSignal }): Promise<void> | void;
  /**
   * Removes this record, and no other of its name. Also called after `present` has failed, when there may be nothing to
   * remove. A rejection is logged; after 30 seconds it is not waited for any longer.
   */
  cleanUp(record: DnsChallengeRecord): Promise<void> | void;
}

/** An entry of `challenges`, made by {@link dns01}. */
export interface DnsChallenge {
  readonly type: 'dns-01';
  readonly solver: DnsSolver;
}

/**
 * Validation by DNS records, for `challenges` of `acme()`: it takes no open port, and is the only one for wildcards. Calls for
 * the same record name never overlap.
 *
 * @throws TypeError when a method is missing
 * @example
 * ```ts
 * const challenges = [dns01({ present: (record) => dns.addTxt(record), cleanUp: (record) => dns.removeTxt(record) })];
 * acme({ domains: [['example.com', '*.example.com']], challenges, termsOfServiceAgreed: true });
 * ```
 */
export function dns01(solver: DnsSolver): DnsChallenge {
  const given = solver as Partial<DnsSolver> | null | undefined;
  for (const method of ['present', 'cleanUp'] as const) {
    if (typeof given?.[method] === 'function') continue;
    throw new TypeError(
      `dns01: \`${method}\` must be a function: give { present(record), cleanUp(record) }.`,
    );
  }
  return { type: 'dns-01', solver };
}
