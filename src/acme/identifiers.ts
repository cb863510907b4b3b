/** Names as ACME orders them and as validators ask for them (RFC 8555 §7.1.3, RFC 8738). */
import { isIP, isIPv4 } from 'node:net';
import type { Identifier } from './resources.js';

/** The identifier of a normalised name: a DNS name, a wildcard or an IP address. */
export function identifierOf(name: string): Identifier {
  return { type: isIP(name) === 0 ? 'dns' : 'ip', value: name };
}

/** The SNI that a `tls-alpn-01` validator sends: for an address its name in the reverse zone (RFC 8738 §6). */
export function validatorServerName({ type, value }: Identifier): string {
  if (type === 'dns') return value;
  if (isIPv4(value)) return `${value.split('.').reverse().join('.')}.in-addr.arpa`;
  return `${Array.from(nibblesOf(value)).reverse().join('.')}.ip6.arpa`;
}

/** The 32 hexadecimal digits of an IPv6 address. */
function nibblesOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const before = groupsOf(head);
  const after = groupsOf(tail ?? '');
  const zeros = tail === undefined ? [] : Array<string>(8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join('');
}

function groupsOf(part: string): string[] {
  return part === '' ? [] : part.toLowerCase().split(':');
}
