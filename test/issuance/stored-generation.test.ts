import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Credential, createCredential } from '../../src/credential/credential.js';
import { codeOf, messageOf } from '../../src/errors.js';
import { decodeGeneration, encodeGeneration } from '../../src/issuance/stored-generation.js';
import { DAY_MS, testPair } from './support/scripted-issuer.js';

let credential: Credential;

beforeAll(async () => {
  const now = Date.now();
  credential = createCredential(
    await testPair({ names: ['a.test', '*.b.test'], notBefore: now, notAfter: now + DAY_MS }),
  );
});

function faultOf(
  bytes: Uint8Array,
  names: readonly string[] = ['a.test'],
): { code: string | undefined; message: string } {
  try {
    decodeGeneration(bytes, names);
  } catch (error) {
    return { code: codeOf(error), message: messageOf(error) };
  }
  throw new Error('it was accepted');
}

describe('a stored generation', () => {
  const encoded = (): Uint8Array => encodeGeneration({ names: ['a.test'], credential, issuedAt: 42 });

  it('comes back as the same pair', () => {
    const read = decodeGeneration(encoded(), ['a.test']);
    expect(read.issuedAt).toBe(42);
    expect(read.credential.id).toBe(credential.id);
    expect(read.credential.key).toBe(credential.key);
  });

  it('is refused when it does not cover every name', () => {
    expect(faultOf(encoded(), ['a.test', 'c.test'])).toEqual({
      code: 'STORAGE_CORRUPT',
      message: 'The stored certificate for a.test, c.test does not cover c.test.',
    });
  });

  it('covers a configured wildcard only by the same wildcard', () => {
    expect(decodeGeneration(encoded(), ['*.b.test', 'x.b.test']).credential.id).toBe(credential.id);
    expect(faultOf(encoded(), ['*.a.test']).code).toBe('STORAGE_CORRUPT');
  });

  it('is refused at every length it can be cut to, without a word of what it holds', () => {
    const bytes = encoded();
    for (let length = 0; length < bytes.length; length += 97) {
      const { code, message } = faultOf(bytes.slice(0, length));
      expect(code).toBe('STORAGE_CORRUPT');
      expect(message).not.toMatch(/BEGIN|MII/);
    }
  });

  it.each([
    'null',
    '7',
    '"x"',
    '[]',
    '{}',
    '{"format":2,"cert":"","key":""}',
    '{"format":1,"cert":1,"key":2}',
  ])('is refused as %s', (text) => {
    expect(faultOf(Buffer.from(text)).code).toBe('STORAGE_CORRUPT');
  });

  it('is refused when the key belongs to another certificate', async () => {
    const other = createCredential(
      await testPair({ names: ['a.test'], notBefore: Date.now(), notAfter: Date.now() + DAY_MS }),
    );
    const mixed = JSON.stringify({ format: 1, cert: credential.cert, key: other.key, issuedAt: 1 });
    expect(faultOf(Buffer.from(mixed)).code).toBe('TLS_KEY_MISMATCH');
  });
});
