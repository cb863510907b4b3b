import { describe, expect, it } from '@jest/globals';
import type { Credential } from '../src/credential/credential.js';
import { createCredential } from '../src/credential/credential.js';
import type { Finding } from '../src/credential/findings.js';
import type { CertificateSource, ManagedCertificate } from '../src/sources/certificate-source.js';
import { certificatesOf } from '../src/status.js';
import { testCa } from './support/certificates.js';

const throwing = (): never => {
  throw new Error('no database');
};

const PENDING: ManagedCertificate = { names: ['b.test'], attempts: 0, isFailed: false };

describe('the status of a source', () => {
  it('lists managed certificates first, and each credential once', async () => {
    const credential = await credentialOf();
    const { certificates, findings } = statusOf({
      managed: () => [{ ...PENDING, names: ['a.test'], credential }, PENDING],
      list: () => [credential],
    });
    expect(certificates).toMatchObject([
      { names: ['a.test'], state: 'valid' },
      { names: ['b.test'], state: 'pending' },
    ]);
    expect(findings).toEqual([]);
  });

  it.each<readonly [string, Partial<CertificateSource>]>([
    ['list() throws', { list: throwing }],
    ['managed() throws', { managed: throwing }],
    [
      'list() throws on its way',
      {
        *list() {
          yield* [];
          throwing();
        },
      },
    ],
    ['list() gives no iterable', { list: () => 7 as unknown as Credential[] }],
  ])('is empty and reported when %s', (_what, member) => {
    const { certificates, findings } = statusOf(member);
    expect(certificates).toEqual([]);
    expect(findings).toMatchObject([{ code: 'SOURCE_FAILED', source: 'custom' }]);
  });

  it('leaves out what is no proven credential, and says so', async () => {
    const credential = await credentialOf();
    const nonsense = [null, 7, {}, { ...credential }] as unknown as Credential[];
    const { certificates, findings } = statusOf({ list: () => [...nonsense, credential] });
    expect(certificates).toMatchObject([{ names: ['a.test'] }]);
    expect(findings).toMatchObject([
      { code: 'SOURCE_FAILED', message: expect.stringContaining('gave 4') as unknown },
    ]);
  });

  it('leaves out managed entries that cannot be shown', () => {
    const entries: unknown[] = [
      null,
      { ...PENDING, names: 'b.test' },
      { ...PENDING, credential: {} },
      { ...PENDING, nextAttempt: NaN },
      { ...PENDING, nextRenewal: { at: Infinity, why: 'never' } },
    ];
    const { certificates, findings } = statusOf({
      managed: () => [...(entries as ManagedCertificate[]), PENDING],
    });
    expect(certificates).toMatchObject([{ names: ['b.test'] }]);
    expect(findings).toHaveLength(1);
  });

  it('is shown of a source whose name throws', async () => {
    const credential = await credentialOf();
    const source = Object.defineProperty({ find: () => undefined, list: () => [credential] }, 'name', {
      get: throwing,
    }) as unknown as CertificateSource;
    expect(certificatesOf(source, Date.now(), throwing)).toMatchObject([
      { source: 'a source without a readable name' },
    ]);
  });

  function statusOf(member: Partial<CertificateSource>): {
    certificates: unknown[];
    findings: Finding[];
  } {
    const findings: Finding[] = [];
    const source = { name: 'custom', find: () => undefined, ...member };
    const certificates = certificatesOf(source, Date.now(), (finding) => findings.push(finding));
    return { certificates, findings };
  }

  async function credentialOf(): Promise<Credential> {
    return createCredential(await (await testCa()).issue({ names: ['a.test'] }));
  }
});
