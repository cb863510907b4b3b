import { describe, expect, it } from '@jest/globals';
import type { NameAddresses } from '../../src/acme/name-addresses.js';
import { nameFinding, portFinding } from '../../src/acme/preflight.js';
import type { ListenerAddress, WayIn } from '../../src/sources/certificate-source.js';

const NOTHING: WayIn = { isBehindProxy: false, hasRequestListener: false };
const [ALPN, HTTP] = [['tls-alpn-01'], ['http-01']];

function tls(port?: number, address = '::'): ListenerAddress {
  return { protocol: 'https', address, ...(port === undefined ? {} : { port }) };
}

function http(port: number): ListenerAddress {
  return { protocol: 'http', address: '::', port };
}

describe('The port of a challenge', () => {
  const port = (
    types: readonly string[],
    listeners: readonly ListenerAddress[],
    wayIn: Partial<WayIn> = {},
  ): string | undefined => portFinding(types, { listeners, wayIn: { ...NOTHING, ...wayIn } })?.message;

  it.each([
    [
      'tls-alpn-01 on another port',
      ALPN,
      [tls(8443)],
      {},
      /come to port 443; this server listens .* \[::\]:8443/,
    ],
    ['tls-alpn-01 on loopback alone', ALPN, [tls(443, '127.0.0.1')], {}, /127\.0\.0\.1:443/],
    ['http-01 on another port', HTTP, [tls(443), http(8080)], {}, /come to port 80; .* \[::\]:8080/],
    ['http-01 with no listener for it', HTTP, [tls(443)], {}, /`http: true` opens one/],
    ['both on other ports', [...ALPN, ...HTTP], [tls(8443), http(8080)], {}, /port 443.*port 80/],
    [
      'publicUrl of another port',
      ALPN,
      [tls(8443)],
      { publicUrl: 'https://a.example.com:8443' },
      /publicUrl names port 8443/,
    ],
  ])('is doubted: %s', (_, types, listeners, wayIn, words) => {
    expect(port(types, listeners, wayIn)).toMatch(words);
  });

  it.each([
    ['tls-alpn-01 on its port', ALPN, [tls(443)], {}],
    ['one of two on its port', [...ALPN, ...HTTP], [tls(8443), http(80)], {}],
    ['a publicUrl that says it is forwarded', ALPN, [tls(8443)], { publicUrl: 'https://a.example.com' }],
    ['a proxy in front', ALPN, [tls(8443)], { isBehindProxy: true }],
    ['a unix socket, behind which only a proxy can be', ALPN, [tls()], {}],
    ['a TLS server of the app’s own', ALPN, [], {}],
    ['an HTTP server of the app’s own', HTTP, [tls(443)], { hasRequestListener: true }],
    ['one of two that takes no port', [...ALPN, 'dns-01'], [tls(8443)], {}],
  ])('is not: %s', (_, types, listeners, wayIn) => {
    expect(port(types, listeners, wayIn)).toBeUndefined();
  });
});

describe('A name', () => {
  const [HERE4, HERE6, ELSEWHERE4, ELSEWHERE6] = ['1.1.1.1', '2a00::1', '9.9.9.9', '2a00::9'];
  const addresses = (ipv4?: readonly string[], ipv6?: readonly string[]): NameAddresses => ({ ipv4, ipv6 });
  const doubt = (
    found: NameAddresses,
    {
      own = [],
      listeners = [tls(443)],
      wayIn = {},
    }: { own?: string[]; listeners?: ListenerAddress[]; wayIn?: Partial<WayIn> } = {},
  ): string | undefined =>
    nameFinding('a.example.com', found, { listeners, own, wayIn: { ...NOTHING, ...wayIn } })?.message;

  it.each([
    ['leads nowhere', addresses([], []), {}, /leads to no address/],
    [
      'leads to private addresses',
      addresses(['10.0.0.1'], ['fd00::1']),
      {},
      /10\.0\.0\.1, fd00::1 alone, which is no address of/,
    ],
    [
      'has an A record of another machine',
      addresses([ELSEWHERE4], []),
      { own: [HERE4] },
      /A record 9\.9\.9\.9, and this machine has 1\.1\.1\.1/,
    ],
    [
      'has an AAAA record of another machine',
      addresses([HERE4], [ELSEWHERE6]),
      { own: [HERE4, HERE6] },
      /AAAA record 2a00::9, which authorities prefer, and this machine has 2a00::1/,
    ],
    [
      'has an AAAA record, and the machine has no IPv6',
      addresses([HERE4], [ELSEWHERE6]),
      { own: [HERE4] },
      /AAAA record 2a00::9.* this machine has no such address/,
    ],
    [
      'has an AAAA record, and the server listens for IPv4',
      addresses([HERE4], [HERE6]),
      { own: [HERE4, HERE6], listeners: [tls(443, '0.0.0.0')] },
      /listens for IPv4 only/,
    ],
  ])('is doubted that %s', (_, found, options, words) => {
    expect(doubt(found, options)).toMatch(words);
  });

  it.each([
    ['leads here', addresses([HERE4], [HERE6]), { own: [HERE4, HERE6] }],
    [
      'leads to a router, behind which this machine is',
      addresses([ELSEWHERE4], []),
      { own: ['192.168.1.4', 'fd00::4'] },
    ],
    ['is not known of', addresses(), { own: [HERE4] }],
    ['leads nowhere by one family, and is unknown by the other', addresses([], undefined), {}],
    [
      'leads elsewhere, where a proxy stands',
      addresses([ELSEWHERE4], []),
      { own: [HERE4], wayIn: { isBehindProxy: true } },
    ],
    [
      'leads elsewhere, as publicUrl says',
      addresses([ELSEWHERE4], []),
      { own: [HERE4], wayIn: { publicUrl: 'https://a.example.com' } },
    ],
    ['leads to a public and a private address', addresses(['10.0.0.1', HERE4], []), { own: [HERE4] }],
  ])('is not that %s', (_, found, options) => {
    expect(doubt(found, options)).toBeUndefined();
  });
});
