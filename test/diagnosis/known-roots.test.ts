import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { describe, expect, it } from '@jest/globals';
import { readCertificate } from '../../src/diagnosis/certificate-reading.js';
import { isIssuedByKnownRoot } from '../../src/diagnosis/known-roots.js';
import { testCa } from '../support/certificates.js';

describe("node's own roots", () => {
  it('are known to have issued what they have issued: all of them themselves', () => {
    for (const pem of rootCertificates.slice(0, 20)) {
      expect(isIssuedByKnownRoot(readCertificate(new X509Certificate(pem))!)).toBe(true);
    }
  });

  it('can all be read, and all say that they are authorities', () => {
    const readings = rootCertificates.map((pem) => readCertificate(new X509Certificate(pem)));
    // A few are of a time before extensions.
    expect(
      readings.filter((reading) => reading === undefined || (reading.version === 3 && !reading.isAuthority)),
    ).toEqual([]);
  });

  it('have not issued what a test has issued, even under one of their names', async () => {
    const { intermediatePem } = await testCa();
    const reading = readCertificate(new X509Certificate(intermediatePem))!;
    expect(isIssuedByKnownRoot(reading)).toBe(false);
    const root = readCertificate(new X509Certificate(rootCertificates[0] ?? ''))!;
    expect(isIssuedByKnownRoot({ ...reading, issuerName: root.issuerName })).toBe(false);
  });
});
