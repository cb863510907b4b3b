/**
 * The grammar of names. What a client sends as SNI reaches us untouched (upper case, trailing dots, `../../x`,
 * raw bytes), so every name is normalised here before it is compared with anything (RFC 6066 §3, RFC 1123 §2.1).
 */
import { isIP, isIPv4, isIPv6, SocketAddress } from 'node:net';
import { domainToASCII } from 'node:url';

const LONGEST_NAME = 253;
const LONGEST_LABEL = 63;
const [DOT, HYPHEN, DIGIT_0, DIGIT_9, LOWER_A, LOWER_Z] = [0x2e, 0x2d, 0x30, 0x39, 0x61, 0x7a];

// Underscores are no host names by RFC 1123, but containers and Windows hosts are called so in practice.
const LABELS = /^(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*$/;
const ASCII = /^[\x20-\x7e]*$/;
// All that may stand in an IDN: domainToASCII would take `ä.test/path`, `ä.test:80` or a line break in silence.
const INTERNATIONAL = /^[A-Za-z0-9._\u{80}-\u{10ffff}-]*$/u;
const NUMERIC_LAST_LABEL = /(?:^|\.)[0-9]+$/;

/**
 * The canonical form of a server name as a client sent it: lower-case ASCII without trailing dot, or a
 * canonical IP address. Undefined when it is neither by grammar.
 */
export function normalizeServerName(name: string): string | undefined {
  if (isCanonicalName(name)) return name;
  let candidate = name.endsWith('.') ? name.slice(0, -1) : name;
  if (candidate.length === 0 || candidate.length > LONGEST_NAME) return undefined;
  // Before lower-casing, which would turn the Kelvin sign into an ASCII k.
  if (!ASCII.test(candidate)) return undefined;
  candidate = candidate.toLowerCase();
  if (LABELS.test(candidate) && !NUMERIC_LAST_LABEL.test(candidate)) return candidate;
  return normalizeIpAddress(candidate);
}

/** What browsers send: lower-case labels, the last not all of digits. A loop, because it is in every handshake. */
function isCanonicalName(name: string): boolean {
  const { length } = name;
  if (length === 0 || length > LONGEST_NAME) return false;
  let labelStart = 0;
  let isNumeric = true;
  for (let index = 0; index < length; index += 1) {
    const character = name.charCodeAt(index);
    if (character === DOT) {
      if (!isLabel(name, labelStart, index)) return false;
      labelStart = index + 1;
      isNumeric = true;
    } else if (character >= LOWER_A && character <= LOWER_Z) isNumeric = false;
    else if (character === HYPHEN) isNumeric = false;
    else if (character < DIGIT_0 || character > DIGIT_9) return false;
  }
  return !isNumeric && isLabel(name, labelStart, length);
}

function isLabel(name: string, start: number, end: number): boolean {
  if (end === start || end - start > LONGEST_LABEL) return false;
  return name.charCodeAt(start) !== HYPHEN && name.charCodeAt(end - 1) !== HYPHEN;
}

/** The canonical text of an IP address (RFC 5952 for IPv6), or undefined. Zone identifiers are not accepted. */
export function normalizeIpAddress(address: string): string | undefined {
  if (isIPv4(address)) return address;
  if (address.includes('%') || isIP(address) !== 6) return undefined;
  const canonical = new SocketAddress({ address, family: 'ipv6' }).address;
  return unmappedIpv4(canonical) ?? canonical;
}

/**
 * The canonical form of a name that an operator configured: as {@link normalizeServerName}, besides IDN to
 * punycode and one leading wildcard label (`*.example.com`).
 */
export function normalizeConfiguredName(name: string): string | undefined {
  const trimmed = name.trim();
  const bracketed = /^\[(.*)\]$/.exec(trimmed)?.[1];
  if (bracketed !== undefined) return isIPv6(bracketed) ? normalizeIpAddress(bracketed) : undefined;
  const isWildcard = trimmed.startsWith('*.');
  const host = isWildcard ? trimmed.slice(2) : trimmed;
  const normalized = normalizeServerName(ASCII.test(host) ? host : punycodeOf(host));
  if (normalized === undefined || (isWildcard && isIP(normalized) !== 0)) return undefined;
  return isWildcard ? `*.${normalized}` : normalized;
}

/** The wildcard that covers `serverName` one level up (`a.b.test` → `*.b.test`), or undefined (RFC 9525 §6.3). */
export function wildcardOf(serverName: string): string | undefined {
  const dot = serverName.indexOf('.');
  if (dot <= 0 || isIPv4(serverName)) return undefined;
  return `*${serverName.slice(dot)}`;
}

/** Whether a certificate with these names covers `serverName`, exactly or by a one-level wildcard. */
export function covers(names: readonly string[], serverName: string): boolean {
  if (names.includes(serverName)) return true;
  const wildcard = wildcardOf(serverName);
  return wildcard !== undefined && names.includes(wildcard);
}

function punycodeOf(host: string): string {
  return INTERNATIONAL.test(host) ? domainToASCII(host) : '';
}

function unmappedIpv4(address: string): string | undefined {
  const mapped = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : '';
  return isIPv4(mapped) ? mapped : undefined;
}
