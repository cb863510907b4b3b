// tls-alpn-01 with a real validator in every way that a server can be set up: behind the router and with tlsOptions, for
// HTTP/1.1 and HTTP/2, by TLS 1.2 and 1.3, for a name and for an address.
import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createSecureServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { Server } from 'node:net';
import { type SecureServer, type SecureServerOptions, selfSigned } from '../../src/index.js';
import type { Pebble } from '../support/pebble.js';
import { acmePage, acmeServer, HOST, nameGenerator } from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { sharedPebble } from './support/shared-pebble.js';

const keep = closesAfterEach();
const newName = nameGenerator('mode');
let pebble: Pebble;

sharedPebble((started) => {
  pebble = started;
});

type Listen = (secure: SecureServer) => Promise<unknown>;

const answer = (_request: unknown, response: { end(text: string): unknown }): void => {
  response.end('page');
};

async function listening(server: Server): Promise<void> {
  keep(server);
  server.listen(pebble.tlsPort, HOST);
  await once(server, 'listening');
}

const routed: Listen = (secure) => secure.listen({ port: pebble.tlsPort, host: HOST });

const modes: readonly (readonly [string, SecureServerOptions, Listen])[] = [
  ['the router, HTTP/1.1', {}, routed],
  ['the router, HTTP/2', { http2: true }, routed],
  [
    'tlsOptions of https',
    {},
    async (secure) => {
      const { tlsOptions } = await secure.start();
      await listening(createHttpsServer(tlsOptions, answer));
    },
  ],
  [
    'tlsOptions of http2',
    {},
    async (secure) => {
      const { tlsOptions } = await secure.start();
      await listening(createHttp2Server({ ...tlsOptions, allowHTTP1: true }, answer));
    },
  ],
];
const versions = ['TLSv1.2', 'TLSv1.3'] as const;

describe.each(modes)('tls-alpn-01 through %s', (_, server, listen) => {
  it.each(versions)('validates a name and an address by %s', async (version) => {
    const name = newName();
    const { secure, failed, seen } = acmeServer({
      ...{ pebble, keep, options: { domains: [name, '127.0.0.1'], challenges: ['tls-alpn-01'] } },
      server: { ...server, minVersion: version, maxVersion: version },
      // Inside a TLS 1.2 handshake node can replace a certificate, but not begin without one.
      behind: [selfSigned()],
    });
    await listen(secure);
    await secure.ready();
    expect(failed).toEqual([]);
    expect(seen).toEqual([]);
    expect(secure.status().certificates).toContainEqual(
      expect.objectContaining({ names: ['127.0.0.1'], source: 'acme', state: 'valid' }),
    );
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, names: `DNS:${name}` });
  });
});
