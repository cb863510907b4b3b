/** Certificate authorities for trying things out, whose certificates no browser trusts. */

/** As a word of its own: `acme-staging-v02…`, `dv.acme-v02.test-api.pki.goog`; not `contest.com`. */
const FOR_TESTS = /(?:^|[^a-z])(?:staging|test|sandbox)(?![a-z])/;

/** Whether an authority is one for tests, by its directory URL, its host, or the id that is made from it. */
export function isTestAuthority(authority: string): boolean {
  return FOR_TESTS.test(authority.toLowerCase());
}
