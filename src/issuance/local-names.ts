/** The names by which this machine is reached: what a self-signed certificate is for when nobody says otherwise. */
import { hostname, networkInterfaces } from 'node:os';
import { normalizeIpAddress, normalizeServerName } from '../credential/server-name.js';

/** What is asked of the operating system. */
export interface Machine {
  /** As `os.hostname()`. */
  hostname(): string;
  /** As `os.networkInterfaces()`. */
  networkInterfaces(): ReturnType<typeof networkInterfaces>;
}

const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '::1'];
/** fe80::/10 (RFC 4291 §2.5.6). Useless without a zone, and no certificate can hold a zone. */
const LINK_LOCAL = /^fe[89ab]/;

/** localhost and its addresses, the host name when it is one by grammar, and the addresses of all interfaces. */
export function localNames(machine: Machine = { hostname, networkInterfaces }): readonly string[] {
  const host = normalizeServerName(machine.hostname());
  const addresses = Object.values(machine.networkInterfaces())
    .flatMap((addressesOfOne) => addressesOfOne ?? [])
    .map(({ address }) => normalizeIpAddress(address.toLowerCase()))
    .filter((address) => address !== undefined && !LINK_LOCAL.test(address));
  return [...new Set([...LOOPBACK, host, ...addresses])].filter((name) => name !== undefined);
}
