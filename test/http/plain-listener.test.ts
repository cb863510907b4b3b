import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type PlainAction, plainListener } from '../../src/http/plain-listener.js';
import type { HttpsLocation } from '../../src/http/redirect.js';
import { createSecureServer } from '../../src/index.js';
import { selfSigned } from '../../src/index.js';

const REDIRECT: PlainAction = { type: 'redirect', status: 308 };
const ON_8443 = { port: 8443, publicUrl: undefined };
const NOWHERE = { port: undefined, publicUrl: undefined };
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

describe('a plain HTTP request', () => {
  it('is redirected to the host it named, on the port of HTTPS', async () => {
    const answer = await answerTo('host: a.test:8080', { action: REDIRECT, location: ON_8443 });
    expect(answer).toMatch(/^HTTP\/1\.1 308 /);
    expect(answer).toContain('location: https://a.test:8443/page');
  });

  it('keeps its host when `publicUrl` has another, and takes the port from there', async () => {
    const location = { port: 8443, publicUrl: new URL('https://public.test') };
    const answer = await answerTo('host: a.test:8080', { action: REDIRECT, location });
    expect(answer).toContain('location: https://a.test/page');
  });

  it('is explained with the URL to use', async () => {
    const answer = await answerTo('host: a.test', { action: { type: 'explain' }, location: ON_8443 });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('Use https://a.test:8443/page');
  });

  it('that names no host is told so', async () => {
    for (const host of ['host: a b', 'host:']) {
      const answer = await answerTo(host, { action: REDIRECT, location: ON_8443 });
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer).toContain('names no host');
    }
  });

  it.each<readonly [string, PlainAction]>([
    ['redirected', REDIRECT],
    ['explained', { type: 'explain' }],
  ])('that would be %s where no HTTPS port is known learns that, and what to set', async (_, action) => {
    const answer = await answerTo('host: a.test', { action, location: NOWHERE });
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toContain('publicUrl');
    expect(answer).not.toContain('names no host');
  });
});

describe('requestListener beside tlsOptions', () => {
  it('redirects to the port of `publicUrl`, and without one says what is missing', async () => {
    const sources = selfSigned({ names: ['a.test'] });
    const known = await createSecureServer({
      sources,
      publicUrl: 'https://b.test:9443',
      logger: false,
    }).start();
    closers.push(() => known.close());
    expect(await exchangeWith(known.requestListener(), 'host: a.test')).toContain(
      'location: https://a.test:9443/page',
    );
    const unknown = createSecureServer({ sources: selfSigned({ names: ['a.test'] }), logger: false });
    expect(await exchangeWith(unknown.requestListener(), 'host: a.test')).toMatch(
      /^HTTP\/1\.1 503 [^]*publicUrl/,
    );
  });
});

function answerTo(
  hostLine: string,
  { action, location }: { action: PlainAction; location: HttpsLocation },
): Promise<string> {
  const options = { action, location: () => location, keyAuthorizationFor: () => undefined };
  return exchangeWith(plainListener(options), hostLine);
}

async function exchangeWith(
  listener: (request: IncomingMessage, response: ServerResponse) => void,
  hostLine: string,
): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  closers.push(() => server.close());
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.end(`GET /page HTTP/1.1\r\n${hostLine}\r\nconnection: close\r\n\r\n`);
  return text(socket);
}
