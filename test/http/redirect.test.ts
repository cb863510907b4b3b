import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hostOf, httpsUrlOf } from '../../src/http/redirect.js';

const ON_443 = { port: 443, publicUrl: undefined };

describe('a request over plain HTTP is sent to', () => {
  it.each([
    ['a.test', '/x?y=1', 443, 'https://a.test/x?y=1'],
    ['a.test:80', '/', 443, 'https://a.test/'],
    ['A.Test.', '/', 8443, 'https://a.test:8443/'],
    ['127.0.0.1:8080', '/', 8443, 'https://127.0.0.1:8443/'],
    ['[::1]:8080', '/', 8443, 'https://[::1]:8443/'],
    ['a.test', 'http://b.test:80/x', 443, 'https://b.test/x'],
    ['a.test', '*', 443, 'https://a.test/'],
    ['a.test', 'http://b.test?x', 443, 'https://b.test/?x'],
  ])('Host %s, target %s, TLS port %d: %s', (host, url, port, expected) => {
    expect(httpsUrlOf({ url, headers: { host } }, { port, publicUrl: undefined })).toBe(expected);
  });

  it('the public port, when ports are mapped', () => {
    const location = { port: 8443, publicUrl: new URL('https://public.test:9443') };
    expect(httpsUrlOf({ url: '/', headers: { host: 'a.test' } }, location)).toBe('https://a.test:9443/');
    expect(httpsUrlOf({ url: '/', headers: {} }, location)).toBe('https://public.test:9443/');
    const standard = { port: 8443, publicUrl: new URL('https://public.test') };
    expect(httpsUrlOf({ url: '/', headers: { host: 'a.test' } }, standard)).toBe('https://a.test/');
  });

  it('nowhere when no TLS port is open or the request names no host', () => {
    expect(
      httpsUrlOf({ url: '/', headers: { host: 'a.test' } }, { port: undefined, publicUrl: undefined }),
    ).toBeUndefined();
    expect(httpsUrlOf({ url: '/', headers: {} }, ON_443)).toBeUndefined();
    expect(httpsUrlOf({ url: '/', headers: { host: 'a b' } }, ON_443)).toBeUndefined();
    expect(httpsUrlOf({ url: '/', headers: { host: '' } }, ON_443)).toBeUndefined();
  });

  it('never another host than the one that was asked, whatever the target', () => {
    fc.assert(
      fc.property(fc.string(), (url) => {
        const location = httpsUrlOf({ url: `/${url}`, headers: { host: 'a.test' } }, ON_443);
        expect(location === undefined || location.startsWith('https://a.test/')).toBe(true);
      }),
    );
  });
});

describe('the host of a request', () => {
  it('is normalised, without port', () => {
    expect(hostOf({ url: '/', headers: { host: 'EXAMPLE.test:8080' } })).toBe('example.test');
    expect(hostOf({ headers: { host: '[FD00::0001]' } })).toBe('fd00::1');
    expect(hostOf({ url: '/', headers: { host: 'user@a.test' } })).toBeUndefined();
  });
});
