/**
 * Lists of addresses in CIDR notation (RFC 4632, RFC 4291 §2.3), such as `10.0.0.0/8`, `fd00::/8` or `192.0.2.1`. An
 * IPv4 address is the same however it is written: a dual-stack socket shows it as `::ffff:192.0.2.1`.
 */
import { BlockList, isIP } from 'node:net';

/** Addresses and networks. */
export class AddressList {
  readonly #networks = { ipv4: new BlockList(), ipv6: new BlockList() };

  /** @param networks - each of which {@link isNetwork} */
  constructor(networks: readonly string[]) {
    for (const network of networks) this.#add(network);
  }

  /** Whether an address as node shows it is on the list; what has no address, such as a unix socket, is not. */
  has(address: string | undefined): boolean {
    if (address === undefined) return false;
    const canonical = withoutZone(withoutMapping(address));
    // Asked by family: to node's own list an IPv4 address lies within `::/0` as well.
    const family = familyOf(canonical);
    return this.#networks[family].check(canonical, family);
  }

  #add(network: string): void {
    const [address = '', prefix] = network.split('/');
    const canonical = withoutMapping(address);
    const family = familyOf(canonical);
    if (prefix === undefined) this.#networks[family].addAddress(canonical, family);
    else
      this.#networks[family].addSubnet(
        canonical,
        Number(prefix) - (canonical === address ? 0 : MAPPED_BITS),
        family,
      );
  }
}

const MAPPED_BITS = 96;
const MAPPED = /^::ffff:(?=\d+\.)/i;
const PREFIX = /^(?:0|[1-9]\d{0,2})$/;

/** Whether a text is an IP address or a network in CIDR notation. */
export function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || address.includes('%') || rest.length > 0) return false;
  if (prefix === undefined) return true;
  if (!PREFIX.test(prefix) || Number(prefix) > (version === 4 ? 32 : 128)) return false;
  return !MAPPED.test(address) || Number(prefix) >= MAPPED_BITS;
}

/** An address without what says on which interface it is meant. */
function withoutZone(address: string): string {
  const zone = address.indexOf('%');
  return zone === -1 ? address : address.slice(0, zone);
}

function withoutMapping(address: string): string {
  return address.replace(MAPPED, '');
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
