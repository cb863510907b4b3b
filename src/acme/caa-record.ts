/** The CAA records that allow certificates from one account alone (RFC 8659, RFC 8657). */
import type { ChallengeType } from './solvers.js';

/** What records are made from. */
export interface CaaFacts {
  /** The domain by which CAA records name the authority (RFC 8555 §9.7.6); one of them is enough. */
  readonly identity: string;
  readonly accountUrl: string;
  /** How names may be validated. */
  readonly types: readonly ChallengeType[];
  /** Whether certificates are for wildcards too, which only DNS records validate. */
  readonly hasWildcards: boolean;
}

/** The data of the records to publish at a domain, as they stand in a zone file. */
export function caaRecords({ identity, accountUrl, types, hasWildcards }: CaaFacts): readonly string[] {
  const record = (tag: string, methods: readonly string[]): string =>
    `0 ${tag} "${identity}; accounturi=${accountUrl}; validationmethods=${methods.join(',')}"`;
  const issue = record('issue', types);
  return hasWildcards ? [issue, record('issuewild', ['dns-01'])] : [issue];
}
