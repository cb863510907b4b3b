// tls-alpn-01 (RFC 8737) as a validator sees it: exactly the validation certificate for those who offer exactly
// acme-tls/1, and everybody else as ever.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { Server as NetServer } from 'node:net';
import { createServer as createTlsServer, type SecureVersion, type TLSSocket } from 'node:tls';
import {
  createSecureServer,
  type CredentialInput,
  type SecureServer,
  type SecureServerOptions,
} from '../../src/index.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { nodeHttp2, nodeHttps, sClient } from '../support/clients.js';
import { closesAfterEach } from './support/cleanup.js';
import { portOf, tls, untilClosed } from './support/connections.js';
import { swappableSource, type SwappableSource } from './support/pairs.js';
import { acmeIdentifierOf, validationCertificate } from './support/validation-certificate.js';

const ACME = 'acme-tls/1';
const keep = closesAfterEach();
const keyAuthorization = 'token.thumbprint';
const digest = createHash('sha256').update(keyAuthorization).digest();
let ca: TestCa;
let pair: TestPair;
let validations: Record<'ec' | 'rsa', CredentialInput>;

beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: ['a.test'], serialNumber: '4a11' });
  const [ec, rsa] = await Promise.all([
    validationCertificate('a.test', { keyAuthorization, keyType: 'ec' }),
    validationCertificate('a.test', { keyAuthorization, keyType: 'rsa' }),
  ]);
  validations = { ec, rsa };
});

interface Serving {
  readonly secure: SecureServer;
  readonly source: SwappableSource;
  readonly server: NetServer;
  readonly port: number;
  /** What the application has seen: a line for each event. */
  readonly seen: string[];
}

const EVENTS = ['secureConnection', 'session', 'request', 'unknownProtocol', 'stream'];

const answer = (_request: IncomingMessage, response: ServerResponse): void => {
  response.end('page');
};

function watch(server: NetServer): string[] {
  const seen: string[] = [];
  for (const event of EVENTS) server.on(event, () => seen.push(event));
  return seen;
}

/** The router in front of an application of ours. */
async function routed(options: SecureServerOptions): Promise<Serving> {
  const source = swappableSource(pair);
  const secure = keep(createSecureServer({ sources: source, logger: false, ...options }, answer));
  const seen = watch(secure.server);
  await secure.listen({ port: 0, host: '127.0.0.1' });
  return { secure, source, server: secure.server, port: portOf(secure.server), seen };
}

/** A server of the user's own with nothing but `tlsOptions`. */
async function inHandshake(kind: 'https' | 'http2'): Promise<Serving> {
  const source = swappableSource(pair);
  const secure = keep(createSecureServer({ sources: source, logger: false }));
  const { tlsOptions } = await secure.start();
  const server: NetServer =
    kind === 'https'
      ? createHttpsServer(tlsOptions, answer)
      : createHttp2Server({ ...tlsOptions, allowHTTP1: true }, (_request, response) => {
          response.end('page');
        });
  keep(server);
  const seen = watch(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { secure, source, server, port: portOf(server), seen };
}

interface Validation {
  readonly alpn: string | false | null;
  readonly identifier: Buffer | undefined;
  readonly protocol: string | null;
  readonly names: string | undefined;
  readonly received: Buffer;
}

/** What a validator does: shake hands, look at the certificate, close. */
async function validate(port: number, version: SecureVersion, servername = 'a.test'): Promise<Validation> {
  const socket: TLSSocket = await tls(port, {
    servername,
    ALPNProtocols: [ACME],
    minVersion: version,
    maxVersion: version,
    rejectUnauthorized: false,
  });
  const closed = untilClosed(socket);
  const { raw, subjectaltname } = socket.getPeerCertificate();
  const { alpnProtocol: alpn } = socket;
  const protocol = socket.getProtocol();
  socket.end();
  return { alpn, identifier: acmeIdentifierOf(raw), protocol, names: subjectaltname, received: await closed };
}

function open({ source }: Serving, keyType: 'ec' | 'rsa', identifier = 'a.test'): () => void {
  return source.host.answer({ type: 'tls-alpn-01', identifier, credential: validations[keyType] });
}

const versions = ['TLSv1.2', 'TLSv1.3'] as const;
const validated = (protocol: SecureVersion) => ({
  alpn: ACME,
  protocol,
  names: 'DNS:a.test',
  identifier: Buffer.concat([Buffer.from([4, 32]), digest]),
});

const modes: readonly (readonly [string, () => Promise<Serving>])[] = [
  ['the router, HTTP/1.1', () => routed({})],
  ['the router, HTTP/2', () => routed({ http2: true })],
  ['tlsOptions of https', () => inHandshake('https')],
  ['tlsOptions of http2', () => inHandshake('http2')],
];

describe.each(modes)('tls-alpn-01 through %s', (mode, create) => {
  it.each(versions)('shows a validator the validation certificate, by %s', async (version) => {
    const serving = await create();
    open(serving, 'ec');
    expect(await validate(serving.port, version)).toMatchObject(validated(version));
  });
  it('answers openssl as a validator', async () => {
    const serving = await create();
    open(serving, 'ec');
    for (const protocol of ['tls1_2', 'tls1_3'] as const) {
      const { alpn, chain } = await sClient({ port: serving.port, host: 'a.test', alpn: ACME, protocol });
      expect(alpn).toBe(ACME);
      // In the handshake node can replace the certificate only, not the issuers that come with the default one.
      const shown = mode.startsWith('tlsOptions') ? chain.slice(0, 1) : chain;
      expect(shown).toEqual([validations.ec.cert]);
    }
  });
  it('gives clients the usual certificate at the same time', async () => {
    const serving = await create();
    open(serving, 'ec');
    const client = { port: serving.port, host: 'a.test', caPem: ca.rootPem };
    const [page, first, second] = await Promise.all([
      nodeHttps(client),
      validate(serving.port, 'TLSv1.3'),
      validate(serving.port, 'TLSv1.2'),
    ]);
    expect(page).toMatchObject({ status: 200, body: 'page', certificate: { serialNumber: '4A11' } });
    expect([first.alpn, second.alpn]).toEqual([ACME, ACME]);
    if (mode.endsWith('2')) expect(await nodeHttp2(client)).toMatchObject({ status: 200, alpn: 'h2' });
  });
  it('gives a client that offers acme-tls/1 beside others the usual certificate', async () => {
    const serving = await create();
    open(serving, 'ec');
    for (const version of versions) {
      const socket = await tls(serving.port, {
        ...{ ALPNProtocols: [ACME, 'http/1.1'], minVersion: version, maxVersion: version },
        ca: ca.rootPem,
      });
      expect(socket.alpnProtocol).toBe('http/1.1');
      expect(socket.getPeerCertificate().serialNumber).toBe('4A11');
      socket.destroy();
    }
  });
  it.each(versions)('refuses a validator that asks for another identifier, by %s', async (version) => {
    const serving = await create();
    open(serving, 'ec');
    await expect(validate(serving.port, version, 'b.test')).rejects.toThrow();
    await expect(validate(serving.port, version, '')).rejects.toThrow();
  });
  it.each(versions)('refuses a validator after the challenge was taken back, by %s', async (version) => {
    const serving = await create();
    const close = open(serving, 'ec');
    await validate(serving.port, version);
    close();
    await expect(validate(serving.port, version)).rejects.toThrow();
    const client = { port: serving.port, host: 'a.test', caPem: ca.rootPem };
    expect(await nodeHttps(client)).toMatchObject({ status: 200 });
  });
  it('finds the identifier however the validator spells it', async () => {
    const serving = await create();
    open(serving, 'ec');
    expect(await validate(serving.port, 'TLSv1.3', 'A.Test')).toMatchObject({ alpn: ACME });
  });
});

describe.each(modes.slice(0, 2))('tls-alpn-01 through %s', (_, create) => {
  it.each(versions)(
    'is answered with a key of another type than the application has, by %s',
    async (version) => {
      const serving = await create();
      open(serving, 'rsa');
      expect(await validate(serving.port, version)).toMatchObject(validated(version));
    },
  );
  it('is never seen by the application', async () => {
    const serving = await create();
    open(serving, 'ec');
    for (const version of versions) {
      expect((await validate(serving.port, version)).received).toHaveLength(0);
    }
    expect(serving.seen).toEqual([]);
    await nodeHttps({ port: serving.port, host: 'a.test', caPem: ca.rootPem });
    expect(serving.seen).toContain('request');
  });
  it('gives a validator that talks HTTP nothing', async () => {
    const serving = await create();
    open(serving, 'ec');
    const socket = keep(await tls(serving.port, { ALPNProtocols: [ACME], rejectUnauthorized: false }));
    const received = untilClosed(socket);
    socket.write('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n');
    expect(await received).toHaveLength(0);
    expect(serving.seen).toEqual([]);
  });
  it('answers for several identifiers at once, and with the latest of several for one', async () => {
    const serving = await create();
    const other = await validationCertificate('b.test', { keyAuthorization: 'other', keyType: 'ec' });
    open(serving, 'rsa');
    const close = open(serving, 'ec');
    serving.source.host.answer({ type: 'tls-alpn-01', identifier: 'b.test', credential: other });
    const keyOf = async () => {
      const socket = await tls(serving.port, { ALPNProtocols: [ACME], rejectUnauthorized: false });
      const { asn1Curve, bits } = socket.getPeerCertificate();
      socket.destroy();
      return asn1Curve ?? bits;
    };
    expect(await keyOf()).toBe('prime256v1');
    expect(await validate(serving.port, 'TLSv1.3', 'b.test')).toMatchObject({ names: 'DNS:b.test' });
    close();
    expect(await keyOf()).toBe(2048);
  });
  it('is answered for an IP address by its reverse name (RFC 8738)', async () => {
    const serving = await create();
    const identifier = '1.2.0.192.in-addr.arpa';
    open(serving, 'ec', identifier);
    expect(await validate(serving.port, 'TLSv1.3', identifier)).toMatchObject({ alpn: ACME });
  });
  it('refuses a validator with unrecognized_name', async () => {
    const { port } = await create();
    expect(await sClient({ port, host: 'b.test', alpn: ACME })).toMatchObject({
      isConnected: false,
      alert: 112,
    });
  });
});

describe('tls-alpn-01 in front of a raw tls.Server', () => {
  it('is answered, and the server sees no connection', async () => {
    const connections: TLSSocket[] = [];
    const server = keep(
      createTlsServer((socket) => {
        connections.push(socket);
        socket.end('hello');
      }),
    );
    const source = swappableSource(pair);
    keep(createSecureServer({ sources: source, logger: false }, server));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    expect((await untilClosed(await tls(portOf(server), { ca: ca.rootPem }))).toString()).toBe('hello');
    source.host.answer({ type: 'tls-alpn-01', identifier: 'a.test', credential: validations.ec });
    expect(await validate(portOf(server), 'TLSv1.3')).toMatchObject(validated('TLSv1.3'));
    expect(connections).toHaveLength(1);
  });
});
