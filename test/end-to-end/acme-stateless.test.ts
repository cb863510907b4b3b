// http-01 answered by the account alone: servers that share nothing but the account's key answer each other's validators.
import { describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { memoryStorage } from '../../src/index.js';
import { keyAuthorization } from '../../src/acme/thumbprint.js';
import type { Pebble } from '../support/pebble.js';
import { acmeServer, type AcmeServing, HOST, nameGenerator } from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { sharedPebble } from './support/shared-pebble.js';

const TOKEN = 'DGyRejmCefe7v4NfDGDKfA';
const keep = closesAfterEach();
const newName = nameGenerator('stateless');
let pebble: Pebble;

sharedPebble((started) => {
  pebble = started;
});

function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** A machine of its own, with its own storage; where validators come if `isReachable`. */
async function machine(name: string, accountKey: string, isReachable: boolean): Promise<AcmeServing> {
  const http = { port: isReachable ? pebble.httpPort : 0, host: HOST };
  const made = acmeServer({
    ...{ pebble, keep, options: { domains: name, accountKey, challenges: ['http-01'] } },
    server: { storage: memoryStorage(), http },
  });
  await made.secure.listen({ port: 0, host: HOST });
  return made;
}

async function asked(port: number, host: string, token = TOKEN): Promise<{ status: number; body: string }> {
  const request = get({
    port,
    host: HOST,
    agent: false,
    path: `/.well-known/acme-challenge/${token}`,
    headers: { host },
  });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode ?? 0, body };
}

describe('Machines with the same account key', () => {
  it('answer each other’s validators without sharing anything else', async () => {
    const [name, accountKey] = [newName(), newKey()];
    const reached = await machine(name, accountKey, true);
    const other = await machine(name, accountKey, false);
    await Promise.all([reached.secure.ready(), other.secure.ready()]);
    expect([...reached.failed, ...other.failed]).toEqual([]);
  });

  it('answer any token for their names, and no other host', async () => {
    const [name, accountKey] = [newName(), newKey()];
    const { secure } = await machine(name, accountKey, true);
    await secure.ready();
    const answer = { status: 200, body: keyAuthorization(TOKEN, accountKey) };
    expect(await asked(pebble.httpPort, name)).toEqual(answer);
    expect(await asked(pebble.httpPort, `${name.toUpperCase()}:80`)).toEqual(answer);
    expect((await asked(pebble.httpPort, 'other.test')).status).toBe(308);
    for (const token of ['short', '..%2f..%2fetc', `${TOKEN}/x`, `${TOKEN}.x`, 'x'.repeat(300)])
      expect((await asked(pebble.httpPort, name, token)).status).toBe(308);
  });

  it('leave the tokens of other hosts to the server they stand in front of', async () => {
    const [name, accountKey] = [newName(), newKey()];
    const { secure } = acmeServer({ pebble, keep, options: { domains: name, accountKey } });
    const own = keep(createServer(secure.requestListener((_request, response) => response.end('own'))));
    own.listen(0, HOST);
    await once(own, 'listening');
    await secure.start();
    const { port } = own.address() as AddressInfo;
    expect(await asked(port, name)).toEqual({ status: 200, body: keyAuthorization(TOKEN, accountKey) });
    expect(await asked(port, 'other.test')).toEqual({ status: 200, body: 'own' });
  });
});

describe('A machine with an account of its own', () => {
  it('answers by it too, and not before there is one', async () => {
    const name = newName();
    const { secure } = acmeServer({
      ...{ pebble, keep, options: { domains: name } },
      server: { http: { port: 0, host: HOST }, storage: memoryStorage() },
    });
    await secure.start();
    const own = keep(createServer(secure.requestListener((_request, response) => response.end('none'))));
    own.listen(0, HOST);
    await once(own, 'listening');
    const { port } = own.address() as AddressInfo;
    expect((await asked(port, name)).body).toBe('none');
    await secure.listen({ port: pebble.tlsPort, host: HOST });
    await secure.ready();
    expect((await asked(port, name)).body).toMatch(new RegExp(`^${TOKEN}\\.[\\w-]{43}$`));
  });
});
