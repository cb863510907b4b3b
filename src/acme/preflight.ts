/**
 * What can be known before the first order of a certificate, and would make it fail: the port that nobody forwards, the
 * name that leads elsewhere. Judged for authorities alone that validate on the public internet, and only where it is
 * certain enough to be said; nothing is ever kept from being ordered.
 */
import { isIP, isIPv4 } from 'node:net';
import type { Finding } from '../credential/findings.js';
import type { ListenerAddress, WayIn } from '../sources/certificate-source.js';
import type { NameAddresses } from './name-addresses.js';
import { isPublicAddress } from './private-name.js';
import { answering, placeOf, validationPort } from './validation-ports.js';

const LOOPBACK = /^(?:127\.|::1$)/;

/** How the server can be reached, as far as is known. */
export interface Reach {
  readonly listeners: readonly ListenerAddress[];
  readonly wayIn: WayIn;
}

/** What is said when none of the ports that validators come to leads here; undefined where one may. */
export function portFinding(types: readonly string[], reach: Reach): Finding | undefined {
  const doubts = types.map((type) => portDoubt(type, reach));
  const [first] = doubts.filter((doubt) => doubt !== undefined);
  if (first === undefined || doubts.includes(undefined)) return undefined;
  return {
    code: 'ACME_PORT_DOUBTFUL',
    severity: 'warning',
    message: `Before the first order: ${doubts.join(' ')}`,
    hint: 'Listen on the port itself, or have it forwarded and say so: `publicUrl` with the host by which clients come. Where it is forwarded already, this is taken back with the first certificate.',
  };
}

function portDoubt(type: string, { listeners, wayIn }: Reach): string | undefined {
  const outer = validationPort(type);
  if (outer === undefined || wayIn.isBehindProxy) return undefined;
  const { publicUrl, hasRequestListener } = wayIn;
  const isMapped = publicUrl !== undefined;
  if (isMapped && new URL(publicUrl).port === '') return undefined;
  const open = answering(type, listeners);
  if (open.length === 0) {
    // A TLS server of the app's own, with `tlsOptions`, listens somewhere.
    if (outer.protocol === 'https' || hasRequestListener) return undefined;
    return `validators of ${type} come to port ${outer.port}, and no listener for it is open: \`http: true\` opens one, requestListener() makes a server of yours one.`;
  }
  const isDirect = ({ address, port }: ListenerAddress): boolean =>
    port === undefined || (port === outer.port && !LOOPBACK.test(address));
  if (open.some(isDirect)) return undefined;
  const told =
    isMapped && outer.protocol === 'https'
      ? ` and publicUrl names port ${new URL(publicUrl).port}`
      : ', and nothing says that they are led there';
  return `validators of ${type} come to port ${outer.port}; this server listens for them at ${open.map(placeOf).join(' and ')}${told}.`;
}

/** What is said of a name whose addresses are known; undefined where validators may find the way. */
export function nameFinding(
  name: string,
  { ipv4, ipv6 }: NameAddresses,
  { listeners, wayIn, own }: Reach & { readonly own: readonly string[] },
): Finding | undefined {
  const all = [...(ipv4 ?? []), ...(ipv6 ?? [])];
  const isKnown = ipv4 !== undefined && ipv6 !== undefined;
  if (isKnown && all.length === 0)
    return finding(
      name,
      'leads to no address: it has neither an A nor an AAAA record that DNS knows of here',
    );
  if (isKnown && !all.some(isPublicAddress))
    return finding(name, `leads to ${all.join(', ')} alone, which is no address of the public internet`);
  // Whatever stands in front may have any address.
  if (wayIn.isBehindProxy || wayIn.publicUrl !== undefined) return undefined;
  const reason = straying('AAAA', ipv6, { other: ipv4, own }) ?? straying('A', ipv4, { other: ipv6, own });
  if (reason !== undefined) return finding(name, reason);
  const tcp = listeners.filter(({ port }) => port !== undefined);
  const isIPv4Only = tcp.length === listeners.length && tcp.every(({ address }) => isIPv4(address));
  if (ipv6 !== undefined && ipv6.length > 0 && tcp.length > 0 && isIPv4Only)
    return finding(
      name,
      `has the AAAA record ${ipv6.join(', ')}, which authorities prefer, and this server listens for IPv4 only`,
    );
  return undefined;
}

/** Why records of one family lead elsewhere: this machine has public addresses, and they are none of them. */
function straying(
  type: 'A' | 'AAAA',
  addresses: readonly string[] | undefined,
  { other = [], own }: { readonly other: readonly string[] | undefined; readonly own: readonly string[] },
): string | undefined {
  if (addresses === undefined || addresses.length === 0) return undefined;
  if (addresses.some((address) => own.includes(address))) return undefined;
  const family = type === 'A' ? 4 : 6;
  const ours = own.filter((address) => isIP(address) === family && isPublicAddress(address));
  const isOtherHere = other.some((address) => own.includes(address));
  // Behind a router that translates addresses nothing can be compared.
  if (ours.length === 0 && !(type === 'AAAA' && isOtherHere)) return undefined;
  const has = ours.length === 0 ? 'has no such address' : `has ${ours.join(', ')}`;
  const preferred = type === 'AAAA' ? ', which authorities prefer' : '';
  return `has the ${type} record ${addresses.join(', ')}${preferred}, and this machine ${has}`;
}

function finding(name: string, reason: string): Finding {
  return {
    code: 'ACME_NAME_DOUBTFUL',
    severity: 'warning',
    names: [name],
    message: `Before the first order for it: ${name} ${reason}.`,
    hint: 'Correct or remove the record, or have its address lead to this server. Where something in front does that, this is taken back with the first certificate; `publicUrl` says so beforehand.',
  };
}
