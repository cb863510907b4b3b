import { describe, expect, it } from '@jest/globals';
import { parseCertificate } from '../../src/credential/known-authorities.js';
import { certificateBlocks } from '../../src/credential/pem.js';
import { testCa } from '../support/certificates.js';

describe('A certificate', () => {
  it('of an authority is parsed once, that of a server each time', async () => {
    const pair = await (await testCa()).issue({ names: ['a.test'] });
    const [leaf = '', intermediate = ''] = certificateBlocks(pair.cert, 'The certificate');
    const [first, again] = [parseCertificate(intermediate), parseCertificate(intermediate)];
    expect(again).toBe(first);
    expect(first.subject).toBe('CN=Test Intermediate');
    expect(parseCertificate(leaf)).not.toBe(parseCertificate(leaf));
    expect(parseCertificate(leaf).subject).toBe('CN=a.test');
  });

  it('that cannot be parsed is not remembered', () => {
    const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    for (let attempt = 0; attempt < 2; attempt += 1) expect(() => parseCertificate(damaged)).toThrow();
  });
});
