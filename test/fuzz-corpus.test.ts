// Inputs that fuzzers begin with, and those that they have found something with, in every run of the tests.
import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readProxyHeader } from '../src/admission/proxy-header.js';
import { ClientHelloReader } from '../src/handshake/client-hello.js';

/** Each input with the line that says what it is. */
function corpus(kind: string): (readonly [name: string, bytes: Buffer])[] {
  const [, ...lines] = readFileSync(join(__dirname, 'fixtures', 'corpus', `${kind}.txt`), 'utf8').split('\n');
  return lines.flatMap((line, index) =>
    line.startsWith('# ') ? [[line.slice(2), Buffer.from(lines[index + 1] ?? '', 'hex')] as const] : [],
  );
}

const VALID = /^version [12], (?:IPv[46]|unknown.*|a unix socket|LOCAL.*|values)$/;

describe('Of the corpus', () => {
  it.each(corpus('proxy-header'))('the PROXY header "%s" is read or refused', (name, bytes) => {
    const { kind } = readProxyHeader(bytes);
    expect(kind === 'header').toBe(VALID.test(name));
  });

  it.each(corpus('plain-http'))('"%s" is plain text and no hello', (_, bytes) => {
    expect(new ClientHelloReader().push(bytes).kind).toBe('plain-text');
  });
});
