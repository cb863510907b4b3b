/** The domain that somebody has registered (`example.co.uk` of `www.example.co.uk`), by the Public Suffix List. */

/** Undefined for public suffixes themselves, such as `co.uk`, and for single labels. */
export async function registeredDomain(name: string): Promise<string | undefined> {
  // 150 KB of list, for servers with certificates on demand alone.
  const { getDomain } = await import('tldts');
  // The customers of `github.io` are as many domains to certificate authorities as to browsers.
  return getDomain(name, { allowPrivateDomains: true }) ?? undefined;
}
