import { describe, expect, it } from '@jest/globals';
import { isServerLike, nameOfStem, roleOf } from '../../../src/sources/directory/file-roles.js';
import { isPart, pairsIn } from '../../../src/sources/directory/layouts.js';

/** Each pair as `certificate + key`, with `?` where it may as well be none. */
function pairs(names: string[], folderName?: string, isLinked = false): string[] {
  const fileNames = names.filter(isPart);
  return pairsIn({ fileNames, folderName, isLinked }).map(
    ({ stem, cert, key, chain, isOptional }) =>
      `${stem}: ${[cert, key ?? '-', ...(chain === undefined ? [] : [chain])].join(' + ')}${isOptional ? ' ?' : ''}`,
  );
}

describe('the layout of a folder', () => {
  it.each<[string, string[], string[]]>([
    ['.crt with .key', ['a.test.crt', 'a.test.key'], ['a.test: a.test.crt + a.test.key']],
    ['.cer with .key', ['a.test.cer', 'a.test.key'], ['a.test: a.test.cer + a.test.key']],
    ['.cert with .key', ['a.test.cert', 'a.test.key'], ['a.test: a.test.cert + a.test.key']],
    ['.pem with .key', ['a.test.pem', 'a.test.key'], ['a.test: a.test.pem + a.test.key']],
    ['mkcert', ['a.test+5.pem', 'a.test+5-key.pem'], ['a.test+5: a.test+5.pem + a.test+5-key.pem']],
    ['-cert.pem with -key.pem', ['a-cert.pem', 'a-key.pem'], ['a: a-cert.pem + a-key.pem']],
    ['one combined file', ['a.test.pem'], ['a.test: a.test.pem + -']],
    ['haproxy with a key file', ['a.test.pem', 'a.test.pem.key'], ['a.test: a.test.pem + a.test.pem.key']],
    [
      'a chain beside',
      ['a.test.crt', 'a.test.chain.crt', 'a.test.key'],
      ['a.test: a.test.crt + a.test.key + a.test.chain.crt'],
    ],
    [
      'a further .pem of the same stem',
      ['a.test.crt', 'a.test.key', 'a.test.pem'],
      ['a.test: a.test.crt + a.test.key', 'a.test: a.test.pem + - ?'],
    ],
  ])('is known: %s', (_, fileNames, expected) => {
    expect(pairs(fileNames)).toEqual(expected);
  });

  it('of certbot is known with and without a full chain', () => {
    const files = ['README', 'cert.pem', 'chain.pem', 'fullchain.pem', 'privkey.pem'];
    expect(pairs(files, 'a.test')).toEqual(['a.test: fullchain.pem + privkey.pem']);
    expect(pairs(['cert.pem', 'chain.pem', 'privkey.pem'], 'a.test')).toEqual([
      'a.test: cert.pem + privkey.pem + chain.pem',
    ]);
  });

  it('of Kubernetes is known, its authority left out', () => {
    expect(pairs(['ca.crt', 'tls.crt', 'tls.key'], 'a.test')).toEqual(['a.test: tls.crt + tls.key']);
    expect(pairs(['ca.crt', 'tls.crt', 'tls.key'])).toEqual(['tls: tls.crt + tls.key']);
  });

  it('of acme.sh takes the full chain for the leaf', () => {
    expect(
      pairs(
        ['a.test.cer', 'a.test.conf', 'a.test.csr', 'a.test.key', 'ca.cer', 'fullchain.cer'],
        'a.test_ecc',
      ),
    ).toEqual(['a.test_ecc: fullchain.cer + a.test.key']);
  });

  it('keeps halves that are called after a server, and that a person wants to hear of', () => {
    expect(pairs(['a.test.crt'])).toEqual(['a.test: a.test.crt + -']);
    expect(pairs(['a.test.key'])).toEqual(['a.test: a.test.crt + a.test.key']);
    expect(pairs(['a.test-key.pem'])).toEqual(['a.test: a.test.pem + a.test-key.pem']);
    expect(pairs(['fullchain.pem'], 'a.test')).toEqual(['a.test: fullchain.pem + privkey.pem']);
    expect(pairs(['tls.key'])).toEqual(['tls: tls.crt + tls.key']);
  });

  it('passes over a key whose certificate is being asked for, and keys called after nobody', () => {
    expect(pairs(['a.test.key', 'a.test.csr', 'account.key', 'privkey.pem'])).toEqual([]);
  });

  it('passes over everything else', () => {
    const others = [
      ...['README', 'README.md', '.a.test.crt', '..data', '..2024_05_01', 'a.test.csr', 'ca.crt', 'ca.key'],
      ...['rootCA.pem', 'rootCA-key.pem', 'dhparam.pem', 'ssl-dhparams.pem', 'chain.pem', 'a.test.crt~'],
      ...[
        '.a.test.key.swp',
        'a.test.crt.tmp',
        '#a.test.crt#',
        'a.test.crt.bak',
        'crl.pem',
        'intermediate.crt',
      ],
    ];
    expect(others.filter((name) => roleOf(name) !== undefined && roleOf(name)?.kind !== 'request')).toEqual(
      [],
    );
    expect(pairs(others)).toEqual([]);
  });

  it('of a linked folder is taken only where certbot or Kubernetes made it', () => {
    expect(pairs(['a.test.crt', 'a.test.key'], 'a.test', true)).toEqual([]);
    expect(pairs(['tls.crt', 'tls.key', 'x.pem'], 'a.test', true)).toEqual(['a.test: tls.crt + tls.key']);
  });
});

describe('the name that a file is called after', () => {
  it.each([
    ['a.test', 'a.test'],
    ['A.TEST', 'a.test'],
    ['a.test+5', 'a.test'],
    ['a.test-0001', 'a.test'],
    ['_wildcard.a.test', '*.a.test'],
    ['_wildcard.a.test+1', '*.a.test'],
    ['wildcard_.a.test', '*.a.test'],
    ['*.a.test', '*.a.test'],
    ['_.a.test', '*.a.test'],
    ['127.0.0.1', '127.0.0.1'],
    ['default', 'default'],
    ['a b', undefined],
    ['..', undefined],
  ])('%s: %s', (stem, name) => {
    expect(nameOfStem(stem)).toBe(name);
  });

  it('means a server when it is dotted, an address or localhost', () => {
    expect(['a.test', '::1', 'localhost'].every(isServerLike)).toBe(true);
    expect(['server', undefined].some(isServerLike)).toBe(false);
  });
});
