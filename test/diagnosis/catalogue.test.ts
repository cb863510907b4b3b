// The catalogue of what can be wrong with a pair on a disk, each fault made with the tool that makes it in real life. A
// file pair, a folder and a running server tell it with the same code and in three parts: what, why, what to do.
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Finding } from '../../src/credential/findings.js';
import { isTlsmithError } from '../../src/errors.js';
import { directories } from '../sources/directory/support/started-directory.js';
import { manualClock } from '../support/manual-clock.js';
import { withWatchedPair } from '../sources/support/watched-pair.js';
import { run } from '../support/clients.js';
import { type TemporaryFolder, withTemporaryFolder } from '../support/temporary-folder.js';
import {
  extensions,
  GOOD_EXTENSIONS,
  type LeafDescription,
  openWorkshop,
  type Workshop,
} from './support/workshop.js';

const started = directories();
const { signal } = new AbortController();
let shop: Workshop;

beforeAll(async () => {
  shop = await openWorkshop();
  await shop.issue('good', {});
  await shop.issue('other', { subject: '/CN=b.test', extensions: extensions('subjectAltName=DNS:b.test') });
});
afterAll(() => shop.folder.remove());

interface Fault {
  /** What the leaf is like; a healthy one unless given. */
  readonly leaf?: LeafDescription;
  /**
   * A line of shell that makes the fault, in a folder with `a.test.crt` (leaf and intermediate) and `a.test.key`. `$L` is
   * the file with the leaf alone, `$W` the folder with `root`, `intermediate` and `other`.
   */
  readonly sh?: string;
  /** Every code that is told, and no other. */
  readonly codes: readonly string[];
  /** What the message says, and the hint. */
  readonly says: RegExp;
  readonly hint?: RegExp;
}

const OLD = ['20240101000000Z', '20240401000000Z'] as const;
const FETCHABLE = 'authorityInfoAccess=caIssuers;URI:http://ca.test/i.der';

/** Faults for which nothing can be served. */
const ERRORS: Readonly<Record<string, Fault>> = {
  'D-01: a file is missing': {
    sh: 'rm a.test.key',
    codes: ['TLS_FILE_NOT_FOUND'],
    says: /a\.test\.key does not exist\. The folder .* exists and contains: .*a\.test\.crt/,
    hint: /In a container, check that the folder is mounted: -v/,
  },
  'D-01: a link leads nowhere, as after a clean-up of certbot': {
    sh: 'ln -sf ../../archive/a.test/privkey9.pem a.test.key',
    codes: ['TLS_FILE_NOT_FOUND'],
    says: /It is a link to \.\.\/\.\.\/archive\/a\.test\/privkey9\.pem, which is missing/,
  },
  'D-01b: Docker has made a folder of a missing file': {
    sh: 'rm a.test.crt && mkdir a.test.crt',
    codes: ['TLS_FILE_IS_DIRECTORY'],
    says: /a\.test\.crt is a folder, not a file/,
    hint: /Docker creates an empty folder/,
  },
  'D-02: a link leads back to itself': {
    sh: 'rm a.test.key && ln -s a.test.key a.test.key',
    codes: ['TLS_FILE_UNREADABLE'],
    says: /a\.test\.key is a link that leads back to itself/,
    hint: /namei /,
  },
  'D-04: an RSA certificate and the key of an elliptic curve': {
    leaf: {
      newKey: 'rsa:2048',
      extensions: extensions('keyUsage=critical,digitalSignature,keyEncipherment'),
    },
    sh: 'openssl ecparam -name prime256v1 -genkey -noout -out a.test.key',
    codes: ['TLS_KEY_MISMATCH'],
    says: /\(EC prime256v1, SHA-256 of the public key \w+…\) does not belong to .*\(RSA 2048, SHA-256 of the public key \w+…, CN=a\.test, serial \w+\)/,
  },
  'D-04: another key of the same kind, and the right one beside it': {
    sh: 'mv a.test.key spare.key && openssl ecparam -name prime256v1 -genkey -noout -out a.test.key',
    codes: ['TLS_KEY_MISMATCH'],
    says: /The key that does belong to it is .*spare\.key/,
    hint: /Give .*spare\.key as key/,
  },
  'D-04: an Ed25519 key': {
    sh: 'openssl genpkey -algorithm ED25519 -out a.test.key',
    codes: ['TLS_KEY_MISMATCH'],
    says: /\(ED25519, SHA-256/,
  },
  'D-04b: the key of the authority': {
    sh: 'cp $W/intermediate.key a.test.key',
    codes: ['TLS_KEY_MISMATCH'],
    says: /CN=a\.test.* It is the key of the authority that has issued it/,
  },
  'D-04b: certificate and key are swapped': {
    sh: 'mv a.test.crt x && mv a.test.key a.test.crt && mv x a.test.key',
    codes: ['TLS_PEM_WRONG_KIND'],
    says: /was given as a (?:private key|certificate) but contains/,
    hint: /look swapped/,
  },
  'D-04b: a request in place of the certificate': {
    sh: 'openssl req -new -key a.test.key -subj /CN=a.test -out a.test.crt',
    codes: ['TLS_PEM_WRONG_KIND'],
    says: /a\.test\.crt was given as a certificate but contains CERTIFICATE REQUEST/,
    hint: /a request \(CSR\) or a public key is neither/,
  },
  'D-04b: a public key in place of the private one': {
    sh: 'openssl pkey -in a.test.key -pubout -out x && mv x a.test.key',
    codes: ['TLS_PEM_WRONG_KIND'],
    says: /a\.test\.key was given as a private key but contains PUBLIC KEY/,
  },
  'D-04b: a certificate in DER': {
    sh: 'openssl x509 -in $L -outform DER -out a.test.crt',
    codes: ['TLS_PEM_WRONG_KIND'],
    says: /a\.test\.crt holds binary DER/,
    hint: /openssl x509 -inform der/,
  },
  'D-04b: a key in DER': {
    sh: 'openssl pkey -in a.test.key -outform DER -out x && mv x a.test.key',
    codes: ['TLS_PEM_WRONG_KIND'],
    says: /a\.test\.key holds binary DER/,
  },
  'D-04b: PKCS#12 called .crt': {
    sh: 'openssl pkcs12 -export -in a.test.crt -inkey a.test.key -passout pass:x -out x && mv x a.test.crt',
    codes: ['TLS_PEM_WRONG_KIND'],
    says: /a\.test\.crt holds binary DER or PKCS#12/,
    hint: /openssl pkcs12 -in/,
  },
  'D-04b: a certificate that is cut off': {
    sh: 'head -c 400 $L > a.test.crt',
    codes: ['TLS_PEM_INVALID'],
    says: /a\.test\.crt has a PEM block that is cut off or damaged/,
    hint: /Copy the whole file again/,
  },
  'D-04b: a key that is cut off': {
    sh: 'head -c 100 a.test.key > x && mv x a.test.key',
    codes: ['TLS_PEM_INVALID'],
    says: /a\.test\.key has a PEM block that is cut off or damaged/,
  },
  'D-04b: a page of HTML': {
    sh: 'echo "<html>404</html>" > a.test.crt',
    codes: ['TLS_PEM_INVALID'],
    says: /a\.test\.crt contains no PEM block/,
  },
  'D-04b: UTF-16, as PowerShell redirects': {
    sh: 'iconv -f UTF-8 -t UTF-16 $L > a.test.crt',
    codes: ['TLS_PEM_INVALID'],
    says: /a\.test\.crt is text in UTF-16/,
    hint: /iconv -f UTF-16/,
  },
  'D-04c: an empty file': {
    sh: 'truncate -s 0 a.test.crt',
    codes: ['TLS_FILE_EMPTY'],
    says: /a\.test\.crt is empty/,
    hint: /read again on the next change/,
  },
  'D-05: an encrypted key': {
    sh: 'openssl pkey -in a.test.key -aes256 -passout pass:secret -out x && mv x a.test.key',
    codes: ['TLS_KEY_PASSPHRASE_REQUIRED'],
    says: /a\.test\.key is encrypted \(PKCS#8, AES-256\) and no passphrase was given/,
    hint: /`passphraseFile`/,
  },
  'D-29: an RSA key of 1024 bits': {
    leaf: { newKey: 'rsa:1024' },
    codes: ['TLS_KEY_UNSUPPORTED'],
    says: /1024/,
  },
};

/** Faults with which it is served, because somebody may get along with them. */
const WARNINGS: Readonly<Record<string, Fault>> = {
  'D-02b: a key that everybody can read': {
    sh: 'chmod 755 . && chmod 644 a.test.key',
    codes: ['TLS_KEY_WORLD_READABLE'],
    says: /a\.test\.key has mode 0644: every user and program on this machine can read/,
    hint: /chmod 600 .*a\.test\.key/,
  },
  'D-02c: a certificate that everybody can write': {
    sh: 'chmod 755 . && chmod 666 a.test.crt',
    codes: ['TLS_FILE_WRITABLE_BY_OTHERS'],
    says: /a\.test\.crt has mode 0666: every user and program on this machine can write/,
    hint: /chmod o-w .*a\.test\.crt/,
  },
  'D-03: a certificate of version 1, as a known recipe makes it, for 30 days': {
    sh: 'openssl req -new -key a.test.key -subj /CN=a.test -out csr && openssl x509 -req -in csr -CA $W/root.pem -CAkey $W/root.key -CAcreateserial -out a.test.crt && rm csr',
    codes: ['TLS_CERT_V1', 'TLS_CERT_SHORT'],
    says: /a\.test\.crt is of X\.509 version 1, .* `openssl x509 -req` without -extfile makes such ones/,
    hint: /`openssl req -new -key .*a\.test\.key .*subjectAltName=DNS:a\.test.*`; selfSigned\(\)/,
  },
  'D-06: a name in the common name only': {
    leaf: { extensions: extensions('subjectAltName') },
    codes: ['TLS_CERT_NO_SAN'],
    says: /has no subjectAltName: its name a\.test stands in the common name only/,
    hint: /subjectAltName=DNS:a\.test/,
  },
  'D-06b: an address in the common name only': {
    leaf: { subject: '/CN=172.16.0.1' },
    codes: ['TLS_IP_ONLY_IN_CN'],
    says: /has the address 172\.16\.0\.1 in the common name only/,
    hint: /IP:172\.16\.0\.1/,
  },
  'D-07: made for 30 days, which openssl does without -days': {
    leaf: { x509Args: '' },
    codes: ['TLS_CERT_SHORT'],
    says: /was made for 30 days only/,
    hint: /-days 365/,
  },
  'D-29: a key usage without digitalSignature': {
    leaf: { newKey: 'rsa:2048', extensions: extensions('keyUsage=keyEncipherment,dataEncipherment') },
    codes: ['TLS_KEY_USAGE'],
    says: /without digitalSignature.*ERR_SSL_KEY_USAGE_INCOMPATIBLE/,
    hint: /keyUsage=critical,digitalSignature,keyEncipherment/,
  },
  'D-29: for clients only': {
    leaf: { extensions: extensions('extendedKeyUsage=clientAuth') },
    codes: ['TLS_EXTENDED_KEY_USAGE'],
    says: /is meant for clientAuth, not for servers/,
  },
  'D-29: an authority as a server': {
    leaf: { extensions: extensions('basicConstraints=critical,CA:TRUE') },
    codes: ['TLS_CERT_IS_CA'],
    says: /CaUsedAsEndEntity/,
  },
  'D-29: signed with SHA-1': {
    sh: 'openssl req -x509 -newkey rsa:2048 -sha1 -nodes -days 365 -subj /CN=a.test -addext subjectAltName=DNS:a.test -addext basicConstraints=critical,CA:FALSE -keyout a.test.key -out a.test.crt',
    codes: ['TLS_SIGNATURE_WEAK'],
    says: /signed with SHA-1, which can be forged/,
  },
  'D-29: valid for longer than Apple accepts': {
    leaf: { x509Args: '-days 826' },
    codes: ['TLS_CERT_LONG_LIVED'],
    says: /valid for 826 days: Apple clients refuse/,
  },
  'D-30: the intermediate is missing': {
    leaf: { extensions: [...GOOD_EXTENSIONS, FETCHABLE] },
    sh: 'cp $L a.test.crt',
    codes: ['TLS_CHAIN_INCOMPLETE'],
    says: /comes without the intermediate Workshop Intermediate/,
    hint: /fullchain\.pem, not cert\.pem.*curl -s http:\/\/ca\.test\/i\.der/,
  },
  'D-30: the intermediate comes first': {
    sh: 'cat $W/intermediate.pem $L > a.test.crt',
    codes: ['TLS_CHAIN_OUT_OF_ORDER'],
    says: /does not list its certificates from leaf to issuer; they are sent in the right order/,
    hint: /put the leaf first/,
  },
  'D-30: the root is there, too': {
    sh: 'cat $W/root.pem >> a.test.crt',
    codes: ['TLS_CHAIN_EXTRA_ROOT'],
    says: /holds the root CN=Workshop Root; it is not sent/,
    hint: /Leave the root out/,
  },
  'D-30: a certificate that has nothing to do with it': {
    sh: 'cat $W/other.pem >> a.test.crt',
    codes: ['TLS_CHAIN_UNRELATED'],
    says: /holds 1 certificate\(s\) that do not belong to the chain/,
    hint: /Remove CN=b\.test/,
  },
  'two at once, in file and certificate': {
    leaf: { extensions: extensions('keyUsage=keyAgreement') },
    sh: 'chmod 755 . && chmod 604 a.test.key',
    codes: ['TLS_KEY_USAGE', 'TLS_KEY_WORLD_READABLE'],
    says: /./,
  },
  'four at once, of the chain, of purpose, names and life': {
    leaf: { extensions: extensions('subjectAltName', 'extendedKeyUsage=clientAuth'), x509Args: '-days 3650' },
    sh: 'cat $W/intermediate.pem $W/root.pem $L > a.test.crt',
    codes: [
      'TLS_CHAIN_OUT_OF_ORDER',
      'TLS_CHAIN_EXTRA_ROOT',
      'TLS_EXTENDED_KEY_USAGE',
      'TLS_CERT_NO_SAN',
      'TLS_CERT_LONG_LIVED',
    ],
    says: /./,
  },
};

/** Dates are told by a file pair at once; in a folder a successor may lie beside, and the handshake tells. */
const DATES: Readonly<Record<string, Fault>> = {
  'D-07: expired': {
    leaf: { dates: OLD },
    codes: ['TLS_CERT_EXPIRED'],
    says: /expired \d+ days \d+ h ago, at 2024-04-01T00:00:00\.000Z.*It is served as long as no other certificate matches/,
    hint: /certbot renew.*clock says 20/,
  },
  'D-07: not yet valid': {
    leaf: { dates: ['20400101000000Z', '20400401000000Z'] },
    codes: ['TLS_CERT_NOT_YET_VALID'],
    says: /is valid from 2040-01-01T00:00:00\.000Z on, in \d+ days \d+ h, or this machine's clock/,
    hint: /date -u/,
  },
};

type Told = Pick<Finding, 'code' | 'message'> & { readonly hint?: string };

/** Puts a pair with the fault into a folder of its own. */
async function withFault(
  { leaf, sh = 'true' }: Fault,
  use: (folder: TemporaryFolder, spoil: () => Promise<void>) => Promise<void>,
): Promise<void> {
  await withTemporaryFolder(async (folder) => {
    const base = leaf === undefined ? 'good' : 'faulty';
    if (leaf !== undefined) await shop.issue(base, leaf);
    const texts = [`${base}.pem`, 'intermediate.pem'].map((file) => readFile(shop.folder.file(file), 'utf8'));
    await writeFile(folder.file('a.test.crt'), (await Promise.all(texts)).join(''));
    await copyFile(shop.folder.file(`${base}.key`), folder.file('a.test.key'));
    const env = { W: shop.folder.path, L: shop.folder.file(`${base}.pem`) };
    await use(folder, async () => {
      const { exitCode, stderr } = await run({ program: 'sh', args: ['-c', sh], env, cwd: folder.path });
      expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
    });
  });
}

function expectToldAs(told: readonly Told[], { codes, says, hint = /.{20}/ }: Fault): void {
  expect(told.map(({ code }) => code)).toEqual(codes);
  const [first] = told;
  expect(first?.message).toMatch(says);
  expect(first?.hint).toMatch(hint);
  for (const { message, hint: remedy = '' } of told) {
    expect(message).toMatch(/^\S.{30,}\.$/);
    expect(remedy).toMatch(/^.{20,}/);
    expect(`${message}${remedy}`).not.toMatch(/PRIVATE KEY-----/);
  }
}

/** What the start of a file pair tells: its error, or its findings. */
async function toldByFilePair(folder: TemporaryFolder): Promise<readonly Told[]> {
  const files = { certFile: folder.file('a.test.crt'), keyFile: folder.file('a.test.key') };
  let told: readonly Told[] = [];
  try {
    await withWatchedPair(files, ({ host }) => {
      told = [...host.findings];
      return Promise.resolve();
    });
  } catch (error) {
    if (!isTlsmithError(error)) throw error;
    told = [error];
  }
  return told;
}

async function toldByDirectory(folder: TemporaryFolder): Promise<readonly Finding[]> {
  // With another pair beside it: the only one of a folder is an error at the start.
  await copyFile(shop.folder.file('other.pem'), folder.file('b.test.crt'));
  await copyFile(shop.folder.file('other.key'), folder.file('b.test.key'));
  const { host, reload, served } = await started(folder.path);
  await reload();
  expect(await served('b.test')).toBeDefined();
  return host.findings;
}

describe.each([...Object.entries(ERRORS), ...Object.entries(WARNINGS)])('%s', (_what, fault) => {
  it('is told by a file pair', async () => {
    await withFault(fault, async (folder, spoil) => {
      await spoil();
      expectToldAs(await toldByFilePair(folder), fault);
    });
  });

  it('is told by a folder, and the pair beside it serves', async () => {
    await withFault(fault, async (folder, spoil) => {
      await spoil();
      expectToldAs(await toldByDirectory(folder), fault);
    });
  });
});

describe.each(Object.entries(DATES))('%s', (_what, fault) => {
  it('is told by a file pair', async () => {
    await withFault(fault, async (folder) => {
      expectToldAs(await toldByFilePair(folder), fault);
    });
  });
});

describe.each(Object.entries(ERRORS))('D-31: while a server runs, %s', (_what, { leaf, ...fault }) => {
  const [code = ''] = fault.codes;
  // What is wrong with the leaf comes with it: the files are replaced by those of another.
  const sh =
    leaf === undefined
      ? fault.sh
      : `cp $L a.test.crt && cp $W/faulty.key a.test.key && ${fault.sh ?? 'true'}`;

  it('is told as rejected, with its reason, and the certificate before goes on serving', async () => {
    if (leaf !== undefined) await shop.issue('faulty', leaf);
    await withFault(
      {
        ...fault,
        ...(sh === undefined ? {} : { sh: sh.replaceAll('$L', leaf === undefined ? '$L' : '$W/faulty.pem') }),
      },
      async (folder, spoil) => {
        const files = { certFile: folder.file('a.test.crt'), keyFile: folder.file('a.test.key') };
        // Only reload() looks: what is on the way to being spoiled may be a good pair for a moment.
        const { host, reload, served } = await started(folder.path, { clock: manualClock() });
        await reload();
        const live = await served('a.test');
        await withWatchedPair(
          files,
          async (pair) => {
            await spoil();
            await expect(pair.source.reload?.({ signal })).rejects.toMatchObject({ code });
            await reload();
            for (const findings of [pair.host.findings, host.findings]) {
              const rejected = findings.find((finding) => finding.code === 'RELOAD_REJECTED');
              expect(rejected).toMatchObject({ severity: 'error', names: ['a.test'] });
              expect(rejected?.message).toMatch(fault.says);
              expect(rejected?.message).toContain(code);
              expect(rejected?.message).toMatch(/until .*20\d\d-/);
              expect(rejected?.hint).toMatch(fault.hint ?? /.{20}/);
            }
            expect(pair.serial()).toBe(live?.serialNumber);
            expect((await served('a.test'))?.id).toBe(live?.id);
          },
          { clock: manualClock() },
        );
      },
    );
  });
});
