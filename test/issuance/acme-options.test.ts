// The options of acme(): what is accepted, what it becomes, and what is refused by name.
import { describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { acme, type AcmeOptions, dns01, type DnsSolver } from '../../src/index.js';
import { parseAcmeOptions } from '../../src/issuance/acme-options.js';

const dns = dns01({ present: () => undefined, cleanUp: () => undefined });
const agreed = { termsOfServiceAgreed: true } as const;

describe('Domains', () => {
  it.each<[string, unknown, readonly (readonly string[])[]]>([
    ['one name', 'a.test', [['a.test']]],
    ['a list in a string', 'a.test, b.test,,B.TEST.', [['a.test'], ['b.test'], ['b.test']]],
    ['an array', ['a.test', 'b.test'], [['a.test'], ['b.test']]],
    ['one certificate for several', [['a.test', 'b.test'], 'c.test'], [['a.test', 'b.test'], ['c.test']]],
    ['names of other scripts', 'München.test', [['xn--mnchen-3ya.test']]],
    ['addresses', ['192.0.2.1', '[2001:DB8::1]'], [['192.0.2.1'], ['2001:db8::1']]],
    ['nothing yet', [], []],
  ])('may be %s', (_, domains, expected) => {
    expect(parseAcmeOptions({ ...agreed, domains: domains as string }).domains).toEqual(expected);
  });

  it.each([
    ['a b.test', '"a b.test"'],
    ['https://a.test', '"https://a.test"'],
    ['*.a.test', 'wildcard'],
    ['', '`domains`'],
    [undefined, '`domains`'],
    [null, '`domains`'],
    [[7], '7'],
    [[[]], '`domains`'],
  ])('are refused as %j, which is named', (domains, named) => {
    expect(() => acme({ ...agreed, domains: domains as string })).toThrow(TypeError);
    expect(() => acme({ ...agreed, domains: domains as string })).toThrow(named);
  });
});

describe('acme() refuses', () => {
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

  it.each<[string, object]>([
    ['termsOfServiceAgreed', { termsOfServiceAgreed: false }],
    ['termsOfServiceAgreed', { termsOfServiceAgreed: undefined }],
    ['directoryUrl', { directoryUrl: 'http://ca.test/dir' }],
    ['directoryUrl', { directoryUrl: 'buypass' }],
    ['email', { email: 'mailto:a@b.test' }],
    ['email', { email: 'a@b.test, c@d.test' }],
    ['challenges', { challenges: [] }],
    ['challenges', { challenges: ['dns-01'] }],
    ['challenges', { challenges: 'http-01' }],
    ['keyType', { keyType: 'ed25519' }],
    ['externalAccountBinding', { externalAccountBinding: { kid: 'x' } }],
    ['externalAccountBinding', { externalAccountBinding: null }],
    ['accountKey', { accountKey: 'no key' }],
    ['accountKey', { accountKey: key }],
    ['lifetimeMs', { lifetimeMs: 1_000 }],
    ['waitMs', { waitMs: -1 }],
    ['agent', { agent: {} }],
    ['storage', { storage: {} }],
    ['serverCaFile', { serverCaFile: '' }],
    ['renewal.fractionLeft', { renewal: { fractionLeft: 1 } }],
    ['renewal.fraction', { renewal: { fraction: 0.5 } }],
    ['domain', { domain: 'a.test' }],
    ['present', { challenges: [{ type: 'dns-01' }] }],
    ['challenges', { challenges: [dns, dns] }],
    ['profile', { profile: '' }],
    ['profile', { profile: null }],
    ['profile', { profile: { prefer: 'a', require: 'b' } }],
    ['profile', { profile: { require: 7 } }],
    ['profile', { profile: { wanted: 'a' } }],
    ['onDemand', { onDemand: true }],
    ['fallback', { fallback: {} }],
    ['fallback', { fallback: acme({ domains: [], termsOfServiceAgreed: true }) }],
    [
      'fallback',
      {
        fallback: acme({
          ...{ domains: [], termsOfServiceAgreed: true, directoryUrl: 'zerossl' },
          exportTo: { keyFile: '/{name}.pem' },
        }),
      },
    ],
    [
      'fallback',
      {
        fallback: acme({
          ...{ domains: [], termsOfServiceAgreed: true, directoryUrl: 'letsencrypt-staging' },
        }),
      },
    ],
    ['allow', { onDemand: { allow: 'all' } }],
    ['allow', { onDemand: {} }],
    ['onDemand.max', { onDemand: { allow: () => true, max: 1 } }],
    ['onDemand.ordersPerName', { onDemand: { allow: () => true, ordersPerName: 0 } }],
    ['onDemand.namesPerDomain', { onDemand: { allow: () => true, namesPerDomain: 1.5 } }],
    ['exportTo', { exportTo: {} }],
    ['exportTo.certFile', { domains: 'a.test, b.test', exportTo: { certFile: '/a.pem' } }],
    ['exportTo.keyFile', { domains: [], exportTo: { keyFile: '/a.pem' } }],
    ['exportTo.mode', { exportTo: { keyFile: '/a.pem', mode: 0o644 } }],
    ['domains', { domains: undefined }],
  ])('a wrong `%s`: %j', (option, wrong) => {
    const options = { ...agreed, domains: 'a.test', ...wrong } as AcmeOptions;
    expect(() => acme(options)).toThrow(TypeError);
    expect(() => acme(options)).toThrow(`\`${option}\``);
  });

  it('a key without quoting it', () => {
    expect.assertions(1);
    try {
      acme({ ...agreed, domains: 'a.test', accountKey: key });
    } catch (error) {
      expect(String(error)).not.toContain(key.split('\n')[1]);
    }
  });

  it('an option that is misspelt, and says which was meant', () => {
    expect(() => acme({ ...agreed, domains: 'a.test', keyTipe: 'rsa-2048' } as AcmeOptions)).toThrow(
      'Did you mean `keyType`?',
    );
  });

  it('to run without options', () => {
    expect(() => acme(undefined as unknown as AcmeOptions)).toThrow(TypeError);
  });
});

describe('A directory', () => {
  it.each([
    [undefined, 'https://acme-v02.api.letsencrypt.org/directory'],
    ['letsencrypt-staging', 'https://acme-staging-v02.api.letsencrypt.org/directory'],
    ['https://ca.test/acme', 'https://ca.test/acme'],
    [new URL('https://ca.test/acme'), 'https://ca.test/acme'],
  ])('%s is at %s', (directoryUrl, expected) => {
    const options = { ...agreed, domains: 'a.test', ...(directoryUrl === undefined ? {} : { directoryUrl }) };
    expect(parseAcmeOptions(options).directoryUrl).toBe(expected);
  });
});

describe('A wildcard', () => {
  it('is a name where records can be set', async () => {
    const domains = [['a.test', '*.a.test']];
    expect(parseAcmeOptions({ ...agreed, domains, challenges: [dns] }).domains).toEqual(domains);
    await acme({ ...agreed, domains: [], challenges: ['http-01', dns] }).manage('*.a.test');
  });

  it.each(['manage', 'unmanage', 'revoke'] as const)('is refused by %s() elsewhere', async (method) => {
    const source = acme({ ...agreed, domains: [], challenges: ['http-01'] });
    await expect(source[method]('*.a.test')).rejects.toThrow('dns01(solver)');
  });
});

describe('dns01()', () => {
  it.each([[undefined], [null], [{ present: () => undefined }], [{ cleanUp: () => undefined }]])(
    'refuses %j as a solver',
    (solver) => {
      expect(() => dns01(solver as unknown as DnsSolver)).toThrow(TypeError);
    },
  );
});
