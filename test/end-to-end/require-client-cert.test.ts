// Routes that demand client certificates, beside others that are open: over HTTP/1.1, HTTP/2 and in Express.
import { beforeAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type ClientAuthOptions, createSecureServer, pemPair, requireClientCert } from '../../src/index.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { type ClientAuthority, clientAuthority, type ClientPair } from '../support/client-authority.js';
import { closesAfterEach } from './support/cleanup.js';
import { exchange, http1Get, http2Get, http2Session, portOf, tls } from './support/connections.js';

const keep = closesAfterEach();
let ca: TestCa;
let pair: TestPair;
let [staff, partners, strangers]: ClientAuthority[] = [];

beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: ['a.test'] });
  [staff, partners, strangers] = await Promise.all(
    ['Staff', 'Partners', 'Strangers'].map((name) => clientAuthority(name)),
  );
});

/** `/staff` is for clients of one authority but for one of them, `/known` for everybody who is known, the rest is open. */
function listener(): (request: IncomingMessage, response: ServerResponse) => void {
  const allow: ClientAuthOptions['allow'] = ({ subject }) => {
    if (subject === 'CN=thrower') throw new Error('no such client');
    return subject === 'CN=slow' ? Promise.resolve(true) : subject !== 'CN=former';
  };
  const guards = new Map([
    ['/staff', requireClientCert({ ca: staff!.pem, allow })],
    ['/known', requireClientCert()],
  ]);
  return (request, response) => {
    const page = (): void => void response.end(`page ${request.url ?? ''}`);
    const guard = guards.get(request.url ?? '');
    if (guard === undefined) page();
    else guard(request, response, page);
  };
}

async function serving(
  app: Parameters<typeof createSecureServer>[1],
  http2 = false,
  others: readonly ClientAuthority[] = [],
): Promise<number> {
  const clientAuth = { mode: 'request', ca: [staff!, partners!, ...others].map(({ pem }) => pem) } as const;
  const secure = keep(createSecureServer({ sources: pemPair(pair), logger: false, http2, clientAuth }, app));
  await secure.listen({ port: 0, host: '127.0.0.1' });
  return portOf(secure.server);
}

type Get = (client: Partial<ClientPair>, path: string) => Promise<readonly [status: number, body: string]>;

const overHttp1 =
  (port: number): Get =>
  async (client, path) => {
    const answer = await http1Get(keep(await tls(port, { ca: ca.rootPem, ...client })), path);
    return [Number(answer.slice(9, 12)), answer.slice(answer.indexOf('\r\n\r\n') + 4)];
  };

const overHttp2 =
  (port: number): Get =>
  async (client, path) => {
    const session = keep(await http2Session(port, { ca: ca.rootPem, ...client }));
    const { status, body } = await http2Get(session, path);
    return [status, body];
  };

describe.each(['HTTP/1.1', 'HTTP/2'])('over %s a route that demands a client certificate', (version) => {
  async function getter(...others: ClientAuthority[]): Promise<Get> {
    const isHttp2 = version === 'HTTP/2';
    const port = await serving(listener(), isHttp2, others);
    return (isHttp2 ? overHttp2 : overHttp1)(port);
  }

  it('lets those through that are meant, and tells the others why not', async () => {
    const get = await getter();
    const [ann, pat, eve] = await Promise.all([
      staff!.issue({ name: 'ann' }),
      partners!.issue({ name: 'pat' }),
      strangers!.issue({ name: 'eve' }),
    ]);
    expect(await get(ann, '/staff')).toEqual([200, 'page /staff']);
    expect(await get(pat, '/known')).toEqual([200, 'page /known']);
    expect(await get(pat, '/staff')).toEqual([
      403,
      'The client certificate does not give access to this page.\n',
    ]);
    for (const path of ['/staff', '/known']) {
      expect((await get(eve, path))[0]).toBe(403);
      expect(await get({}, path)).toEqual([
        401,
        'This page needs a client certificate, and none was sent.\n',
      ]);
    }
    for (const client of [ann, pat, eve, {}]) expect((await get(client, '/open'))[0]).toBe(200);
  });

  it('asks allow, and what it throws refuses', async () => {
    const get = await getter();
    for (const [name, status] of [
      ['former', 403],
      ['thrower', 403],
      ['slow', 200],
    ] as const)
      expect((await get(await staff!.issue({ name }), '/staff'))[0]).toBe(status);
  });

  it('is not deceived by another authority of the same name, which the server trusts for other pages', async () => {
    const impostors = await clientAuthority('Staff');
    const get = await getter(impostors);
    const ann = await impostors.issue({ name: 'ann' });
    expect(await get(ann, '/known')).toEqual([200, 'page /known']);
    expect((await get(ann, '/staff'))[0]).toBe(403);
  });
});

describe('requireClientCert', () => {
  it('is middleware of Express for the routes below a path', async () => {
    const app = express();
    app.use('/admin', requireClientCert({ ca: Buffer.from(staff!.pem) }));
    app.get('/*any', (request, response) => void response.end(`page ${request.originalUrl}`));
    const get = overHttp1(await serving(app));
    expect((await get({}, '/admin/x'))[0]).toBe(401);
    expect((await get(await partners!.issue({ name: 'pat' }), '/admin/x'))[0]).toBe(403);
    expect(await get(await staff!.issue({ name: 'ann' }), '/admin/x')).toEqual([200, 'page /admin/x']);
    expect((await get({}, '/x'))[0]).toBe(200);
  });

  it('knows a client that resumes its session', async () => {
    const port = await serving(listener());
    const client = { ...(await staff!.issue({ name: 'ann' })), ca: ca.rootPem };
    const first = keep(await tls(port, client));
    let session: Buffer | undefined;
    first.on('session', (latest: Buffer) => (session = latest));
    expect(await http1Get(first, '/staff')).toContain('page /staff');
    const again = keep(await tls(port, { ...client, session }));
    expect(again.isSessionReused()).toBe(true);
    expect(await http1Get(again, '/staff')).toContain('page /staff');
  });

  it('answers 403 over plain HTTP', async () => {
    const server = createServer((request, response) => {
      requireClientCert()(request, response, () => void response.end('page'));
    });
    keep(server).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const answer = (await exchange(portOf(server), 'GET / HTTP/1.0\r\n\r\n')).toString();
    expect(answer).toMatch(/^HTTP\/1.1 403 [^]*HTTPS only/);
    expect(answer).not.toContain('page\n\n');
  });

  it('is not made of what is no certificate, or no function', () => {
    expect(() => requireClientCert({ ca: 'nonsense' })).toThrow(/requireClientCert/);
    expect(() => requireClientCert({ allow: true as never })).toThrow(TypeError);
  });
});
