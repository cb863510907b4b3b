// Every fault made with the real tool, and found; two at once are two findings; and what the hint says heals it.
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Finding } from '../../src/credential/findings.js';
import { inspect, type InspectOptions } from '../../src/diagnosis/inspect.js';
import { testCa } from '../support/certificates.js';
import { createCredential } from '../../src/credential/credential.js';
import { isLeftToSource } from '../../src/credential/inspected.js';
import { extensions, GOOD_EXTENSIONS, openWorkshop, P256, type Workshop } from './support/workshop.js';

const DAY_MS = 86_400_000;
let shop: Workshop;
beforeAll(async () => {
  shop = await openWorkshop();
});
afterAll(() => shop.folder.remove());

function find(...parameters: Parameters<Workshop['credential']>): Promise<readonly Finding[]> {
  return findWith({}, ...parameters);
}

async function findWith(
  options: Partial<InspectOptions>,
  ...parameters: Parameters<Workshop['credential']>
): Promise<readonly Finding[]> {
  return inspect(await shop.credential(...parameters), { now: Date.now(), ...options });
}

function codesOf(findings: readonly Finding[]): string[] {
  return findings.map(({ code }) => code);
}

type Fault = readonly [what: string, codes: string[], make: (shop: Workshop) => Promise<string[]>];

const selfSigned =
  (base: string, more: string, newKey = P256) =>
  async (workshop: Workshop) => {
    await workshop.sh(
      `openssl req -x509 -newkey ${newKey} -nodes -days 365 -subj /CN=a.test ${more} -keyout ${base}.key -out ${base}.pem`,
    );
    return [base, base];
  };

/** Signs a leaf and answers key and chain. */
const issued =
  (base: string, leaf: Parameters<Workshop['issue']>[1], ...chain: string[]) =>
  async (workshop: Workshop): Promise<string[]> => {
    await workshop.issue(base, leaf);
    return [base, base, ...(chain.length === 0 ? ['intermediate'] : chain)];
  };

const SAN = '-addext subjectAltName=DNS:a.test -addext basicConstraints=critical,CA:FALSE';
const AUTHORITY = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign'];

const FAULTS: readonly Fault[] = [
  ['of version 1', ['TLS_CERT_V1'], issued('v1', { extensions: [] })],
  [
    'without digitalSignature, for ECDSA',
    ['TLS_KEY_USAGE'],
    issued('ku-ec', { extensions: extensions('keyUsage=keyAgreement') }),
  ],
  [
    'without digitalSignature, for RSA, as a known recipe has it',
    ['TLS_KEY_USAGE'],
    issued('ku-rsa', {
      newKey: 'rsa:2048',
      extensions: extensions('keyUsage=keyEncipherment,dataEncipherment'),
    }),
  ],
  [
    'for clients only',
    ['TLS_EXTENDED_KEY_USAGE'],
    issued('eku', { extensions: extensions('extendedKeyUsage=clientAuth') }),
  ],
  [
    'for any purpose, which OpenSSL does not take as for servers',
    ['TLS_EXTENDED_KEY_USAGE'],
    issued('any', { extensions: extensions('extendedKeyUsage=anyExtendedKeyUsage') }),
  ],
  [
    'of an authority',
    ['TLS_CERT_IS_CA'],
    issued('ca', { extensions: extensions('basicConstraints=critical,CA:TRUE') }),
  ],
  [
    'without subjectAltName',
    ['TLS_CERT_NO_SAN'],
    issued('no-san', { extensions: extensions('subjectAltName') }),
  ],
  [
    'with its address in the common name only',
    ['TLS_IP_ONLY_IN_CN'],
    issued('ip-cn', { subject: '/CN=172.16.0.1', extensions: extensions('subjectAltName') }),
  ],
  [
    'with its address in the common name and another name beside',
    ['TLS_IP_ONLY_IN_CN'],
    issued('ip-cn-2', { subject: '/CN=172.16.0.1' }),
  ],
  ['with a name in the common name only', ['TLS_NAME_ONLY_IN_CN'], issued('cn', { subject: '/CN=b.test' })],
  [
    'with an address as DNS name',
    ['TLS_IP_AS_DNS_NAME'],
    issued('ip-dns', { extensions: extensions('subjectAltName=DNS:a.test,DNS:192.0.2.1') }),
  ],
  [
    'that has expired',
    ['TLS_CERT_EXPIRED'],
    issued('expired', { dates: ['20240101000000Z', '20240401000000Z'] }),
  ],
  [
    'whose end lies before its beginning, as -days -1 makes it',
    ['TLS_CERT_EXPIRED'],
    issued('minus', { x509Args: '-days -1' }),
  ],
  ['signed by itself with SHA-1', ['TLS_SIGNATURE_WEAK'], selfSigned('sha1', `-sha1 ${SAN}`, 'rsa:2048')],
  ['signed by itself with MD5', ['TLS_SIGNATURE_WEAK'], selfSigned('md5', `-md5 ${SAN}`, 'rsa:2048')],
  ['valid for ten years', ['TLS_CERT_LONG_LIVED'], issued('long', { x509Args: '-days 3650' })],
  [
    'of a public authority, valid for 399 days',
    ['TLS_CERT_LONG_LIVED'],
    issued('public', {
      x509Args: '-days 399',
      extensions: [...GOOD_EXTENSIONS, 'certificatePolicies=2.23.140.1.2.1'],
    }),
  ],
  ['made without -days', ['TLS_CERT_SHORT'], issued('short', { x509Args: '' })],
  [
    'without the intermediate that it says where to fetch',
    ['TLS_CHAIN_INCOMPLETE'],
    issued(
      'alone',
      { extensions: [...GOOD_EXTENSIONS, 'authorityInfoAccess=caIssuers;URI:http://ca.test/i.der'] },
      'alone',
    ),
  ],
  [
    'without the intermediate whose issuer it names',
    ['TLS_CHAIN_INCOMPLETE'],
    issued(
      'named',
      { extensions: [...GOOD_EXTENSIONS, 'authorityKeyIdentifier=keyid,issuer:always'] },
      'named',
    ),
  ],
  [
    'with an intermediate that has expired',
    ['TLS_CHAIN_OUT_OF_DATE'],
    async (workshop) => {
      await workshop.issue('old-ca', {
        subject: '/CN=Old Intermediate',
        issuer: 'root',
        extensions: AUTHORITY,
        dates: ['20200101000000Z', '20240101000000Z'],
      });
      return issued('under-old', { issuer: 'old-ca' }, 'old-ca')(workshop);
    },
  ],
  [
    'that is expired and without digitalSignature',
    ['TLS_KEY_USAGE', 'TLS_CERT_EXPIRED'],
    issued('two-1', {
      extensions: extensions('keyUsage=keyAgreement'),
      dates: ['20240101000000Z', '20240401000000Z'],
    }),
  ],
  [
    'for clients, without subjectAltName, for ten years',
    ['TLS_EXTENDED_KEY_USAGE', 'TLS_CERT_NO_SAN', 'TLS_CERT_LONG_LIVED'],
    issued('three', {
      extensions: extensions('subjectAltName', 'extendedKeyUsage=clientAuth'),
      x509Args: '-days 3650',
    }),
  ],
  [
    'of version 1 and for ten years',
    ['TLS_CERT_V1', 'TLS_CERT_LONG_LIVED'],
    issued('two-2', { extensions: [], x509Args: '-days 3650' }),
  ],
  [
    'of an authority that may only sign certificates',
    ['TLS_KEY_USAGE', 'TLS_CERT_IS_CA'],
    selfSigned('ca-leaf', '-addext subjectAltName=DNS:a.test -addext keyUsage=critical,keyCertSign'),
  ],
];

describe('a certificate', () => {
  it.each(FAULTS)('%s is found to be so', async (_what, codes, make) => {
    const [key = '', ...certs] = await make(shop);
    const findings = await find(key, ...certs);
    expect(codesOf(findings)).toEqual(codes);
    for (const { message, hint = '', names, severity } of findings) {
      expect(message).toMatch(/^The (certificate|intermediate) .{40,}\.$/);
      expect(hint.length).toBeGreaterThan(30);
      expect(names?.length).toBeGreaterThan(0);
      expect(severity).not.toBe('error');
    }
  });

  it('with an intermediate whose dates are garbled is told so', async () => {
    await shop.issue('garbled', {});
    const credential = await shop.credential('garbled', 'garbled', 'intermediate');
    const [leaf = '', intermediate = ''] = credential.cert.split(/(?<=-----END CERTIFICATE-----\n)/);
    const der = Buffer.from(intermediate.replaceAll(/-----.*-----|\n/g, ''), 'base64');
    // UTCTime of 13 bytes: its month becomes 99.
    der.write('99', der.indexOf(Buffer.from([0x17, 13])) + 4);
    const body = der.toString('base64').replaceAll(/.{64}/g, '$&\n');
    const garbled = `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
    const findings = inspect({ ...credential, cert: leaf + garbled }, { now: Date.now() });
    expect(findings.find(({ code }) => code === 'TLS_CHAIN_OUT_OF_DATE')?.message).toContain(
      'has a validity period that cannot be read',
    );
  });

  it('that is not yet valid is told with the clock, that may be wrong', async () => {
    await shop.issue('future', {});
    const credential = await shop.credential('future', 'future', 'intermediate');
    const [finding, ...others] = inspect(credential, { now: credential.notBefore - DAY_MS / 4 });
    expect(finding).toMatchObject({ code: 'TLS_CERT_NOT_YET_VALID', severity: 'warning' });
    expect(finding?.message).toContain('in 6 h, or this machine');
    // The intermediate was made in the same minute.
    expect(codesOf(others)).toEqual(['TLS_CHAIN_OUT_OF_DATE']);
  });

  it('that has expired says how long ago, to the hour, from the very instant on', async () => {
    const { cert, key } = await (await testCa()).issue({ names: ['a.test'] });
    const credential = createCredential({ cert, key });
    expect(inspect(credential, { now: credential.notAfter - 1 })).toEqual([]);
    expect(codesOf(inspect(credential, { now: credential.notAfter }))).toEqual(['TLS_CERT_EXPIRED']);
    const [finding] = inspect(credential, { now: credential.notAfter + 3.2 * DAY_MS });
    expect(finding?.message).toContain('expired 3 days 4 h ago');
  });

  it('is measured against the names that clients use', async () => {
    await shop.issue('named-a', { extensions: extensions('subjectAltName=DNS:a.test,DNS:*.b.test') });
    const names = ['A.test', 'x.b.test', 'x.y.b.test', 'core', '10.0.0.1'];
    const [finding, ...others] = await findWith({ names }, 'named-a', 'named-a', 'intermediate');
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ code: 'TLS_NAME_MISMATCH', severity: 'warning' });
    expect(finding?.message).toContain('does not cover x.y.b.test, core, 10.0.0.1');
    expect(finding?.hint).toContain('DNS:core,IP:10.0.0.1');
  });

  it('is called by its file, and its remedy stands beside it', async () => {
    const files = { certFile: '/etc/my certs/a.pem', keyFile: '/etc/my certs/a.key' };
    const [finding] = await findWith({ files }, 'no-san', 'no-san', 'intermediate');
    expect(finding?.message).toMatch(/^Certificate file \/etc\/my certs\/a\.pem has no subjectAltName/);
    expect(finding?.hint).toContain("-key '/etc/my certs/a.key'");
    expect(finding?.hint).toContain("-out '/etc/my certs/a.pem.new'");
  });

  it('of which a short life is no surprise is not told to be short', async () => {
    expect(codesOf(await findWith({ isManaged: true }, 'short', 'short', 'intermediate'))).toEqual([]);
  });

  it('is marked as inspected by its source', async () => {
    const credential = await shop.credential('short', 'short', 'intermediate');
    expect(isLeftToSource(credential)).toBe(false);
    inspect(credential, { now: Date.now() });
    expect(isLeftToSource(credential)).toBe(true);
  });
});

describe('an intermediate', () => {
  it('with a short key is found, or refused where OpenSSL takes none such', async () => {
    const subject = '/CN=Weak Intermediate';
    await shop.issue('weak-ca', { subject, issuer: 'root', extensions: AUTHORITY, newKey: 'rsa:1024' });
    await shop.issue('under-weak', { issuer: 'weak-ca' });
    const chain = ['under-weak.pem', 'weak-ca.pem'].map((file) => readFile(shop.folder.file(file), 'utf8'));
    // As OpenSSL before 3.5 lets it be loaded.
    const credential = await shop.credential('under-weak', 'under-weak');
    const findings = inspect(
      { ...credential, cert: (await Promise.all(chain)).join('') },
      { now: Date.now() },
    );
    expect(findings).toMatchObject([{ code: 'TLS_KEY_WEAK', severity: 'warning' }]);
    expect(findings[0]?.message).toContain('Weak Intermediate of ');
    expect(findings[0]?.message).toContain('has an RSA key of 1024 bits');
    const loaded = await find('under-weak', 'under-weak', 'weak-ca').catch((error: unknown) => error);
    if (loaded instanceof Error) expect(loaded).toMatchObject({ code: 'TLS_KEY_UNSUPPORTED' });
    else expect(loaded).toMatchObject([{ code: 'TLS_KEY_WEAK' }]);
  });
});

describe('the remedy in a hint', () => {
  it.each([
    ['ku-rsa', 'TLS_KEY_USAGE'],
    ['eku', 'TLS_EXTENDED_KEY_USAGE'],
    ['v1', 'TLS_CERT_V1'],
    ['no-san', 'TLS_CERT_NO_SAN'],
    ['ip-cn', 'TLS_IP_ONLY_IN_CN'],
    ['cn', 'TLS_NAME_ONLY_IN_CN'],
    ['ip-dns', 'TLS_IP_AS_DNS_NAME'],
    ['long', 'TLS_CERT_LONG_LIVED'],
  ])('for %s makes a certificate without fault', async (base, code) => {
    await shop.sh('cp intermediate.pem CA.pem && cp intermediate.key CA-KEY.pem');
    const command = commandIn(await withFiles(base, 'intermediate'), code);
    await shop.sh(command);
    await shop.sh(`mv ${base}.pem.new ${base}-new.pem`);
    expect(await find(base, `${base}-new`, 'intermediate')).toEqual([]);
  });

  it.each([
    ['ca-leaf', 'TLS_CERT_IS_CA'],
    ['sha1', 'TLS_SIGNATURE_WEAK'],
  ])('for the self-signed %s makes a self-signed one without fault', async (base, code) => {
    await shop.sh(commandIn(await withFiles(base), code));
    await shop.sh(`mv ${base}.pem.new ${base}-new.pem`);
    expect(await find(base, `${base}-new`)).toEqual([]);
  });

  function withFiles(base: string, ...chain: string[]): Promise<readonly Finding[]> {
    const files = { certFile: shop.folder.file(`${base}.pem`), keyFile: shop.folder.file(`${base}.key`) };
    return findWith({ files }, base, base, ...chain);
  }

  function commandIn(findings: readonly Finding[], code: string): string {
    const { hint = '' } = findings.find((finding) => finding.code === code) ?? {};
    return /`(openssl [^`]+)`/.exec(hint)?.[1] ?? `false # ${hint}`;
  }
});
