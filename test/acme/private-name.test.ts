import { describe, expect, it } from '@jest/globals';
import { assertOrderable, privacyOf } from '../../src/acme/private-name.js';

const LETSENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';

const PRIVATE = [
  ...['localhost', 'app.localhost', 'printer.local', 'db.internal', 'intranet', '*.corp', 'nas.home.arpa'],
  ...['1.168.192.in-addr.arpa', 'a.test', 'a.invalid', 'a.example', 'a.lan', 'a.onion'],
  ...['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.4', '127.0.0.1', '169.254.1.1', '100.64.0.1'],
  ...['0.0.0.0', '192.0.2.1', '224.0.0.1', '255.255.255.255'],
  ...['::', '::1', 'fc00::1', 'fd12::1', 'fe80::1', 'ff02::1', '2001:db8::1', '::ffff:10.0.0.1'],
];
const PUBLIC = [
  ...[
    'example.com',
    '*.shop.example.org',
    'local.example.com',
    'localhost.de',
    'test.dev',
    'xn--p1ai.xn--p1ai',
  ],
  ...[
    '1.1.1.1',
    '172.15.0.1',
    '172.32.0.1',
    '11.0.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '2a00::1',
    '3fff:1000::1',
  ],
];

describe('A name', () => {
  it.each(PRIVATE)('such as %s is nobody’s', (name) => {
    expect(privacyOf(name)).toEqual(expect.any(String));
  });

  it.each(PUBLIC)('such as %s may be public', (name) => {
    expect(privacyOf(name)).toBeUndefined();
  });
});

describe('An order', () => {
  it('of a public authority is not made when one of its names is private, and says which, why, and what to do', () => {
    const order = (): void => {
      assertOrderable(['shop.example.com', 'db.internal', '10.0.0.1'], LETSENCRYPT);
    };
    expect(order).toThrow(
      expect.objectContaining({
        code: 'ACME_IDENTIFIER_REJECTED',
        isPermanent: true,
        message: expect.stringMatching(
          /acme-v02\.api\.letsencrypt\.org: db\.internal ends in \.internal, .*; 10\.0\.0\.1 is no address of/,
        ),
        hint: expect.stringContaining('selfSigned()'),
      }),
    );
  });

  it.each([
    'https://acme-staging-v02.api.letsencrypt.org/directory',
    'https://acme.zerossl.com/v2/DV90',
    'https://dv.acme-v02.api.pki.goog/directory',
  ])('of %s neither', (directoryUrl) => {
    expect(() => {
      assertOrderable(['localhost'], directoryUrl);
    }).toThrow('localhost');
  });

  it.each(['https://ca.internal/acme/acme/directory', 'https://step.example.com/acme'])(
    'of an authority that may be private, such as %s, is its own business',
    (directoryUrl) => {
      expect(() => {
        assertOrderable(PRIVATE, directoryUrl);
      }).not.toThrow();
    },
  );
});
