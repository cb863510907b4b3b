import { createPrivateKey, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type OrderedChain, orderChain } from '../../src/credential/certificate-chain.js';
import { type TestCa, testCa, type TestPair } from '../support/certificates.js';

let ca: TestCa;
let pair: TestPair;
beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: ['a.test'] });
});

function ordered(pems: readonly string[], of: TestPair = pair): OrderedChain {
  const certificates = pems.map((pem) => new X509Certificate(pem));
  return orderChain(certificates, createPrivateKey(of.key), 'File')!;
}

function pemsOf(chain: OrderedChain): string[] {
  return chain.certificates.map((certificate) => certificate.toString());
}

function codesOf(chain: OrderedChain): string[] {
  return chain.findings.map(({ code }) => code);
}

describe('a chain', () => {
  it('that is in order is left alone', () => {
    const chain = ordered([pair.leaf, pair.chain]);
    expect(pemsOf(chain)).toEqual([pair.leaf, pair.chain]);
    expect(chain.findings).toEqual([]);
  });

  it('in any order is sent from leaf to issuer, which is worth a remark', () => {
    const chain = ordered([ca.intermediatePem, pair.leaf]);
    expect(pemsOf(chain)).toEqual([pair.leaf, pair.chain]);
    expect(codesOf(chain)).toEqual(['TLS_CHAIN_OUT_OF_ORDER']);
    expect(chain.findings[0]?.severity).toBe('info');
  });

  it('loses its root, which is worth a remark', () => {
    const chain = ordered([pair.leaf, pair.chain, ca.rootPem]);
    expect(pemsOf(chain)).toEqual([pair.leaf, pair.chain]);
    expect(chain.findings).toMatchObject([{ code: 'TLS_CHAIN_EXTRA_ROOT', severity: 'info' }]);
    expect(chain.findings[0]?.message).toContain('CN=Test Root');
    expect(codesOf(ordered([ca.rootPem, pair.leaf, pair.chain]))).toEqual([
      'TLS_CHAIN_OUT_OF_ORDER',
      'TLS_CHAIN_EXTRA_ROOT',
    ]);
  });

  it('with the same certificates twice holds each once, in silence', () => {
    const chain = ordered([pair.leaf, pair.chain, pair.leaf, pair.chain]);
    expect(pemsOf(chain)).toEqual([pair.leaf, pair.chain]);
    expect(chain.findings).toEqual([]);
  });

  it('does not carry a certificate that belongs to another, and says which', async () => {
    const other = await testCa({ name: 'Other' });
    const chain = ordered([pair.leaf, pair.chain, other.intermediatePem]);
    expect(pemsOf(chain)).toEqual([pair.leaf, pair.chain]);
    expect(codesOf(chain)).toEqual(['TLS_CHAIN_UNRELATED']);
    expect(chain.findings[0]?.hint).toContain('CN=Other Intermediate');
  });

  it('is ordered even when an unrelated certificate has no subject', async () => {
    const nameless = await ca.issue({ names: ['b.test'], commonName: '' });
    expect(codesOf(ordered([pair.leaf, pair.chain, nameless.leaf]))).toEqual(['TLS_CHAIN_UNRELATED']);
    expect(pemsOf(ordered([nameless.leaf, nameless.chain], nameless))).toEqual([
      nameless.leaf,
      nameless.chain,
    ]);
  });

  it('goes by signatures where two issuers have the same name', async () => {
    const renewed = await testCa({ generation: 2 });
    const plain = await ca.issue({ names: ['a.test'], hasKeyIdentifiers: false });
    expect(new X509Certificate(renewed.intermediatePem).subject).toBe(
      new X509Certificate(pair.chain).subject,
    );
    for (const of of [plain, pair]) {
      const chain = ordered([of.leaf, renewed.intermediatePem, of.chain], of);
      expect(pemsOf(chain)).toEqual([of.leaf, of.chain]);
    }
  });

  it('of a self-signed leaf is the leaf', async () => {
    const own = await ca.issue({ names: ['a.test'], issuer: 'self' });
    expect(pemsOf(ordered([own.leaf, ca.rootPem], own))).toEqual([own.leaf]);
  });

  it('does not exist for a key that belongs to none of the certificates', async () => {
    const other = await ca.issue({ names: ['a.test'], keyType: 'ed25519' });
    const certificates = [pair.leaf, pair.chain].map((pem) => new X509Certificate(pem));
    expect(orderChain(certificates, createPrivateKey(other.key), 'File')).toBeUndefined();
  });
});
