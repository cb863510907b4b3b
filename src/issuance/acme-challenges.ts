/** `challenges` of `acme()`: how names may be validated, and which names that allows. */
import { type DnsChallenge, dns01, type DnsSolver } from '../acme/dns01.js';

/** A type of challenge: what a listener of the server's answers, or a record made by `dns01(solver)`. */
export type AcmeChallenge = 'tls-alpn-01' | 'http-01' | DnsChallenge;

/** The option, complete. */
export interface ParsedChallenges {
  /** In the order given; undefined for the default. */
  readonly challenges: readonly ('tls-alpn-01' | 'http-01' | 'dns-01')[] | undefined;
  readonly dnsSolver: DnsSolver | undefined;
}

/** @throws TypeError that names the option */
export function parseChallenges(challenges: readonly AcmeChallenge[] | undefined): ParsedChallenges {
  if (challenges === undefined) return { challenges: undefined, dnsSolver: undefined };
  const list: readonly unknown[] = Array.isArray(challenges) ? challenges : [];
  const solvers = list.filter(isDnsChallenge).map(({ solver }) => dns01(solver).solver);
  const types = list.map((entry) => (isDnsChallenge(entry) ? entry.type : entry));
  const known = types.filter((type) => type === 'tls-alpn-01' || type === 'http-01' || type === 'dns-01');
  if (list.some((entry) => entry === 'dns-01'))
    throw invalid(
      "dns01({ present, cleanUp }) in place of 'dns-01': nobody else knows how to set the records",
    );
  if (known.length === 0 || known.length < list.length || solvers.length > 1)
    throw invalid('an array of tls-alpn-01, http-01 and one dns01(solver)');
  return { challenges: [...new Set(known)], dnsSolver: solvers[0] };
}

function isDnsChallenge(entry: unknown): entry is DnsChallenge {
  return typeof entry === 'object' && entry !== null && 'type' in entry && entry.type === 'dns-01';
}

function invalid(expected: string): TypeError {
  return new TypeError(`acme: \`challenges\` must be ${expected}.`);
}
