// Session tickets: they outlive certificates, and their keys outlive one rotation.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SecureVersion, TLSSocket } from 'node:tls';
import { createSecureServer, type SecureServer, type SecureServerOptions } from '../../src/index.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { sClient } from '../support/clients.js';
import { manualClock } from '../support/manual-clock.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { closesAfterEach } from './support/cleanup.js';
import { http1Get, portOf, tls } from './support/connections.js';
import { swappableSource, type SwappableSource } from './support/pairs.js';

const keep = closesAfterEach();
const PERIOD_MS = 43_200_000;
const versions = ['TLSv1.2', 'TLSv1.3'] as const;
let ca: TestCa;
let pairs: TestPair[];

beforeAll(async () => {
  ca = await testCa();
  pairs = await Promise.all(Array.from({ length: 21 }, () => ca.issue({ names: ['a.test'] })));
});

interface Serving {
  readonly secure: SecureServer;
  readonly source: SwappableSource;
  readonly port: number;
}

const sayName = (request: IncomingMessage, response: ServerResponse): void => {
  const body = String(Reflect.get(request.socket, 'servername'));
  response.setHeader('content-length', body.length);
  response.end(body);
};

async function serving(options: SecureServerOptions = {}): Promise<Serving> {
  const source = swappableSource(pairs[0]!);
  const secure = keep(createSecureServer({ sources: source, logger: false, ...options }, sayName));
  await secure.listen({ port: 0, host: '127.0.0.1' });
  return { secure, source, port: portOf(secure.server) };
}

interface Visit {
  readonly isReused: boolean;
  /** What the application knows as the server name. */
  readonly serverName: string;
  /** To be resumed later; the latest ticket of the connection. */
  readonly session: Buffer | undefined;
  readonly serialNumber: string | undefined;
}

/** One connection with one request, as a client that keeps its session does it. */
async function visit(port: number, version: SecureVersion, session?: Buffer): Promise<Visit> {
  const socket = await tls(port, {
    ...{ ca: ca.rootPem, minVersion: version, maxVersion: version },
    ...(session === undefined ? {} : { session }),
  });
  let latest = version === 'TLSv1.2' ? socket.getSession() : undefined;
  socket.on('session', (ticket) => (latest = ticket));
  const answer = await http1Get(socket, '/');
  const isReused = socket.isSessionReused();
  // By TLS 1.3 tickets come with or after the first answer.
  if (version === 'TLSv1.3' && !isReused && latest === undefined) await tickets(socket);
  const { serialNumber } = socket.getPeerCertificate() as { serialNumber?: string };
  const closed = once(socket, 'close');
  socket.destroy();
  await closed;
  return {
    isReused,
    serverName: answer.slice(answer.indexOf('\r\n\r\n') + 4),
    session: latest,
    serialNumber,
  };
}

/** Waits for a ticket, unless the server makes none. */
async function tickets(socket: TLSSocket): Promise<void> {
  await Promise.race([once(socket, 'session'), http1Get(socket, '/').then(() => http1Get(socket, '/'))]);
}

describe.each(versions)('a session by %s', (version) => {
  it('survives twenty swaps of the certificate', async () => {
    const { port, source, secure } = await serving();
    const { session, isReused } = await visit(port, version);
    expect(isReused).toBe(false);
    for (const pair of pairs.slice(1)) {
      const credential = source.swap(pair);
      const resumed = await visit(port, version, session);
      expect(resumed).toMatchObject({ isReused: true, serverName: 'a.test' });
      expect((await visit(port, version)).serialNumber).toBe(credential.serialNumber);
    }
    expect(secure.metrics()).toContain('tlsmith_sessions_total{kind="resumed"} 20');
  });
  it('is resumed by openssl after a swap', async () => {
    await withTemporaryFolder(async (folder) => {
      const { port, source } = await serving();
      const file = folder.file('session');
      const protocol = version === 'TLSv1.2' ? 'tls1_2' : 'tls1_3';
      const request = { port, host: 'a.test', caPem: ca.rootPem, protocol } as const;
      expect(await sClient({ ...request, sessionOut: file })).toMatchObject({
        isReused: false,
        verifyCode: 0,
      });
      source.swap(pairs[1]!);
      expect(await sClient({ ...request, sessionIn: file })).toMatchObject({ isReused: true });
    });
  });
  it('is resumed in the period after its own, and not in the one after that', async () => {
    const clock = manualClock();
    const { port } = await serving({ clock });
    const { session } = await visit(port, version);
    expect(await visit(port, version, session)).toMatchObject({ isReused: true });
    await clock.advance(PERIOD_MS);
    expect(await visit(port, version, session)).toMatchObject({ isReused: true, serverName: 'a.test' });
    const later = await visit(port, version);
    expect(await visit(port, version, later.session)).toMatchObject({ isReused: true });
    await clock.advance(PERIOD_MS);
    expect(await visit(port, version, session)).toMatchObject({ isReused: false, serverName: 'a.test' });
    expect(await visit(port, version, later.session)).toMatchObject({ isReused: true });
  });
  it('is resumed after a rotation and a swap of the certificate together', async () => {
    const clock = manualClock();
    const { port, source } = await serving({ clock, sessionTickets: { rotateEveryMs: 1_000 } });
    const { session } = await visit(port, version);
    await clock.advance(1_000);
    source.swap(pairs[1]!);
    expect(await visit(port, version, session)).toMatchObject({ isReused: true });
    expect((await visit(port, version)).serialNumber).toBe((await visit(port, version)).serialNumber);
  });
  it('is never resumed with sessionTickets: false', async () => {
    const { port } = await serving({ sessionTickets: false });
    const { session } = await visit(port, version);
    expect(await visit(port, version, session)).toMatchObject({ isReused: false });
    await withTemporaryFolder(async (folder) => {
      const file = folder.file('session');
      const protocol = version === 'TLSv1.2' ? 'tls1_2' : 'tls1_3';
      const request = { port, host: 'a.test', caPem: ca.rootPem, protocol } as const;
      // By TLS 1.3 openssl names sessions nevertheless, which nobody remembers.
      await sClient({ ...request, sessionOut: file });
      const second =
        version === 'TLSv1.2' ? await sClient(request) : await sClient({ ...request, sessionIn: file });
      expect(second).toMatchObject({ isConnected: true, isReused: false });
    });
  });
  it('that is no ticket of ours ends in a full handshake', async () => {
    const one = await serving();
    const other = await serving();
    const { session } = await visit(other.port, version);
    expect(await visit(one.port, version, session)).toMatchObject({ isReused: false, serverName: 'a.test' });
  });
});

describe('thirty swaps under load', () => {
  it('cost neither a handshake nor one of fifty open connections', async () => {
    const { port, source, secure } = await serving();
    const dropped: string[] = [];
    const clients = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const client = keep(await tls(port, { ca: ca.rootPem }));
        client.on('close', () => dropped.push(`connection ${index}`));
        return client;
      }),
    );
    let isDone = false;
    let requests = 0;
    const load = clients.map(async (client) => {
      while (!isDone) {
        expect(await http1Get(client, '/')).toMatch(/a\.test$/);
        requests += 1;
      }
    });
    for (let swap = 1; swap <= 30; swap += 1) {
      const { serialNumber } = source.swap(pairs[swap % pairs.length]!);
      const visits = await Promise.all(versions.map((version) => visit(port, version)));
      expect(visits.map((seen) => seen.serialNumber)).toEqual([serialNumber, serialNumber]);
    }
    isDone = true;
    await Promise.all(load);
    expect(dropped).toEqual([]);
    expect(requests).toBeGreaterThan(50);
    expect(secure.metrics()).toContain('tlsmith_handshakes_total{result="completed"} 110');
    expect(secure.metrics()).not.toContain('result="failed"');
    for (const client of clients) client.removeAllListeners('close');
  });
});
