/** Where validators come, and which listeners answer them. */
import { isIP } from 'node:net';
import type { ListenerAddress } from '../sources/certificate-source.js';

/** A port outside, and the kind of listener that it has to lead to. */
export interface ValidationPort {
  readonly port: number;
  readonly protocol: ListenerAddress['protocol'];
}

const PORTS: Readonly<Record<string, ValidationPort>> = {
  'tls-alpn-01': { port: 443, protocol: 'https' },
  'http-01': { port: 80, protocol: 'http' },
};

/** Where validators come by this type of challenge (RFC 8555 §8.3, RFC 8737 §3); undefined for one that takes no port. */
export function validationPort(type: string): ValidationPort | undefined {
  return Object.hasOwn(PORTS, type) ? PORTS[type] : undefined;
}

/** The listeners that answer this type of challenge. */
export function answering(type: string, listeners: readonly ListenerAddress[]): readonly ListenerAddress[] {
  const protocol = validationPort(type)?.protocol;
  return listeners.filter((listener) => listener.protocol === protocol);
}

/** Where it listens, as it is printed. */
export function placeOf({ address, port }: ListenerAddress): string {
  if (port === undefined) return address;
  return `${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
}
