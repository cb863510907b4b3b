// Set-ups as people have them, made with the real tools: where nothing is wrong, nothing is found.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { createCredential, type CredentialInput } from '../../src/credential/credential.js';
import type { Finding } from '../../src/credential/findings.js';
import { inspect } from '../../src/diagnosis/inspect.js';
import { createSelfSignedCertificate } from '../../src/x509/self-signed-certificate.js';
import { directories } from '../sources/directory/support/started-directory.js';
import { withWatchedPair } from '../sources/support/watched-pair.js';
import { testCa } from '../support/certificates.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { extensions, GOOD_EXTENSIONS, openWorkshop, P256, type Workshop } from './support/workshop.js';

const DAY_MS = 86_400_000;
const started = directories();
let shop: Workshop;
beforeAll(async () => {
  shop = await openWorkshop();
});
afterAll(() => shop.folder.remove());

async function textOf(...files: readonly string[]): Promise<string> {
  return (await Promise.all(files.map((file) => readFile(shop.folder.file(file), 'utf8')))).join('');
}

/** Issues a leaf; answers it with the intermediate, as fullchain. */
async function fullChain(base: string, leaf: Parameters<Workshop['issue']>[1]): Promise<CredentialInput> {
  await shop.issue(base, leaf);
  return { cert: await textOf(`${base}.pem`, 'intermediate.pem'), key: await textOf(`${base}.key`) };
}

async function fromOpenssl(base: string, request: string): Promise<CredentialInput> {
  await shop.sh(`openssl req -x509 -nodes -keyout ${base}.key -out ${base}.pem ${request}`);
  return { cert: await textOf(`${base}.pem`), key: await textOf(`${base}.key`) };
}

const RSA = extensions('keyUsage=critical,digitalSignature,keyEncipherment');
const PUBLIC = [
  'certificatePolicies=2.23.140.1.2.1',
  'authorityInfoAccess=OCSP;URI:http://ocsp.test,caIssuers;URI:http://ca.test/i.der',
];
const SAN = '-addext subjectAltName=DNS:a.test,IP:127.0.0.1';
const NO_CA = '-addext basicConstraints=critical,CA:FALSE';

/** Made once, however often it is asked for: the tools take their time over keys. */
function once(make: () => Promise<CredentialInput>): () => Promise<CredentialInput> {
  let made: Promise<CredentialInput> | undefined;
  return () => (made ??= make());
}

const usual = once(() => fullChain('usual', {}));

const SET_UPS: readonly (readonly [string, () => Promise<CredentialInput>])[] = [
  ['leaf and intermediate, ECDSA P-256', usual],
  ['the leaf alone, straight under a private root', () => fullLess('under-root', { issuer: 'root' })],
  [
    'as certbot has it: fullchain, a public policy, where to find the issuer, 90 days',
    () =>
      fullChain('certbot', {
        subject: '/',
        extensions: [...GOOD_EXTENSIONS, ...PUBLIC, 'subjectKeyIdentifier=hash'],
        x509Args: '-days 90',
      }),
  ],
  ['logged, with timestamps', () => fullChain('logged', { extensions: [...GOOD_EXTENSIONS, TIMESTAMPS] })],
  [
    'of a public authority for 398 days',
    () => fullChain('p398', { extensions: [...GOOD_EXTENSIONS, PUBLIC[0] ?? ''], x509Args: '-days 398' }),
  ],
  ['of a private authority for 825 days', () => fullChain('p825', { x509Args: '-days 825' })],
  ['for seven days', () => fullChain('seven', { x509Args: '-days 7' })],
  ['of our own generator', () => generated(['localhost', '127.0.0.1', '::1'], 'ecdsa-p256')],
  ['of our own generator, with RSA', () => generated(['localhost'], 'rsa-2048')],
  [
    'of our own generator, with wildcard and IDN',
    () => generated(['*.example.test', 'xn--bcher-kva.test'], 'ecdsa-p384'),
  ],
  [
    'as mkcert has it: the leaf alone, RSA, 27 months, no common name, the names',
    () =>
      fullLess('mkcert', {
        issuer: 'root',
        subject: '/O=mkcert development certificate/OU=me@here (Me)',
        newKey: 'rsa:2048',
        x509Args: '-days 820',
        extensions: [
          'keyUsage=critical,digitalSignature,keyEncipherment',
          'extendedKeyUsage=serverAuth',
          'authorityKeyIdentifier=keyid',
          'subjectAltName=DNS:example.com,DNS:*.example.com,DNS:example.test,DNS:localhost,IP:127.0.0.1,IP:::1',
        ],
      }),
  ],
  ['ECDSA P-384', () => fullChain('p384', { newKey: 'ec -pkeyopt ec_paramgen_curve:secp384r1' })],
  ['RSA with 2048 bits', () => fullChain('r2048', { newKey: 'rsa:2048', extensions: RSA })],
  ['RSA with 3072 bits', () => fullChain('r3072', { newKey: 'rsa:3072', extensions: RSA })],
  ['RSA with 4096 bits', () => fullChain('r4096', { newKey: 'rsa:4096', extensions: RSA })],
  ['RSA for signatures only', () => fullChain('r-sign', { newKey: 'rsa:2048' })],
  ['Ed25519', () => fullChain('ed', { newKey: 'ed25519' })],
  ['a wildcard and its parent', () => withNames('wild', '/CN=*.a.test', 'DNS:*.a.test,DNS:a.test')],
  ['a common name that a wildcard covers', () => withNames('wild-2', '/CN=www.a.test', 'DNS:*.a.test')],
  [
    'addresses of both kinds',
    () => withNames('ips', '/CN=192.0.2.1', 'IP:192.0.2.1,IP:2001:db8::1,DNS:a.test'),
  ],
  [
    'an address as IP and, for old clients, as DNS',
    () => withNames('ip-2', '/', 'IP:192.0.2.1,DNS:192.0.2.1'),
  ],
  ['a name in upper case', () => withNames('upper', '/CN=A.Test', 'DNS:A.TEST')],
  ['an IDN in punycode', () => withNames('idn', '/CN=xn--bcher-kva.test', 'DNS:xn--bcher-kva.test')],
  ['a common name that is no host name', () => withNames('cn', '/O=Org/CN=Web Server of Org', 'DNS:a.test')],
  [
    'a common name that is the name of a service',
    () => withNames('svc', '/CN=kube-apiserver', 'DNS:kubernetes.default.svc,IP:10.96.0.1'),
  ],
  [
    'neither key usage nor purpose: everything is allowed',
    () => fullChain('free', { extensions: ['subjectAltName=DNS:a.test'] }),
  ],
  [
    'for servers and clients',
    () => fullChain('both', { extensions: extensions('extendedKeyUsage=serverAuth,clientAuth') }),
  ],
  [
    'openssl req -x509 -addext, and no authority',
    () => fromOpenssl('x509', `-newkey ${P256} -days 365 -subj /CN=a.test ${SAN} ${NO_CA}`),
  ],
  [
    'the same with RSA and everything else',
    () =>
      fromOpenssl(
        'x509-rsa',
        `-newkey rsa:2048 -days 397 -subj /CN=a.test ${SAN} ${NO_CA} -addext keyUsage=digitalSignature,keyEncipherment -addext extendedKeyUsage=serverAuth`,
      ),
  ],
  [
    'the chain in a text of its own',
    async () => {
      const { key } = await usual();
      return { key, cert: await textOf('usual.pem'), chain: await textOf('intermediate.pem') };
    },
  ],
  ['a chain of two intermediates', deepChain],
  ['a chain that ends in a cross-signed root', crossSigned],
  [
    'a chain whose last one says where its issuer is, and that is a private root',
    async () => {
      const subject = '/CN=Fetchable Intermediate';
      await shop.issue('fetchable', { subject, issuer: 'root', extensions: [...AUTHORITY, PUBLIC[1] ?? ''] });
      await shop.issue('under-fetchable', { issuer: 'fetchable' });
      return {
        cert: await textOf('under-fetchable.pem', 'fetchable.pem'),
        key: await textOf('under-fetchable.key'),
      };
    },
  ],
  [
    'the leaf alone whose issuer says of itself that it is a root',
    () =>
      fullLess('aki', {
        issuer: 'root',
        extensions: [...GOOD_EXTENSIONS, 'authorityKeyIdentifier=keyid,issuer:always', PUBLIC[1] ?? ''],
      }),
  ],
  [
    'a BOM in front',
    async () => {
      const { cert, key } = await usual();
      return { cert: `\uFEFF${String(cert)}`, key: `\uFEFF${String(key)}` };
    },
  ],
  [
    'Windows line ends',
    async () => {
      const { cert, key } = await usual();
      return { cert: String(cert).replaceAll('\n', '\r\n'), key: String(key).replaceAll('\n', '\r\n') };
    },
  ],
  [
    'comments around the blocks, as openssl prints them',
    async () => {
      const { key } = await usual();
      await shop.sh('openssl x509 -in usual.pem -text > commented.pem');
      return {
        cert: `# mine\n${await textOf('commented.pem')}\n# its issuer\n${await textOf('intermediate.pem')}`,
        key: `# key\n${String(key)}`,
      };
    },
  ],
  [
    'the label TRUSTED CERTIFICATE',
    async () => {
      const { key } = await usual();
      await shop.sh('openssl x509 -in usual.pem -trustout -out trusted.pem');
      return { cert: await textOf('trusted.pem', 'intermediate.pem'), key };
    },
  ],
  [
    'an RSA key in PKCS#1',
    async () => {
      const { cert } = await fullChain('pkcs1', { newKey: 'rsa:2048', extensions: RSA });
      await shop.sh('openssl rsa -traditional -in pkcs1.key -out pkcs1-old.key');
      return { cert, key: await textOf('pkcs1-old.key') };
    },
  ],
  [
    'certificate, key and chain in one text',
    async () => {
      const { cert, key } = await usual();
      return { cert: `${String(cert)}${String(key)}`, key: `${String(cert)}${String(key)}` };
    },
  ],
  ['of the CA of the tests', async () => (await testCa()).issue({ names: ['a.test', '10.0.0.1'] })],
];
const MADE_ONCE = SET_UPS.map(([what, make]) => [what, once(make)] as const);

const AUTHORITY = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
const TIMESTAMPS = '1.3.6.1.4.1.11129.2.4.2=DER:04:02:00:00';

function fullLess(base: string, leaf: Parameters<Workshop['issue']>[1]): Promise<CredentialInput> {
  return shop
    .issue(base, leaf)
    .then(async () => ({ cert: await textOf(`${base}.pem`), key: await textOf(`${base}.key`) }));
}

function withNames(base: string, subject: string, names: string): Promise<CredentialInput> {
  return fullChain(base, { subject, extensions: extensions(`subjectAltName=${names}`) });
}

function generated(
  names: string[],
  keyType: 'ecdsa-p256' | 'ecdsa-p384' | 'rsa-2048',
): Promise<CredentialInput> {
  const now = Date.now();
  return createSelfSignedCertificate({
    names,
    keyType,
    notBefore: now - 3_600_000,
    notAfter: now + 90 * DAY_MS,
  });
}

async function deepChain(): Promise<CredentialInput> {
  await shop.issue('second', { subject: '/CN=Second Intermediate', extensions: AUTHORITY });
  await shop.issue('deep', { issuer: 'second' });
  return { cert: await textOf('deep.pem', 'second.pem', 'intermediate.pem'), key: await textOf('deep.key') };
}

/** A new root, signed by the old one as well, as authorities do while the new one is not yet known everywhere. */
async function crossSigned(): Promise<CredentialInput> {
  await shop.issue('new-root', { subject: '/CN=New Root', issuer: 'root', extensions: AUTHORITY });
  await shop.issue('new-int', { subject: '/CN=New Intermediate', issuer: 'new-root', extensions: AUTHORITY });
  await shop.issue('crossed', { issuer: 'new-int' });
  return {
    cert: await textOf('crossed.pem', 'new-int.pem', 'new-root.pem'),
    key: await textOf('crossed.key'),
  };
}

function findingsOf(input: CredentialInput): readonly Finding[] {
  const credential = createCredential(input);
  return [...credential.findings, ...inspect(credential, { now: Date.now() })];
}

describe('nothing is found in', () => {
  it.each(MADE_ONCE)('%s', async (_what, make) => {
    expect(findingsOf(await make())).toEqual([]);
  });

  it.each(MADE_ONCE)('%s, as files of a pair and in a folder', async (_what, make) => {
    const { cert, key, chain } = await make();
    await withTemporaryFolder(async (folder) => {
      const files = { certFile: folder.file('a.test.crt'), keyFile: folder.file('a.test.key') };
      await writeFile(files.certFile, cert);
      await writeFile(files.keyFile, key, { mode: 0o600 });
      const chainFile = folder.file('a.test.chain.pem');
      if (chain !== undefined) await writeFile(chainFile, chain);
      const options = chain === undefined ? files : { ...files, chainFile };
      await withWatchedPair(options, ({ host }) => {
        expect(host.findings).toEqual([]);
        return Promise.resolve();
      });
      const { host, reload, source } = await started(folder.path);
      await reload();
      expect([...(source.list?.() ?? [])]).toHaveLength(1);
      expect(host.findings).toEqual([]);
      expect(host.resolvedCodes).toEqual([]);
    });
  });

  it('at least twenty set-ups', () => {
    expect(SET_UPS.length).toBeGreaterThanOrEqual(20);
  });
});

describe('no more than a remark is made about', () => {
  it.each<[string, string[], () => Promise<CredentialInput>]>([
    [
      'openssl req -x509 as everybody types it',
      ['TLS_CERT_IS_CA', 'TLS_CERT_SHORT'],
      () => fromOpenssl('typed', `-newkey rsa:2048 -subj /CN=a.test ${SAN}`),
    ],
    [
      'a chain with its root, from root to leaf',
      ['TLS_CHAIN_OUT_OF_ORDER', 'TLS_CHAIN_EXTRA_ROOT'],
      async () => {
        const { key } = await usual();
        return { key, cert: await textOf('root.pem', 'intermediate.pem', 'usual.pem') };
      },
    ],
  ])('%s', async (_what, codes, make) => {
    const findings = findingsOf(await make());
    expect(findings.map(({ code }) => code)).toEqual(codes);
    expect(findings.map(({ severity }) => severity)).toEqual(codes.map(() => 'info'));
  });
});
