// What an authority answers with, read without trust: anything may stand in it.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { linksIn, parseAuthorization, parseDirectory, parseOrder } from '../../src/acme/resources.js';

const URLS = { newNonce: 'https://ca/n', newAccount: 'https://ca/a', newOrder: 'https://ca/o' };

describe('A directory', () => {
  it('is read with what is optional in it', () => {
    expect(
      parseDirectory({ ...URLS, renewalInfo: 'https://ca/r', meta: { profiles: { classic: 'x' } } }, 'u'),
    ).toEqual({ ...URLS, revokeCert: undefined, renewalInfo: 'https://ca/r', profiles: ['classic'] });
  });

  it('says by which domain CAA records name it, which is a domain and nothing else', () => {
    const named = (caaIdentities: unknown): unknown =>
      parseDirectory({ ...URLS, meta: { caaIdentities } }, 'u').caaIdentity;
    expect(named(['ca.example', 'ca.test'])).toBe('ca.example');
    for (const wrong of [undefined, [], 'ca.example', [7], ['a"; b']]) expect(named(wrong)).toBeUndefined();
  });

  it('with a URL that is not https is refused', () => {
    expect(() => parseDirectory({ ...URLS, newOrder: 'http://ca/o' }, 'u')).toThrow(
      expect.objectContaining({ code: 'ACME_RESPONSE_INVALID' }),
    );
  });
});

describe('An order', () => {
  const order = { status: 'pending', authorizations: ['https://ca/1'], finalize: 'https://ca/f' };

  it('is read', () => {
    expect(parseOrder(order)).toEqual({ ...order, certificate: undefined, error: undefined });
  });

  it.each([
    ['an unknown status', { ...order, status: 'maybe' }],
    ['no finalize URL', { ...order, finalize: undefined }],
    ['authorizations that are none', { ...order, authorizations: 'https://ca/1' }],
    ['an authorization elsewhere', { ...order, authorizations: ['file:///etc/passwd'] }],
    ['nothing', null],
  ])('with %s is refused', (_, value) => {
    expect(() => parseOrder(value)).toThrow(expect.objectContaining({ code: 'ACME_RESPONSE_INVALID' }));
  });
});

describe('An authorization', () => {
  const challenge = { type: 'http-01', url: 'https://ca/c', token: 'abc', status: 'pending' };
  const authorization = {
    identifier: { type: 'dns', value: 'a.test' },
    status: 'pending',
    challenges: [challenge],
  };

  it('leaves out challenges that look otherwise, and tokens that would break a path', () => {
    const challenges = [
      challenge,
      { type: 'dns-persist-01', url: 'https://ca/p' },
      { ...challenge, token: '../../x' },
      { ...challenge, token: '' },
      { ...challenge, url: 'http://ca/c' },
      null,
    ];
    expect(parseAuthorization({ ...authorization, challenges }).challenges).toEqual([
      { ...challenge, error: undefined },
    ]);
  });
});

describe('Whatever is answered', () => {
  it('is read or refused with one code, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        for (const parse of [parseOrder, parseAuthorization, (any: unknown) => parseDirectory(any, 'u')]) {
          try {
            parse(value);
          } catch (error) {
            expect(error).toMatchObject({ code: 'ACME_RESPONSE_INVALID' });
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('Links to alternate chains', () => {
  it('are found among others, in one header or several joined', () => {
    const header =
      '<https://ca/dir>;rel="index", <https://ca/1>;rel="alternate", <https://ca/2>; rel=alternate,<http://ca/3>;rel="alternate"';
    expect(linksIn(header, 'alternate')).toEqual(['https://ca/1', 'https://ca/2']);
    expect(linksIn(undefined, 'alternate')).toEqual([]);
  });
});
