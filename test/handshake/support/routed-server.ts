/** A router behind a real listening socket, with TLS servers that answer "secure" to whoever completes a handshake. */
import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { Challenges } from '../../../src/handshake/challenges.js';
import { ConnectionRouter, type RouterOptions } from '../../../src/handshake/connection-router.js';
import type { RefusalFacts } from '../../../src/handshake/refusals.js';
import { TicketKeys } from '../../../src/handshake/ticket-keys.js';
import { TlsServers } from '../../../src/handshake/tls-servers.js';
import { baselineSettings, type TlsSettings } from '../../../src/handshake/tls-settings.js';
import type { CertificateSource } from '../../../src/sources/certificate-source.js';
import type { ManualClock } from '../../support/manual-clock.js';
import { resolverOver } from './sources.js';

/** A connection that was turned away. */
export type Refusal = RefusalFacts & { readonly code: string };

/** Settings of the intermediate baseline. */
export const SETTINGS: TlsSettings = {
  ...baselineSettings('intermediate'),
  groups: undefined,
  handshakeTimeoutMs: 10_000,
  hasSessionTickets: true,
};

/** The parts of a routed server, and what has happened on it. */
export interface RoutedServer {
  readonly port: number;
  readonly router: ConnectionRouter;
  readonly challenges: Challenges;
  readonly ticketKeys: TicketKeys;
  readonly clock: ManualClock;
  readonly refusals: Refusal[];
  readonly failures: unknown[];
  readonly secured: TLSSocket[];
  readonly plain: Socket[];
  /** What completes its handshakes. */
  readonly servers: TlsServers;
  /** Resolves with the next connection that is turned away. */
  nextRefusal(): Promise<Refusal>;
  close(): Promise<void>;
}

/** What may be set. */
export interface RoutedServerOptions extends Partial<RouterOptions> {
  readonly settings?: TlsSettings;
  readonly serverFor?: TlsServers['serverFor'];
}

/** Opens a routed server on a free loopback port. */
export async function routedServer(
  sources: readonly CertificateSource[],
  options: RoutedServerOptions = {},
): Promise<RoutedServer> {
  const { settings = SETTINGS, serverFor, ...overrides } = options;
  const { resolver, clock } = resolverOver(sources);
  const [refusals, waiters]: [Refusal[], ((refusal: Refusal) => void)[]] = [[], []];
  const [secured, failures, plain]: [TLSSocket[], unknown[], Socket[]] = [[], [], []];
  const challenges = new Challenges();
  const router = new ConnectionRouter({
    resolver,
    challenges,
    clock,
    refusesUnknownNames: false,
    plainHttp: (socket) => {
      plain.push(socket);
      socket.destroy();
    },
    refused: (code, facts) => {
      refusals.push({ code, ...facts });
      waiters.shift()?.({ code, ...facts });
    },
    idle: () => undefined,
    ...overrides,
  });
  const ticketKeys = new TicketKeys(clock, 43_200_000);
  const servers = new TlsServers({
    settings,
    ticketKeys,
    sessionIdContext: 'test',
    clientAuth: undefined,
    protocols: [],
    contexts: { increment: () => undefined },
    keyShares: { increment: () => undefined },
    listener: {
      secured: (socket) => {
        router.secured(socket);
        socket.on('error', () => undefined);
        secured.push(socket);
        socket.end('secure');
      },
      handshakeFailed: (error) => failures.push(error),
    },
  });
  if (serverFor !== undefined) servers.serverFor = serverFor;
  const listener = createServer((socket) => {
    router.accept(socket, servers);
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    ...{ router, servers, challenges, ticketKeys, clock, refusals, failures, secured, plain },
    nextRefusal: () => new Promise((resolve) => waiters.push(resolve)),
    close: async () => {
      listener.close();
      router.destroy('all');
      await once(listener, 'close');
    },
  };
}

/** What a client saw of a handshake. */
export interface Handshake {
  /** SHA-256 of the certificate it was shown. */
  readonly fingerprint256: string | undefined;
  readonly isReused: boolean;
  /** The latest session ticket, for a next handshake. */
  readonly session: Buffer | undefined;
  readonly protocol: string | false | null;
}

/** Completes a handshake and reads until the server ends the connection. */
export async function handshake(port: number, options: ConnectionOptions = {}): Promise<Handshake> {
  const client = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  const closed = once(client, 'close');
  closed.catch(() => undefined); // A failed handshake is told by 'secureConnect'.
  let session: Buffer | undefined;
  client.on('session', (latest: Buffer) => (session = latest));
  client.resume();
  await once(client, 'secureConnect');
  const seen = {
    fingerprint256: client.getPeerX509Certificate()?.fingerprint256,
    isReused: client.isSessionReused(),
    protocol: client.alpnProtocol,
  };
  await closed;
  return { ...seen, session };
}

/** Sends raw bytes and collects what comes back until the server hangs up. */
export async function exchange(port: number, bytes: Buffer): Promise<Buffer> {
  const client = connectTcp(port, '127.0.0.1');
  const received: Buffer[] = [];
  client.on('data', (chunk: Buffer) => received.push(chunk));
  client.on('error', () => undefined);
  client.write(bytes);
  await once(client, 'close');
  return Buffer.concat(received);
}

/** A fatal alert as it stands on the wire. */
export function alertRecord(code: number): Buffer {
  return Buffer.from([21, 3, 3, 0, 2, 2, code]);
}
