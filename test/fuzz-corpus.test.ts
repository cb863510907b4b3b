// Inputs that fuzzers begin with, and those that they have found something with, in every run of the tests.
import { describe, expect, it } from '@jest/globals';
import { readProxyHeader } from '../src/admission/proxy-header.js';
import { createCredential } from '../src/credential/credential.js';
import { normalizeConfiguredName, normalizeServerName } from '../src/credential/server-name.js';
import { examine } from '../src/diagnosis/inspect.js';
import { isTlsmithError } from '../src/errors.js';
import { ClientHelloReader, type ClientHelloResult, wholeHello } from '../src/handshake/client-hello.js';
import { corpus } from './support/corpus.js';
import { inSegmentsOf } from './support/raw-client-hello.js';

const VALID = /^version [12], (?:IPv[46]|unknown.*|a unix socket|LOCAL.*|values)$/;

function read(segments: readonly Buffer[]): ClientHelloResult {
  const reader = new ClientHelloReader();
  let result: ClientHelloResult = { kind: 'incomplete' };
  for (const segment of segments) {
    if (result.kind !== 'incomplete') break;
    result = reader.push(segment);
  }
  return result;
}

function factsOf(result: ClientHelloResult): object {
  if (result.kind !== 'hello') return result;
  const { serverName, protocols } = result.hello;
  return { kind: result.kind, serverName, protocols };
}

/** Every finding of an inspection has a code, and every refusal. */
function verdictOn(pem: Buffer): string {
  try {
    const findings = examine(createCredential({ cert: pem, key: pem }), { now: Date.now() });
    expect(findings.every(({ code }) => /^TLS_[A-Z0-9_]+$/.test(code))).toBe(true);
    return 'proven';
  } catch (error) {
    if (!isTlsmithError(error)) throw error;
    expect(error.message).not.toContain('PRIVATE KEY-----');
    return error.code;
  }
}

describe('Of the corpus', () => {
  it.each(corpus('certificates'))('the file "%s" is judged like that', (name, bytes) => {
    const [verdict] = name.split(':');
    // What OpenSSL makes of it differs from version to version.
    expect(verdictOn(bytes)).toMatch(
      verdict === 'varies' ? /^(?:proven|TLS_[A-Z_]+)$/ : new RegExp(`^${verdict}$`),
    );
  });

  it.each(corpus('client-hello'))(
    'the flight "%s" is read as that, in one piece and byte by byte',
    (name, bytes) => {
      const whole = read([bytes]);
      const reason = whole.kind === 'invalid' ? whole.reason.replace(/\d+ bytes/, 'more or less') : '';
      expect(name.startsWith(`${whole.kind}: ${reason}`)).toBe(true);
      expect(factsOf(read(inSegmentsOf(1, bytes)))).toEqual(factsOf(whole));
      const short = wholeHello(bytes);
      if (short !== undefined) expect(factsOf(short)).toEqual(factsOf(whole));
      if (whole.kind === 'hello')
        expect(whole.hello.serverName).toBe(name.includes('without a name') ? undefined : 'a.test');
    },
  );

  it.each(corpus('proxy-header'))('the PROXY header "%s" is read or refused', (name, bytes) => {
    const { kind } = readProxyHeader(bytes);
    expect(kind === 'header').toBe(VALID.test(name));
  });

  it.each(corpus('names'))('the name "%s": as it is sent, and as it is configured', (name, bytes) => {
    const become = [normalizeServerName(bytes.toString('latin1')), normalizeConfiguredName(bytes.toString())];
    const shown = become.map((own = 'none') => (own.length > 60 ? `${own.slice(0, 60)}…` : own));
    expect(name.split(' -> ')[1]).toBe(shown.join(' | '));
  });

  it.each(corpus('plain-http'))('"%s" is plain text and no hello', (_, bytes) => {
    expect(new ClientHelloReader().push(bytes).kind).toBe('plain-text');
  });
});
