// Encrypted keys as openssl has written them over the years, and passphrases that are wrong in every way.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import type { FilePairOptions } from '../../src/sources/file-pair.js';
import { testCa } from '../support/certificates.js';
import { type TemporaryFolder, withTemporaryFolder } from '../support/temporary-folder.js';
import { countingTurns } from './support/loop-turns.js';
import { failureOf, withWatchedPair } from './support/watched-pair.js';

const run = promisify(execFile);
const PASSPHRASE = 'correct horse';

interface Encryption {
  readonly keyType?: 'ecdsa-p256' | 'rsa-2048';
  /** Arguments of openssl, but input, output and passphrase. */
  readonly args: readonly string[];
}

async function encrypted(
  folder: TemporaryFolder,
  { keyType = 'ecdsa-p256', args }: Encryption,
): Promise<{ certFile: string; keyFile: string }> {
  const pair = await (await testCa()).issue({ names: ['a.test'], keyType });
  const { certFile, keyFile: plain } = await pair.writeTo(folder.path, 'a');
  const keyFile = folder.file('encrypted.key');
  await run('openssl', [...args, '-in', plain, '-out', keyFile, '-passout', `pass:${PASSPHRASE}`]);
  return { certFile, keyFile };
}

const AES = { args: ['pkcs8', '-topk8', '-v2', 'aes-256-cbc'] };

describe('an encrypted key', () => {
  it.each<readonly [string, Encryption]>([
    ['PKCS#8, AES-256', AES],
    ['PKCS#8, AES-128', { args: ['pkcs8', '-topk8', '-v2', 'aes-128-cbc', '-v2prf', 'hmacWithSHA1'] }],
    ['PKCS#8, AES-256 with scrypt', { args: ['pkcs8', '-topk8', '-scrypt'] }],
    ['PKCS#8, 3DES', { args: ['pkcs8', '-topk8', '-v2', 'des3'] }],
    ['legacy PEM, AES-128-CBC', { keyType: 'rsa-2048', args: ['rsa', '-traditional', '-aes128'] }],
    ['legacy PEM, DES-EDE3-CBC', { keyType: 'rsa-2048', args: ['rsa', '-traditional', '-des3'] }],
    ['legacy PEM, AES-256-CBC', { args: ['ec', '-aes256'] }],
  ])('is opened by its passphrase, and named when there is none: %s', async (name, encryption) => {
    await withTemporaryFolder(async (folder) => {
      const files = await encrypted(folder, encryption);
      await withWatchedPair({ ...files, passphrase: PASSPHRASE }, ({ source }) => {
        expect([...(source.list?.() ?? [])]).toMatchObject([{ names: ['a.test'] }]);
        return Promise.resolve();
      });
      const missing = await failureOf(files);
      expect(missing).toMatchObject({ code: 'TLS_KEY_PASSPHRASE_REQUIRED', path: files.keyFile });
      expect(missing.message).toBe(
        `Private key ${files.keyFile} is encrypted (${name}) and no passphrase was given.`,
      );
      expect(missing.hint).toContain('`passphraseFile`');
      const wrong = await failureOf({ ...files, passphrase: 'swordfish' });
      expect(wrong.code).toBe('TLS_KEY_PASSPHRASE_WRONG');
      expect(wrong.message).toContain(`(${name}); it has length 9, trailing newline: no.`);
    });
  });

  it.each<readonly [string, Encryption]>([
    [
      'legacy PEM, DES-CBC',
      {
        keyType: 'rsa-2048',
        args: ['rsa', '-provider', 'legacy', '-provider', 'default', '-traditional', '-des'],
      },
    ],
    [
      'PKCS#8, RC2',
      { args: ['pkcs8', '-topk8', '-provider', 'legacy', '-provider', 'default', '-v1', 'PBE-SHA1-RC2-40'] },
    ],
  ])('that OpenSSL opens no more is not blamed on its passphrase: %s', async (name, encryption) => {
    await withTemporaryFolder(async (folder) => {
      const files = await encrypted(folder, encryption);
      const error = await failureOf({ ...files, passphrase: PASSPHRASE });
      expect(error).toMatchObject({ code: 'TLS_KEY_UNSUPPORTED' });
      expect(error.message).toContain(name);
      expect(error.hint).toContain(`-in ${files.keyFile}`);
    });
  });

  it('that takes long to open leaves the event loop to everybody else meanwhile', async () => {
    await withTemporaryFolder(async (folder) => {
      const args = ['pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-iter', '1500000'];
      const files = await encrypted(folder, { args });
      const turns = await countingTurns(() =>
        withWatchedPair({ ...files, passphrase: PASSPHRASE }, ({ serial }) => {
          expect(serial()).toBeDefined();
          return Promise.resolve();
        }),
      );
      expect(turns).toBeGreaterThan(10);
    });
  });

  it.each<readonly [string, string, boolean]>([
    ['ends as it should', PASSPHRASE, true],
    ['ends in a newline', `${PASSPHRASE}\n`, true],
    ['ends in a newline of Windows', `${PASSPHRASE}\r\n`, true],
    ['ends in two newlines', `${PASSPHRASE}\n\n`, false],
    ['ends in a space', `${PASSPHRASE} `, false],
  ])('takes its passphrase from a file that %s', async (_what, text, opens) => {
    await withTemporaryFolder(async (folder) => {
      const files = await withPassphraseFile(folder, text);
      if (opens) {
        await withWatchedPair(files, ({ serial }) => {
          expect(serial()).toBeDefined();
          return Promise.resolve();
        });
        return;
      }
      const error = await failureOf(files);
      expect(error.message).toContain(`The passphrase from ${files.passphraseFile} does not open`);
      expect(error.message).toContain(
        `length ${PASSPHRASE.length + 1}, trailing newline: ${text.endsWith('\n') ? 'yes' : 'no'}`,
      );
    });
  });

  it.each<readonly [string, string | undefined, string]>([
    ['is missing', undefined, 'TLS_FILE_NOT_FOUND'],
    ['is empty', '', 'TLS_FILE_EMPTY'],
    ['holds a newline alone', '\n', 'TLS_KEY_PASSPHRASE_WRONG'],
  ])('is not opened when its passphrase file %s', async (_what, text, code) => {
    await withTemporaryFolder(async (folder) => {
      const files = await withPassphraseFile(folder, text);
      const error = await failureOf(files);
      expect(error.code).toBe(code);
      expect(error.message).toContain(String(files.passphraseFile));
    });
  });

  async function withPassphraseFile(
    folder: TemporaryFolder,
    text: string | undefined,
  ): Promise<FilePairOptions> {
    const passphraseFile = folder.file('passphrase');
    if (text !== undefined) await writeFile(passphraseFile, text);
    return { ...(await encrypted(folder, AES)), passphraseFile };
  }
});
