import { isIP } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  covers,
  normalizeConfiguredName,
  normalizeIpAddress,
  normalizeServerName,
  wildcardOf,
} from '../../src/credential/server-name.js';

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

describe('a server name from a client', () => {
  it.each([
    ['a.test', 'a.test'],
    ['A.Test', 'a.test'],
    ['a.test.', 'a.test'],
    ['localhost', 'localhost'],
    ['my_container', 'my_container'],
    ['xn--4ca.test', 'xn--4ca.test'],
    ['1.test', '1.test'],
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8::0001', '2001:db8::1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:A00:1', '10.0.0.1'],
  ])('%j is %j', (name, normalized) => {
    expect(normalizeServerName(name)).toBe(normalized);
  });

  it.each([
    ['nothing', ''],
    ['a lone dot', '.'],
    ['two trailing dots', 'a.test..'],
    ['an empty label', 'a..test'],
    ['a path', '../../x'],
    ['an absolute path', '/etc/passwd'],
    ['a backslash', 'a\\b.test'],
    ['a leading hyphen', '-x'],
    ['a trailing hyphen', 'x-.test'],
    ['a NUL byte', 'a.test\0.evil.test'],
    ['a line break', 'a.test\nb.test'],
    ['a final line break', 'a.test\n'],
    ['blanks', ' a.test '],
    ['a wildcard', '*.a.test'],
    ['three numbers', '1.2.3'],
    ['a number', '2130706433'],
    ['an octal address', '010.0.0.1'],
    ['a number that is out of range', '256.1.1.1'],
    ['brackets', '[::1]'],
    ['a zone identifier', 'fe80::1%eth0'],
    ['a port', 'a.test:443'],
    ['raw UTF-8', 'ä.test'],
    ['raw latin1', Buffer.from([0xe4, 0x2e, 0x61]).toString('latin1')],
    ['a Kelvin sign that lower-cases to an ASCII k', '\u212Aube.test'],
    ['a label of 64 characters', `${'a'.repeat(64)}.test`],
    ['300 characters', 'a.'.repeat(149) + 'aa'],
    ['a megabyte', 'a'.repeat(1 << 20)],
    ['a property of every object', '__proto__.'.repeat(30)],
  ])('with %s is none', (_, name) => {
    expect(normalizeServerName(name)).toBeUndefined();
  });

  it('may be 253 characters long, with or without its trailing dot', () => {
    const longest = `${'a.'.repeat(126)}a`;
    expect(longest).toHaveLength(253);
    expect(normalizeServerName(`${longest}.`)).toBe(longest);
    expect(normalizeServerName(`${longest}a`)).toBeUndefined();
  });
});

describe('a name that was configured', () => {
  it.each([
    ['*.A.test.', '*.a.test'],
    ['*.test', '*.test'],
    ['Ä.test', 'xn--4ca.test'],
    ['*.ä.test', '*.xn--4ca.test'],
    [' a.test ', 'a.test'],
    ['[::1]', '::1'],
    ['127.0.0.1', '127.0.0.1'],
    ['\u212Aube.test', 'kube.test'],
  ])('%j is %j', (name, normalized) => {
    expect(normalizeConfiguredName(name)).toBe(normalized);
  });

  it.each([
    '',
    '*',
    '*.',
    '*.*.test',
    'a.*.test',
    'a*.test',
    '*.127.0.0.1',
    '*.::1',
    '[a.test]',
    '[127.0.0.1]',
    '[::1',
    'https://a.test',
    'ä.test/path',
    'ä.test:80',
    'ä@b.test',
    'ä\n.test',
    'ä%2e.test',
    'a.test\0',
    'ä.test?x#y',
  ])('%j is none', (name) => {
    expect(normalizeConfiguredName(name)).toBeUndefined();
  });
});

describe('any text at all', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.domain(),
    fc.ipV4Extended(),
    fc.ipV6(),
    fc.stringMatching(/^[*[]?[a-zA-Z0-9_.:%ä/-]{0,40}\]?\.?$/),
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  );

  it('gives a canonical name or nothing', () => {
    fc.assert(
      fc.property(text, (name) => {
        const normalized = normalizeServerName(name);
        return normalized === undefined || isIP(normalized) !== 0 || HOST_NAME.test(normalized);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives the same name again when its canonical name is normalised', () => {
    fc.assert(
      fc.property(text, (name) => {
        const served = normalizeServerName(name);
        const configured = normalizeConfiguredName(name);
        expect(served === undefined ? undefined : normalizeServerName(served)).toBe(served);
        expect(configured === undefined ? undefined : normalizeConfiguredName(configured)).toBe(configured);
        if (served !== undefined) expect(normalizeConfiguredName(served)).toBe(served);
      }),
      { numRuns: 2000 },
    );
  });

  it('is configured as a name of the same grammar, at most with a wildcard before it', () => {
    fc.assert(
      fc.property(text, (name) => {
        const normalized = normalizeConfiguredName(name)?.replace(/^\*\./, '');
        return normalized === undefined || isIP(normalized) !== 0 || HOST_NAME.test(normalized);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('an IP address', () => {
  it('has one text, however it was written', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const canonical = normalizeIpAddress(address)!;
        expect(normalizeIpAddress(canonical)).toBe(canonical);
        expect(normalizeIpAddress(address.toUpperCase())).toBe(canonical);
      }),
    );
  });
});

describe('a wildcard', () => {
  it('covers exactly one level', () => {
    expect(covers(['*.a.test'], 'x.a.test')).toBe(true);
    expect(covers(['*.a.test'], 'a.test')).toBe(false);
    expect(covers(['*.a.test'], 'x.y.a.test')).toBe(false);
    expect(covers(['a.test'], 'a.test')).toBe(true);
  });

  it('is sought neither for a single label nor for an address', () => {
    expect(wildcardOf('a.b.test')).toBe('*.b.test');
    expect(wildcardOf('localhost')).toBeUndefined();
    expect(wildcardOf('127.0.0.1')).toBeUndefined();
    expect(wildcardOf('::1')).toBeUndefined();
    expect(covers(['*.0.0.1'], '127.0.0.1')).toBe(false);
  });
});
