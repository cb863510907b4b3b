/**
 * What a name resolves to, asked of DNS itself: an authority does not see the hosts file of this machine. By the servers
 * of this process (`dns.setServers`), and not in its thread pool, where a slow answer would keep files waiting.
 */
import { getServers, promises } from 'node:dns';
import { networkInterfaces } from 'node:os';
import { codeOf } from '../errors.js';

/** How long one server is waited for. What is not known by then stays unknown. */
const TIMEOUT_MS = 2_000;
const NOTHING_THERE = new Set(['ENODATA', 'ENOTFOUND']);

/** Addresses by family; undefined where DNS has not said. */
export interface NameAddresses {
  readonly ipv4: readonly string[] | undefined;
  readonly ipv6: readonly string[] | undefined;
}

/** The A and AAAA records of a name, without `*.`; never rejects. */
export async function addressesOf(name: string, signal: AbortSignal): Promise<NameAddresses> {
  if (signal.aborted) return { ipv4: undefined, ipv6: undefined };
  const resolver = new promises.Resolver({ timeout: TIMEOUT_MS, tries: 1 });
  const cancel = (): void => {
    resolver.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    resolver.setServers(getServers());
    const [ipv4, ipv6] = await Promise.all([known(resolver.resolve4(name)), known(resolver.resolve6(name))]);
    return { ipv4, ipv6 };
  } catch {
    return { ipv4: undefined, ipv6: undefined };
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

async function known(answer: Promise<string[]>): Promise<readonly string[] | undefined> {
  try {
    return await answer;
  } catch (error) {
    return NOTHING_THERE.has(codeOf(error) ?? '') ? [] : undefined;
  }
}

/** The addresses of this machine that another one may reach: neither loopback nor link-local. */
export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address);
}
