import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { AddressList } from '../../src/address-list.js';
import { plainListener, type PlainListenerOptions } from '../../src/http/plain-listener.js';
import { createSecureServer, selfSigned } from '../../src/index.js';
import { exchange, portOf } from '../end-to-end/support/connections.js';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** What a listener answers to a request with these headers. */
async function answerTo(headers: string[], options: Partial<PlainListenerOptions> = {}): Promise<string> {
  const server = createServer(
    plainListener({
      action: { type: 'redirect', status: 308 },
      location: () => ({ port: 8443, publicUrl: undefined }),
      keyAuthorizationFor: () => undefined,
      trusted: new AddressList(['127.0.0.1']),
      ...options,
    }),
  ).listen(0, '127.0.0.1');
  closers.push(() => server.close());
  await once(server, 'listening');
  const request = ['GET /page HTTP/1.1', 'host: inner.test:8080', ...headers, 'connection: close', '', ''];
  return (await exchange(portOf(server), request.join('\r\n'))).toString();
}

const behindTls: PlainListenerOptions['behindTls'] = (_request, response) => response.end('the app');

describe('X-Forwarded-* of a trusted proxy', () => {
  it('names the host to redirect to', async () => {
    const answer = await answerTo(['x-forwarded-host: public.test:8080', 'x-forwarded-proto: http']);
    expect(answer).toContain('308');
    expect(answer).toContain('location: https://public.test:8443/page');
  });

  it('names the client’s side first', async () => {
    const answer = await answerTo(['x-forwarded-host: public.test, cdn.test', 'x-forwarded-host: b.test']);
    expect(answer).toContain('location: https://public.test:8443/page');
  });

  it('that came to it over HTTPS is not sent round in circles', async () => {
    for (const protocol of ['https', 'HTTPS', 'https, http', 'wss'])
      expect(await answerTo([`x-forwarded-proto: ${protocol}`], { behindTls })).toContain('the app');
  });

  it('is explained where there is no application to give it to', async () => {
    const answer = await answerTo(['x-forwarded-proto: https']);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('the proxy in front sent plain HTTP');
  });

  it.each(['a b', '../x', 'evil.test/path', 'user@evil.test', '"'])(
    'is passed over when the host is none: %s',
    async (host) => {
      const answer = await answerTo([`x-forwarded-host: ${host}`]);
      expect(answer).toContain('location: https://inner.test:8443/page');
    },
  );

  it('is passed over when it is empty', async () => {
    const answer = await answerTo(['x-forwarded-host: ', 'x-forwarded-proto:'], { behindTls });
    expect(answer).toContain('location: https://inner.test:8443/page');
  });
});

describe('X-Forwarded-* of anybody else', () => {
  it.each([
    ['who is not listed', new AddressList(['192.0.2.1'])],
    ['where nobody is listed', undefined],
  ])('%s is passed over', async (_, trusted) => {
    const headers = ['x-forwarded-host: evil.test', 'x-forwarded-proto: https'];
    const answer = await answerTo(headers, { trusted, behindTls });
    expect(answer).toContain('location: https://inner.test:8443/page');
  });
});

describe('trustProxy', () => {
  it('gives what came over HTTPS to the application, on the companion listener, and nowhere else', async () => {
    const secure = createSecureServer(
      {
        sources: selfSigned({ names: ['inner.test'] }),
        http: { port: 0, host: '127.0.0.1' },
        plainHttp: 'redirect',
        trustProxy: ['127.0.0.1/32'],
        logger: false,
      },
      ({ url }: IncomingMessage, response) => {
        response.end(`app: ${url ?? ''}`);
      },
    );
    closers.push(() => secure.close());
    await secure.listen({ port: 0, host: '127.0.0.1' });
    const companion = secure.status().listeners.find(({ protocol }) => protocol === 'http')?.port ?? 0;
    const request = 'GET /page HTTP/1.0\r\nhost: inner.test\r\nx-forwarded-proto: https\r\n\r\n';
    expect((await exchange(companion, request)).toString()).toContain('app: /page');
    expect((await exchange(portOf(secure.server), request)).toString()).toContain('the proxy in front');
    expect((await exchange(companion, request.replace('proto: https', 'proto: http'))).toString()).toContain(
      `location: https://inner.test:${portOf(secure.server)}/page`,
    );
  });
});
