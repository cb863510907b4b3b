// In-handshake mode with the servers that it is made for: what each negotiates, and which clients it takes.
import { once } from 'node:events';
import { createSecureServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createSecureContext, createServer, type Server, type TlsOptions, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Credential } from '../../src/credential/credential.js';
import { createCredential } from '../../src/credential/credential.js';
import { Challenges } from '../../src/handshake/challenges.js';
import { TicketKeys } from '../../src/handshake/ticket-keys.js';
import { inHandshakeOptions } from '../../src/handshake/tls-options.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { manualClock } from '../support/manual-clock.js';
import { handshake, SETTINGS } from './support/routed-server.js';
import { credentialFor } from './support/sources.js';

const NO_APPLICATION_PROTOCOL = { code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' };
const opened: Server[] = [];
let credential: Credential;
let second: Credential;

beforeAll(async () => {
  credential = await credentialFor('a.test');
  second = await credentialFor('b.test');
});

afterEach(() => {
  for (const server of opened.splice(0)) server.close();
});

describe('with the options from tlsOptions', () => {
  it('an https server speaks HTTP/1.1', async () => {
    const port = await listening((options) => createHttpsServer(options));
    expect(await negotiated(port, ['h2', 'http/1.1'])).toBe('http/1.1');
    await expect(negotiated(port, ['h2'])).rejects.toMatchObject(NO_APPLICATION_PROTOCOL);
  });

  it('an http2 server with allowHTTP1 speaks both, HTTP/2 first', async () => {
    const port = await listening((options) => createHttp2Server({ ...options, allowHTTP1: true }));
    expect(await negotiated(port, ['http/1.1', 'h2'])).toBe('h2');
    expect(await negotiated(port, ['http/1.1'])).toBe('http/1.1');
  });

  it('an http2 server without allowHTTP1 never says that it speaks HTTP/1.1', async () => {
    const port = await listening((options) => createHttp2Server(options));
    expect(await negotiated(port, ['http/1.1', 'h2'])).toBe('h2');
    await expect(negotiated(port, ['http/1.1'])).rejects.toMatchObject(NO_APPLICATION_PROTOCOL);
  });

  it('a bare TLS server serves clients that offer no protocol, or HTTP/1.1', async () => {
    const port = await listening((options) => createServer(options));
    expect((await handshake(port, { servername: 'a.test' })).protocol).toBe(false);
    expect(await negotiated(port, ['http/1.1'])).toBe('http/1.1');
  });

  // node makes a fatal alert of every answer of an ALPNCallback that names no protocol.
  it('a bare TLS server serves a protocol of its own once it names it, instead of the callback', async () => {
    const refusing = await listening((options) => createServer(options));
    await expect(negotiated(refusing, ['mqtt'])).rejects.toMatchObject(NO_APPLICATION_PROTOCOL);
    const named = await listening((options) =>
      createServer({ ...options, ALPNCallback: undefined, ALPNProtocols: ['mqtt'] } as TlsOptions),
    );
    expect(await negotiated(named, ['mqtt'])).toBe('mqtt');
    const silent = await listening((options) =>
      createServer({ ...options, ALPNCallback: undefined } as TlsOptions),
    );
    expect(await negotiated(silent, ['mqtt'])).toBe(false);
  });
});

describe('a server that asks for client certificates with the options from tlsOptions', () => {
  let clientCa: TestCa;
  let trusted: TestPair;
  let stranger: TestPair;

  beforeAll(async () => {
    clientCa = await testCa({ name: 'clients' });
    trusted = await clientCa.issue({ names: ['client.test'], purposes: [] });
    stranger = await (await testCa({ name: 'strangers' })).issue({ names: ['client.test'], purposes: [] });
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'checks them against its own ca, SNI or not, over %s',
    async (maxVersion) => {
      const seen: boolean[] = [];
      const port = await listening((options) => demanding(options, clientCa.rootPem, seen));
      for (const name of [{ servername: 'a.test' }, { servername: 'unknown.test' }, {}]) {
        await handshake(port, { ...name, maxVersion, cert: trusted.cert, key: trusted.key });
        await handshake(port, { ...name, maxVersion, cert: stranger.cert, key: stranger.key });
      }
      await settled(() => seen.length === 6);
      expect(seen).toEqual([true, false, true, false, true, false]);
    },
  );

  it('shows everybody the default certificate for it', async () => {
    const port = await listening((options) => demanding(options, clientCa.rootPem, []));
    expect((await handshake(port, { servername: 'b.test' })).fingerprint256).toBe(credential.fingerprint256);
    const usual = await listening((options) => createServer(options));
    expect((await handshake(usual, { servername: 'b.test' })).fingerprint256).toBe(second.fingerprint256);
  });

  it('still answers a validator', async () => {
    const challenges = new Challenges();
    const pair = await (await testCa({ name: 'challenge' })).issue({ names: ['a.test'], issuer: 'self' });
    challenges.add({ type: 'tls-alpn-01', identifier: 'a.test', credential: pair });
    const port = await listening((options) => demanding(options, clientCa.rootPem, []), challenges);
    const seen = await handshake(port, { servername: 'a.test', ALPNProtocols: ['acme-tls/1'] });
    expect(seen).toMatchObject({
      fingerprint256: createCredential(pair).fingerprint256,
      protocol: 'acme-tls/1',
    });
  });
});

describe('a server that asks for client certificates and a challenge that is open in another process', () => {
  it('does not meet: its context is the only one', async () => {
    const challenges = new Challenges();
    const pair = await (await testCa({ name: 'challenge' })).issue({ names: ['a.test'], issuer: 'self' });
    challenges.addLookup(() =>
      Promise.resolve({ type: 'tls-alpn-01', identifier: 'a.test', credential: pair }),
    );
    const { rootPem } = await testCa({ name: 'clients' });
    const port = await listening((options) => demanding(options, rootPem, []), challenges);
    await expect(negotiated(port, ['acme-tls/1'])).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});

function demanding(options: TlsOptions, ca: string, seen: boolean[]): Server {
  const server = createServer({ ...options, requestCert: true, rejectUnauthorized: false, ca });
  return server.on('secureConnection', (socket: TLSSocket) => seen.push(socket.authorized));
}

async function negotiated(port: number, protocols: string[]): Promise<unknown> {
  return (await handshake(port, { servername: 'a.test', ALPNProtocols: protocols })).protocol;
}

async function settled(isSettled: () => boolean): Promise<void> {
  while (!isSettled()) await new Promise((resolve) => setImmediate(resolve));
}

async function listening(
  create: (options: TlsOptions) => Server,
  challenges = new Challenges(),
): Promise<number> {
  const contextOf = ({ cert, key }: Credential) => createSecureContext({ cert, key });
  const server = create(
    inHandshakeOptions({
      settings: SETTINGS,
      ticketKeys: new TicketKeys(manualClock(), 1_000),
      sessionIdContext: 'test',
      challenges,
      resolve: (serverName) =>
        Promise.resolve(
          serverName === 'unknown.test'
            ? undefined
            : contextOf(serverName === 'b.test' ? second : credential),
        ),
      contextOf,
      defaultCredential: credential,
      refusesUnknownNames: false,
    }),
  );
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => undefined);
    socket.end();
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.push(server);
  return (server.address() as AddressInfo).port;
}
