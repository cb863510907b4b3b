/**
 * What this side can see when an authority could not validate a name: where the name leads, which addresses this machine
 * has, where it listens, and whose certificate is met in its place. It is put behind the authority's own words.
 */
import { isIP } from 'node:net';
import { isTlsmithError, TlsmithError } from '../errors.js';
import type { ListenerAddress } from '../sources/certificate-source.js';
import { metCertificate } from './met-certificate.js';
import { addressesOf, type NameAddresses, ownAddresses } from './name-addresses.js';
import { answering, placeOf, validationPort } from './validation-ports.js';

const EXPLAINED = new Set(['ACME_ALPN_INTERCEPTED', 'ACME_CHALLENGE_FAILED', 'ACME_CONNECTION', 'ACME_DNS']);
const MOST_NAMES = 3;
const MOST_ADDRESSES = 8;
const TLS_PORT = 443;
/** What is looked at. */
export interface WhereaboutsOptions {
  readonly listeners: readonly ListenerAddress[];
  /** Whether a connection to an address that one of the names leads to is nobody's harm. */
  readonly mayMeet: (address: string) => boolean;
  /** The SHA-256 fingerprint of the certificate in use: to meet that explains nothing. */
  readonly fingerprint256: string | undefined;
  /** Ends the look. */
  readonly signal: AbortSignal;
  /** For tests; 443 otherwise. */
  readonly port?: number;
}

/** The error with what is seen from here in its message and hint; errors of other kinds as they are. Never rejects. */
export async function withWhereabouts(thrown: unknown, options: WhereaboutsOptions): Promise<unknown> {
  if (!isTlsmithError(thrown) || !EXPLAINED.has(thrown.code)) return thrown;
  const failures = failuresOf(thrown).filter(({ type }) => validationPort(type) !== undefined);
  if (failures.length === 0) return thrown;
  const names = [...new Set(failures.map(({ name }) => name))].slice(0, MOST_NAMES);
  const types = [...new Set(failures.map(({ type }) => type))];
  const seen = await Promise.all(
    names.map(async (name) => ({ name, addresses: await lookedUp(name, options.signal) })),
  );
  const own = ownAddresses();
  const met = thrown.code === 'ACME_ALPN_INTERCEPTED' ? await meeting(seen, options) : '';
  const { code, message, hint, cause, ...facts } = thrown;
  return new TlsmithError(
    code,
    `${message} ${[...seen.map(leadsTo), has(own), ...types.map((type) => listensFor(type, options.listeners)), met].filter(Boolean).join(' ')}`,
    {
      ...facts,
      hint: [
        hint,
        ...types.map((type) => forwarding(type, options.listeners)),
        ...seen.map((each) => strayed(each, own)),
      ]
        .filter(Boolean)
        .join(' '),
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

interface Seen {
  readonly name: string;
  readonly addresses: NameAddresses;
}

function failuresOf(error: TlsmithError): readonly { readonly name: string; readonly type: string }[] {
  const failures: unknown = error['failures'];
  return Array.isArray(failures) ? (failures as { name: string; type: string }[]) : [];
}

async function lookedUp(name: string, signal: AbortSignal): Promise<NameAddresses> {
  const version = isIP(name);
  if (version === 0) return addressesOf(name, signal);
  return { ipv4: version === 4 ? [name] : [], ipv6: version === 6 ? [name] : [] };
}

function leadsTo({ name, addresses: { ipv4, ipv6 } }: Seen): string {
  if (isIP(name) !== 0 || (ipv4 === undefined && ipv6 === undefined)) return '';
  const parts = [...recordsOf('A', ipv4), ...recordsOf('AAAA', ipv6)];
  return `Seen from here, ${name} leads to ${parts.join(' and ') || 'no address'}.`;
}

function recordsOf(type: string, addresses: readonly string[] | undefined): readonly string[] {
  if (addresses === undefined) return [`${type} that DNS has not answered`];
  return addresses.length === 0 ? [] : [`${type} ${shortened(addresses)}`];
}

function has(own: readonly string[]): string {
  return own.length === 0
    ? 'This machine has no address but its own loopback.'
    : `This machine has ${shortened(own)}.`;
}

function shortened(addresses: readonly string[]): string {
  const more = addresses.length - MOST_ADDRESSES;
  return `${addresses.slice(0, MOST_ADDRESSES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function listensFor(type: string, listeners: readonly ListenerAddress[]): string {
  const open = answering(type, listeners).map(placeOf);
  return open.length === 0
    ? `No listener for ${type} is known of.`
    : `It listens for ${type} at ${open.join(' and ')}.`;
}

/** Where a port is mapped, or should be. */
function forwarding(type: string, listeners: readonly ListenerAddress[]): string {
  const outer = validationPort(type)?.port;
  const ports = answering(type, listeners).flatMap(({ port }) => (port === undefined ? [] : [port]));
  const [port] = ports;
  if (port === undefined || outer === undefined || ports.includes(outer)) return '';
  return `Validators come to port ${outer}: it must lead to port ${port} of this server.`;
}

/** Authorities prefer IPv6 where there is any. */
function strayed({ name, addresses: { ipv6 = [] } }: Seen, own: readonly string[]): string {
  if (isIP(name) !== 0 || ipv6.length === 0 || ipv6.some((address) => own.includes(address))) return '';
  return `Authorities prefer the AAAA record of ${name}, and ${shortened(ipv6)} is no address of this machine: correct it or remove it, unless it is forwarded.`;
}

async function meeting(
  seen: readonly Seen[],
  { mayMeet, fingerprint256, signal, port = TLS_PORT }: WhereaboutsOptions,
): Promise<string> {
  for (const { name, addresses } of seen) {
    const address = [...(addresses.ipv6 ?? []), ...(addresses.ipv4 ?? [])].find(mayMeet);
    if (address === undefined) continue;
    const met = await metCertificate({ address, port, serverName: name, signal });
    if (met !== undefined && met.fingerprint256 !== fingerprint256)
      return `At ${address} port ${port} a certificate of ${met.subject}, issued by ${met.issuer}, is met.`;
  }
  return '';
}
