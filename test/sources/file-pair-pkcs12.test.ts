// PKCS#12 files as openssl makes them, in the ways of today and of twenty years ago.
import { execFile } from 'node:child_process';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import forge from 'node-forge';
import { testCa, type TestKeyType, type TestPair } from '../support/certificates.js';
import { type TemporaryFolder, withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { countingTurns } from './support/loop-turns.js';
import { failureOf, withWatchedPair } from './support/watched-pair.js';

const run = promisify(execFile);
const PASSPHRASE = 'correct horse';

interface Export {
  readonly keyType?: TestKeyType;
  readonly passphrase?: string;
  readonly serialNumber?: string;
  readonly args?: readonly string[];
}

/** Exports a new pair with its chain as `a.pfx`. */
async function exported(
  folder: TemporaryFolder,
  { keyType = 'ecdsa-p256', passphrase = PASSPHRASE, serialNumber = '77', args = [] }: Export = {},
): Promise<{ pfxFile: string; pair: TestPair }> {
  const pair = await (await testCa()).issue({ names: ['a.test'], keyType, serialNumber });
  const { certFile, keyFile } = await pair.writeTo(folder.path, 'a');
  await openssl(['-export', '-inkey', keyFile, '-in', certFile, '-passout', `pass:${passphrase}`, ...args], {
    out: folder.file('a.pfx'),
  });
  return { pfxFile: folder.file('a.pfx'), pair };
}

async function openssl(args: readonly string[], { out }: { out: string }): Promise<void> {
  await run('openssl', ['pkcs12', ...args, '-out', `${out}.new`]);
  await rename(`${out}.new`, out);
}

describe('a PKCS#12 file', () => {
  it.each<readonly [string, Export]>([
    ['with AES-256 and an EC key', {}],
    ['with AES-256 and an RSA key', { keyType: 'rsa-2048' }],
    ['with AES-256 and an Ed25519 key', { keyType: 'ed25519' }],
    ['with 3DES and RC2, as OpenSSL 1 made them', { args: ['-legacy'] }],
    ['with 3DES and RC2 and an RSA key', { keyType: 'rsa-2048', args: ['-legacy'] }],
    ['with 3DES throughout, as Windows makes them', { keyType: 'rsa-2048', args: ['-legacy', '-descert'] }],
    [
      'with other ciphers and SHA-512',
      { args: ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-192-CBC', '-macalg', 'sha512'] },
    ],
    ['with SHA-384 and one round', { args: ['-macalg', 'sha384', '-noiter', '-nomaciter'] }],
    ['without a MAC', { args: ['-nomac'] }],
    ['with a friendly name', { args: ['-name', 'Zertifikat für a.test'] }],
    ['with more rounds than are done at once', { args: ['-iter', '12000'] }],
    ['with certificates in the clear', { args: ['-certpbe', 'NONE'] }],
    ['with a passphrase that is not ASCII', { passphrase: 'pässwörd ☃' }],
    ['with such a passphrase of old', { passphrase: 'pässwörd', args: ['-legacy'] }],
    ['with such a passphrase and no MAC', { passphrase: 'pässwörd', args: ['-nomac'] }],
  ])('is loaded %s', async (_what, request) => {
    await withTemporaryFolder(async (folder) => {
      const { pfxFile, pair } = await exported(folder, request);
      const { passphrase = PASSPHRASE } = request;
      await withWatchedPair({ pfxFile, passphrase }, ({ host, source }) => {
        const [credential] = [...(source.list?.() ?? [])];
        expect(credential?.cert).toBe(pair.cert); // Byte for byte, the chain included.
        expect(credential?.names).toEqual(['a.test']);
        expect(host.findings).toEqual([]);
        return Promise.resolve();
      });
    });
  });

  it.each<readonly [string, Export, { passphrase?: string }]>([
    ['an empty passphrase, and none is given', { passphrase: '' }, {}],
    ['an empty passphrase, and an empty one is given', { passphrase: '' }, { passphrase: '' }],
    ['an empty passphrase of old', { passphrase: '', args: ['-legacy'] }, {}],
    ['nothing encrypted at all', { args: ['-keypbe', 'NONE', '-certpbe', 'NONE', '-nomac'] }, {}],
  ])('is loaded with %s', async (_what, request, opening) => {
    await withTemporaryFolder(async (folder) => {
      const { pfxFile } = await exported(folder, request);
      await withWatchedPair({ pfxFile, ...opening }, ({ serial }) => {
        expect(serial()).toBe('77');
        return Promise.resolve();
      });
    });
  });

  it('takes its passphrase from a file, and is read again when it is replaced', async () => {
    await withTemporaryFolder(async (folder) => {
      const { pfxFile } = await exported(folder);
      const passphraseFile = folder.file('passphrase');
      await writeFile(passphraseFile, `${PASSPHRASE}\r\n`);
      await withWatchedPair({ pfxFile, passphraseFile }, async ({ serial, host }) => {
        await exported(folder, { serialNumber: '78' });
        await until(() => serial() === '78', 'it serves');
        // With a new passphrase: the one file is written, then the other.
        await exported(folder, { serialNumber: '79', passphrase: 'battery' });
        await writeFile(passphraseFile, 'battery\n');
        await until(() => serial() === '79', 'it serves');
        expect(host.findings).toEqual([]);
      });
    });
  });
});

describe('a PKCS#12 file that takes long to open', () => {
  it.each<readonly [string, string[]]>([
    ['for its encryption of today', ['-iter', '1500000', '-nomac']],
    ['for its encryption of old', ['-legacy', '-iter', '300000', '-nomac']],
    ['for its MAC', ['-iter', '300000', '-keypbe', 'NONE', '-certpbe', 'NONE']],
  ])('leaves the event loop to everybody else meanwhile: %s', async (_what, args) => {
    await withTemporaryFolder(async (folder) => {
      const { pfxFile } = await exported(folder, { args });
      const turns = await countingTurns(() =>
        withWatchedPair({ pfxFile, passphrase: PASSPHRASE }, ({ serial }) => {
          expect(serial()).toBe('77');
          return Promise.resolve();
        }),
      );
      expect(turns).toBeGreaterThan(10);
    });
  });

  it('without end is refused', async () => {
    await withTemporaryFolder(async (folder) => {
      const { pfxFile } = await exported(folder);
      await writeFile(pfxFile, withRounds(await readFile(pfxFile), 0x7fffffff));
      const error = await failureOf({ pfxFile, passphrase: PASSPHRASE });
      expect(error).toMatchObject({ code: 'TLS_PKCS12_INVALID' });
      expect(error.message).toContain('2147483647 rounds');
    });
  });
});

/** The same with another number in its MAC. */
function withRounds(pfx: Buffer, rounds: number): Buffer {
  const structure = forge.asn1.fromDer(pfx.toString('latin1'));
  const mac = (structure.value as forge.asn1.Asn1[])[2]!;
  (mac.value as forge.asn1.Asn1[])[2]!.value = forge.asn1.integerToDer(rounds).getBytes();
  return Buffer.from(forge.asn1.toDer(structure).getBytes(), 'latin1');
}

describe('a PKCS#12 file that cannot be opened', () => {
  it.each<readonly [string, Export]>([
    ['with a MAC', {}],
    ['without one', { args: ['-nomac'] }],
    ['of old', { args: ['-legacy'] }],
  ])('says whether a passphrase is missing or wrong: %s', async (_what, request) => {
    await withTemporaryFolder(async (folder) => {
      const { pfxFile } = await exported(folder, request);
      const missing = await failureOf({ pfxFile });
      expect(missing).toMatchObject({ code: 'TLS_KEY_PASSPHRASE_REQUIRED', path: pfxFile });
      const wrong = await failureOf({ pfxFile, passphrase: 'swordfish\n' });
      expect(wrong.code).toBe('TLS_KEY_PASSPHRASE_WRONG');
      expect(wrong.message).toContain(
        `does not open PKCS#12 file ${pfxFile}; it has length 10, trailing newline: yes`,
      );
      expect(`${wrong.message}${wrong.hint}`).not.toContain('swordfish');
    });
  });

  it('asks for the passphrase also where, of 256 files, one without a MAC decrypts to a right padding without it', async () => {
    const pfxFile = join(__dirname, '..', 'fixtures', 'padding-right-by-chance.pfx');
    expect(await failureOf({ pfxFile })).toMatchObject({
      code: 'TLS_KEY_PASSPHRASE_REQUIRED',
      path: pfxFile,
    });
  });

  it('names the file that a wrong passphrase came from', async () => {
    await withTemporaryFolder(async (folder) => {
      const { pfxFile } = await exported(folder);
      const passphraseFile = folder.file('passphrase');
      await writeFile(passphraseFile, 'swordfish\n\n');
      const error = await failureOf({ pfxFile, passphraseFile });
      expect(error.message).toContain(`The passphrase from ${passphraseFile} does not open`);
      expect(error.message).toContain('length 10, trailing newline: yes');
    });
  });

  it('says that there is no key in a trust store', async () => {
    await withTemporaryFolder(async (folder) => {
      const { pfxFile } = await exported(folder, { args: ['-nokeys'] });
      const error = await failureOf({ pfxFile, passphrase: PASSPHRASE });
      expect(error.code).toBe('TLS_PKCS12_INVALID');
      expect(error.message).toContain('holds no private key (2 certificates)');
    });
  });

  it('says that there is no certificate in it', async () => {
    await withTemporaryFolder(async (folder) => {
      const { pfxFile } = await exported(folder, { args: ['-nocerts'] });
      const error = await failureOf({ pfxFile, passphrase: PASSPHRASE });
      expect(error).toMatchObject({ code: 'TLS_PKCS12_INVALID' });
      expect(error.message).toContain('no certificate');
    });
  });

  it('says that there are several keys in it', async () => {
    await withTemporaryFolder(async (folder) => {
      const error = await failureOf({
        pfxFile: await twoKeysIn(folder.file('two.pfx')),
        passphrase: PASSPHRASE,
      });
      expect(error).toMatchObject({ code: 'TLS_PKCS12_INVALID' });
      expect(error.message).toContain('holds 2 private keys');
    });
  });

  it('because its key belongs to another certificate is a pair that does not match', async () => {
    await withTemporaryFolder(async (folder) => {
      const ca = await testCa();
      const [one, other] = await Promise.all(
        ['a.test', 'b.test'].map((name) => ca.issue({ names: [name], keyType: 'rsa-2048' })),
      );
      const pfxFile = folder.file('mixed.pfx');
      const structure = forge.pkcs12.toPkcs12Asn1(
        forge.pki.privateKeyFromPem(
          one!.keyPair.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
        ),
        forge.pki.certificateFromPem(other!.leaf),
        PASSPHRASE,
      );
      await writeFile(pfxFile, forge.asn1.toDer(structure).getBytes(), 'latin1');
      const error = await failureOf({ pfxFile, passphrase: PASSPHRASE });
      expect(error).toMatchObject({ code: 'TLS_KEY_MISMATCH' });
      expect(error.message).toContain(`The private key in PKCS#12 file ${pfxFile}`);
    });
  });

  it.each<readonly [string, (pfx: Buffer) => Buffer, string]>([
    ['empty', () => Buffer.alloc(0), 'TLS_FILE_EMPTY'],
    ['cut off', (pfx) => pfx.subarray(0, 500), 'TLS_PKCS12_INVALID'],
    ['garbage', () => Buffer.from('garbage, garbage, garbage'), 'TLS_PKCS12_INVALID'],
    ['another kind of DER', () => Buffer.from('3003020101', 'hex'), 'TLS_PKCS12_INVALID'],
    ['damaged in the middle', (pfx) => withBitFlipped(pfx, 300), 'TLS_KEY_PASSPHRASE_WRONG'],
    [
      'changed where only its MAC tells',
      // The last byte of the salt of the MAC: the number of iterations follows, as `02 02 xx xx`.
      (pfx) => withBitFlipped(pfx, pfx.length - 5),
      'TLS_KEY_PASSPHRASE_WRONG',
    ],
    [
      'PEM text',
      () => Buffer.from('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'),
      'TLS_PEM_WRONG_KIND',
    ],
  ])('is told when it is %s', async (_what, spoil, code) => {
    await withTemporaryFolder(async (folder) => {
      const { pfxFile } = await exported(folder);
      await writeFile(pfxFile, spoil(await readFile(pfxFile)));
      const error = await failureOf({ pfxFile, passphrase: PASSPHRASE });
      expect(error.code).toBe(code);
      expect(error.message).toContain(join(folder.path, 'a.pfx'));
      expect(error.hint).toBeDefined();
    });
  });
});

function withBitFlipped(bytes: Buffer, offset: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(offset) ^ 1, offset);
  return copy;
}

/** No tool at hand makes such a file, though Java's key stores are some. */
async function twoKeysIn(path: string): Promise<string> {
  const { privateKey } = forge.pki.rsa.generateKeyPair(1_024);
  const one = forge.pkcs12.toPkcs12Asn1(privateKey, null as never, PASSPHRASE, { useMac: false });
  // The content of the file twice in one sequence of contents.
  const safe = innerOf(one);
  safe.value = [...(safe.value as forge.asn1.Asn1[]), ...(safe.value as forge.asn1.Asn1[])];
  octetsOf(one).value = forge.asn1.toDer(safe).getBytes();
  await writeFile(path, forge.asn1.toDer(one).getBytes(), 'latin1');
  return path;
}

function octetsOf(pfx: forge.asn1.Asn1): forge.asn1.Asn1 {
  const contentInfo = (pfx.value as forge.asn1.Asn1[])[1]!;
  const content = (contentInfo.value as forge.asn1.Asn1[])[1]!;
  return (content.value as forge.asn1.Asn1[])[0]!;
}

function innerOf(pfx: forge.asn1.Asn1): forge.asn1.Asn1 {
  return forge.asn1.fromDer(octetsOf(pfx).value as string);
}
