import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { Listeners, urlsOf } from '../../src/listening/listeners.js';

describe('the URLs of a server', () => {
  const everywhere = { protocol: 'https', address: '::', port: 8443 } as const;

  it('name what the certificates cover when it listens on all addresses', () => {
    expect(urlsOf([everywhere], { names: ['a.test', '*.b.test', '::1'], publicUrl: undefined })).toEqual([
      'https://a.test:8443',
      'https://[::1]:8443',
    ]);
    expect(urlsOf([everywhere], { names: [], publicUrl: undefined })).toEqual(['https://localhost:8443']);
  });

  it('name the address when it listens on one', () => {
    const one = { protocol: 'https', address: '10.0.0.1', port: 443 } as const;
    expect(urlsOf([one], { names: ['a.test'], publicUrl: undefined })).toEqual(['https://10.0.0.1']);
    const loopback = { ...one, address: '127.0.0.1' };
    expect(urlsOf([loopback], { names: ['localhost'], publicUrl: undefined })).toEqual(['https://localhost']);
    expect(urlsOf([loopback], { names: ['localhost', '127.0.0.1'], publicUrl: undefined })).toEqual([
      'https://127.0.0.1',
    ]);
  });

  it('begin with the public one, and leave out plain HTTP', () => {
    const plain = { protocol: 'http', address: '::', port: 80 } as const;
    const publicUrl = new URL('https://public.test/');
    expect(urlsOf([plain, everywhere], { names: ['a.test'], publicUrl })).toEqual([
      'https://public.test',
      'https://a.test:8443',
    ]);
  });

  it('show the path of a unix socket', () => {
    const socket = { protocol: 'https', address: '/run/app.sock' } as const;
    expect(urlsOf([socket], { names: ['a.test'], publicUrl: undefined })).toEqual([
      'https+unix:/run/app.sock',
    ]);
  });
});

describe('the listeners', () => {
  it('tell observers of every opening and closing', async () => {
    const listeners = new Listeners();
    let changes = 0;
    listeners.observe(() => (changes += 1));
    const server = createServer();
    listeners.add(server, 'https');
    expect(listeners.addresses).toEqual([]);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    listeners.add(server, 'https');
    listeners.add(server, 'https');
    expect(listeners.httpsPort).toBeGreaterThan(0);
    expect(changes).toBe(1);
    server.close();
    await once(server, 'close');
    expect(listeners.addresses).toEqual([]);
    expect(changes).toBe(2);
  });
});
