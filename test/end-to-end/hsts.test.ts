// Strict-Transport-Security: on what browsers may trust, and on nothing else.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import express from 'express';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer as createHttp2Server } from 'node:http2';
import {
  type AttachableServer,
  createSecureServer,
  type RequestHandler,
  type SecureServer,
  type SecureServerOptions,
} from '../../src/index.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { nodeHttp2, nodeHttps } from '../support/clients.js';
import { closesAfterEach } from './support/cleanup.js';
import { exchange, http2Session, portOf, tls, untilClosed } from './support/connections.js';

const keep = closesAfterEach();
const loopback = { port: 0, host: '127.0.0.1' };
const HEADER = 'strict-transport-security';
const app: RequestHandler = (_request, response) => {
  response.end('page');
};
let ca: TestCa;
let pair: TestPair;

beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: ['a.test', '127.0.0.1'] });
});

async function serving(
  options: SecureServerOptions,
  handler: RequestHandler | AttachableServer = app,
): Promise<SecureServer> {
  const sources = () => Promise.resolve(pair);
  return keep(createSecureServer({ sources, logger: false, ...options }, handler)).listen(loopback);
}

/** The header that a client gets with the page; undefined = none. */
async function headerOf(secure: SecureServer, host = 'a.test', caPem = ca.rootPem): Promise<unknown> {
  const { status, headers } = await nodeHttps({ port: portOf(secure.server), host, caPem });
  expect(status).toBe(200);
  return headers[HEADER];
}

describe('hsts', () => {
  it.each([
    [{}, 'max-age=86400'],
    [{ maxAge: 0 }, 'max-age=0'],
    [{ maxAge: 300, includeSubDomains: true }, 'max-age=300; includeSubDomains'],
    [
      { maxAge: 31_536_000, includeSubDomains: true, preload: true },
      'max-age=31536000; includeSubDomains; preload',
    ],
  ])('%j says %s', async (hsts, value) => {
    expect(await headerOf(await serving({ hsts }))).toBe(value);
  });

  it('is off by default', async () => {
    expect(await headerOf(await serving({}))).toBeUndefined();
  });

  it('says so over HTTP/2', async () => {
    const secure = await serving({ hsts: {}, http2: true });
    const target = { port: portOf(secure.server), host: 'a.test', caPem: ca.rootPem };
    expect((await nodeHttp2(target)).headers[HEADER]).toBe('max-age=86400');
    expect((await nodeHttps(target)).headers[HEADER]).toBe('max-age=86400');
  });

  it.each<[string, RequestHandler]>([
    [
      'setHeader',
      (_request, response) => {
        response.setHeader('Strict-Transport-Security', 'max-age=7');
        response.end();
      },
    ],
    [
      'writeHead',
      (_request, response) => {
        response.writeHead(200, { 'Strict-Transport-Security': 'max-age=7' }).end();
      },
    ],
    [
      'writeHead with a list',
      (_request, response) => {
        response.writeHead(200, ['Strict-Transport-Security', 'max-age=7']).end();
      },
    ],
    [
      'Express',
      express().get('/', (_request, response) => {
        response.set('Strict-Transport-Security', 'max-age=7').send('page');
      }),
    ],
  ])('leaves the header of the application alone: %s', async (_, handler) => {
    expect(await headerOf(await serving({ hsts: {} }, handler))).toBe('max-age=7');
  });

  it('can be taken back by the application', async () => {
    const handler: RequestHandler = (_request, response) => {
      response.removeHeader(HEADER);
      response.end();
    };
    expect(await headerOf(await serving({ hsts: {} }, handler))).toBeUndefined();
  });

  it('leaves the header of a listener before it alone, and an answer that has begun', async () => {
    const server = createServer(app);
    const secure = await serving({ hsts: {} }, server);
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
      response.setHeader(HEADER, 'max-age=7');
      if (request.url === '/early') response.flushHeaders();
    });
    expect(await headerOf(secure)).toBe('max-age=7');
    const target = { port: portOf(server), host: 'a.test', caPem: ca.rootPem };
    expect((await nodeHttps({ ...target, path: '/early' })).headers[HEADER]).toBe('max-age=7');
  });

  it.each([
    ['by its address', '127.0.0.1', {}],
    ['by its address over HTTP/2', '127.0.0.1', { http2: true }],
  ])('is not sent to who asks for the server %s', async (_, host, options) => {
    expect(await headerOf(await serving({ hsts: {}, ...options }), host)).toBeUndefined();
  });

  it('is not sent with a self-signed certificate', async () => {
    pair = await ca.issue({ names: ['a.test'], issuer: 'self' });
    const secure = await serving({ hsts: {} });
    expect(await headerOf(secure, 'a.test', pair.cert)).toBeUndefined();
    pair = await ca.issue({ names: ['a.test', '127.0.0.1'] });
  });

  it.each(['(STAGING) Riddling Rhubarb', 'Fake LE Intermediate'])(
    'is not sent with a certificate of a test authority: %s',
    async (name) => {
      const staging = await testCa({ name });
      pair = await staging.issue({ names: ['a.test'] });
      const secure = await serving({ hsts: {} });
      expect(await headerOf(secure, 'a.test', staging.rootPem)).toBeUndefined();
      pair = await ca.issue({ names: ['a.test', '127.0.0.1'] });
    },
  );

  it('is not sent on plain HTTP, neither by the redirect nor by the application', async () => {
    for (const redirect of [308, false] as const) {
      const secure = await serving({ hsts: {}, http: { port: 0, redirect }, plainHttp: 'redirect' });
      const companion = secure.status().listeners.find(({ protocol }) => protocol === 'http')?.port ?? 0;
      for (const port of [companion, portOf(secure.server)]) {
        const answer = await exchange(port, 'GET / HTTP/1.0\r\nhost: a.test\r\n\r\n');
        expect(answer.toString()).toMatch(/^HTTP\/1\.1 (200|308)/);
        expect(answer.toString().toLowerCase()).not.toContain(HEADER);
      }
    }
  });

  it('is sent when a client asks for the consent to go on', async () => {
    const server = createServer().on('checkContinue', (_request, response: ServerResponse) => {
      response.end('no need');
    });
    const secure = await serving({ hsts: {} }, server);
    const client = keep(await tls(portOf(secure.server), { ca: ca.rootPem }));
    client.write('PUT / HTTP/1.1\r\nhost: a.test\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n');
    expect((await untilClosed(client)).toString()).toContain(HEADER);
  });

  it('leaves an http2 server alone that works with streams', async () => {
    const server = createHttp2Server();
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('stream');
    });
    const secure = await serving({ hsts: {} }, server);
    expect(server.listenerCount('request')).toBe(0);
    const session = keep(
      await http2Session(portOf(secure.server), { ca: ca.rootPem, ALPNProtocols: ['h2'] }),
    );
    const stream = session.request({ ':path': '/' });
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    expect(headers[HEADER]).toBeUndefined();
    stream.resume();
    await once(stream, 'close');
  });
});
