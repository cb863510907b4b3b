import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { certificateBlocks, privateKeyBlock } from '../../src/credential/pem.js';
import { testCa, type TestPair } from '../support/certificates.js';

let pair: TestPair;
beforeAll(async () => {
  pair = await (await testCa()).issue({ names: ['a.test'] });
});

function refusalOf(read: () => unknown): { code: unknown; message: string; hint: unknown } {
  try {
    read();
  } catch (error) {
    const { code, message, hint } = error as Error & { code: unknown; hint: unknown };
    return { code, message, hint };
  }
  throw new Error('It was not refused.');
}

describe('certificates in PEM', () => {
  it('are found in the order of the file', () => {
    expect(certificateBlocks(pair.cert, 'file')).toEqual([pair.leaf, pair.chain]);
  });

  it.each<[string, (pem: string) => string | Uint8Array]>([
    ['a byte order mark', (pem) => `\uFEFF${pem}`],
    ['Windows line ends', (pem) => pem.replaceAll('\n', '\r\n')],
    ['old Macintosh line ends', (pem) => pem.replaceAll('\n', '\r')],
    [
      'text between blocks',
      (pem) =>
        `Bag Attributes\n  name: a-b--c\n${pem.replace('-----\n-----', '-----\n\nsubject=/CN=a\n-----')}`,
    ],
    ['trailing blanks', (pem) => pem.replaceAll('\n', '  \n')],
    ['indented lines', (pem) => pem.replaceAll('\n', '\n    ')],
    ['no line break at its end', (pem) => pem.trimEnd()],
    ['a Buffer in place of a string', (pem) => Buffer.from(pem)],
    ['a plain Uint8Array', (pem) => new Uint8Array(Buffer.from(pem))],
    ['its key in the same file', (pem) => pair.key + pem],
  ])('may come with %s', (_, changed) => {
    const serials = certificateBlocks(changed(pair.cert), 'file').map(
      (pem) => new X509Certificate(pem).serialNumber,
    );
    expect(serials).toEqual([pair.leaf, pair.chain].map((pem) => new X509Certificate(pem).serialNumber));
  });

  it.each(['', ' \r\n\t', '\n'])('in an empty file %j are missed as such', (content) => {
    expect(refusalOf(() => certificateBlocks(content, 'Certificate file x'))).toMatchObject({
      code: 'TLS_FILE_EMPTY',
      message: 'Certificate file x is empty.',
    });
  });

  it.each<[string, (pem: string) => string]>([
    ['no block at all', () => 'hello'],
    ['only a byte order mark', () => '\uFEFF'],
    ['a block without its end', (pem) => pem.slice(0, 300)],
    ['a whole block and a cut one', (pem) => pem.slice(0, -40)],
    ['characters that are not base64', (pem) => pem.replace(/\nMII/, '\n$$$')],
    ['an end of another kind', (pem) => pem.replaceAll('END CERTIFICATE', 'END PRIVATE KEY')],
    ['an empty block', () => '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'],
    ['a block in a block', (pem) => `-----BEGIN CERTIFICATE-----\n${pem}`],
  ])('are refused with %s', (_, changed) => {
    expect(refusalOf(() => certificateBlocks(changed(pair.cert), 'file'))).toMatchObject({
      code: 'TLS_PEM_INVALID',
    });
  });

  it('are refused as DER, with the command that converts them', () => {
    const refusal = refusalOf(() => certificateBlocks(new X509Certificate(pair.leaf).raw, 'file'));
    expect(refusal.code).toBe('TLS_PEM_WRONG_KIND');
    expect(refusal.hint).toContain('openssl x509 -inform der');
  });

  it('are told from a key, a request and a public key', () => {
    const swapped = refusalOf(() => certificateBlocks(pair.key, 'file'));
    expect(swapped).toMatchObject({ code: 'TLS_PEM_WRONG_KIND', hint: 'Certificate and key look swapped.' });
    const publicKey = pair.keyPair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const other = refusalOf(() => certificateBlocks(publicKey, 'file'));
    expect(other.code).toBe('TLS_PEM_WRONG_KIND');
    expect(other.message).toBe('file was given as a certificate but contains PUBLIC KEY.');
    expect(other.hint).toContain('holds CERTIFICATE blocks');
  });
});

describe('a private key in PEM', () => {
  it('may be encrypted in the old way, with headers inside the block', async () => {
    const { key } = await (
      await testCa()
    ).issue({ names: ['a.test'], keyFormat: 'traditional', passphrase: 'x' });
    expect(privateKeyBlock(key.replaceAll('\n', '\r\n'), 'file')).toBe(key);
  });

  it('is told from a certificate, and refused as DER even when it is short', async () => {
    expect(refusalOf(() => privateKeyBlock(pair.cert, 'file'))).toMatchObject({
      code: 'TLS_PEM_WRONG_KIND',
      hint: 'Certificate and key look swapped.',
    });
    const { keyPair } = await (await testCa()).issue({ names: ['a.test'], keyType: 'ed25519' });
    const bytes = keyPair.privateKey.export({ type: 'pkcs8', format: 'der' });
    expect(bytes.length).toBeLessThan(128);
    expect(refusalOf(() => privateKeyBlock(bytes, 'file'))).toMatchObject({ code: 'TLS_PEM_WRONG_KIND' });
  });
});
