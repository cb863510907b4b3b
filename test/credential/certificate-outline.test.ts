import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { namesOf, validityOf } from '../../src/credential/certificate-facts.js';
import { type CertificateOutline, outlineOf } from '../../src/credential/certificate-outline.js';
import { type LeafRequest, newTestKey, testCa, type TestCa } from '../support/certificates.js';
import { type CertificateDescription, signCertificate } from '../support/certificate-writer.js';

let ca: TestCa;
beforeAll(async () => {
  ca = await testCa();
});

async function leaf(request: LeafRequest): Promise<Buffer> {
  return new X509Certificate((await ca.issue(request)).leaf).raw;
}

/** The same by node's parser. */
function thoroughOutlineOf(der: Buffer): CertificateOutline {
  const certificate = new X509Certificate(der);
  const { serialNumber } = certificate;
  return { names: namesOf(certificate), serialNumber, ...validityOf(certificate, 'it') };
}

describe('the outline of a certificate', () => {
  it.each<[string, LeafRequest]>([
    ['one name', { names: ['a.test'] }],
    ['names and wildcards, one of them twice', { names: ['b.test', '*.b.test', 'B.test', 'b.test.'] }],
    ['addresses', { names: ['10.0.0.1', '::1', '2001:db8::ff00:42:8329'] }],
    ['names that are none', { names: ['a.test', 'a..test', '-a.test', '*', '1.2.3', 'x'.repeat(64)] }],
    ['an RSA key', { names: ['a.test'], keyType: 'rsa-2048' }],
    ['no extensions but names', { names: ['a.test'], keyUsage: [], purposes: [], hasKeyIdentifiers: false }],
    ['an end beyond 2050', { names: ['a.test'], notAfter: Date.UTC(2051, 1, 28, 23, 59, 59) }],
    ['a beginning before 2000', { names: ['a.test'], notBefore: Date.UTC(1999, 11, 31) }],
    ['a serial number with a zero in front', { names: ['a.test'], serialNumber: '00ff' }],
    ['a short serial number', { names: ['a.test'], serialNumber: '0a' }],
    ['many names', { names: Array.from({ length: 100 }, (_, index) => `name-${index}.test`) }],
  ])('is what node reads: %s', async (_, request) => {
    const der = await leaf(request);
    expect(outlineOf(der)).toEqual(thoroughOutlineOf(der));
  });

  it.each<[string, LeafRequest]>([
    ['version 1', { names: ['a.test'], version: 1 }],
    ['its name in the subject only', { names: ['a.test'], hasAlternativeNames: false }],
    ['a name beyond ASCII', { names: ['a.test', 'ä.test'] }],
    ['a name with a comma', { names: ['a.test, DNS:b.test'] }],
    ['a serial number that is zero', { names: ['a.test'], serialNumber: '00' }],
    ['a name with a NUL', { names: ['a.test\0.b.test'] }],
  ])('is left to node for %s', async (_, request) => {
    expect(outlineOf(await leaf(request))).toBeUndefined();
  });

  it.each([true, false])('is left to node for authorities: %s', async (isAuthority) => {
    const key = await newTestKey('ecdsa-p256');
    const description: CertificateDescription = {
      ...{ subject: ['a'], issuer: ['a'], notBefore: Date.now(), notAfter: Date.now() + 60_000 },
      ...{ names: ['a.test'], keyUsage: [], purposes: [], isAuthority, hasKeyIdentifiers: false },
      version: 3,
    };
    const { raw } = new X509Certificate(signCertificate(description, key, key));
    expect(outlineOf(raw) === undefined).toBe(isAuthority);
  });

  it('is none of what is cut off or followed by something', async () => {
    const der = await leaf({ names: ['a.test', '10.0.0.1'] });
    for (let length = 0; length < der.length; length += 1)
      expect(outlineOf(der.subarray(0, length))).toBeUndefined();
    expect(outlineOf(Buffer.concat([der, Buffer.from([0])]))).toBeUndefined();
  });

  it('never differs from what node reads, whichever byte is changed', async () => {
    const der = await leaf({ names: ['a.test', '10.0.0.1', '::1'], notAfter: Date.UTC(2051, 1, 28) });
    let readCount = 0;
    for (let at = 0; at < der.length; at += 1) {
      for (const flip of [0x01, 0x02, 0x10, 0x80, 0xff]) {
        const changed = Buffer.from(der);
        changed[at] = (changed[at] ?? 0) ^ flip;
        const outline = outlineOf(changed);
        if (outline === undefined || !isReadByNode(changed)) continue;
        readCount += 1;
        expect({ at, flip, ...outline }).toEqual({ at, flip, ...thoroughOutlineOf(changed) });
      }
    }
    expect(readCount).toBeGreaterThan(100);
  });
});

function isReadByNode(der: Buffer): boolean {
  try {
    return new X509Certificate(der).raw.equals(der);
  } catch {
    return false;
  }
}
