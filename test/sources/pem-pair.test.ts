import { describe, expect, it } from '@jest/globals';
import { pemPair, type PemPairOptions } from '../../src/sources/pem-pair.js';
import type { CertificateSource } from '../../src/sources/certificate-source.js';
import { recordingHost } from '../issuance/support/source-host.js';
import { testCa } from '../support/certificates.js';
import { manualClock } from '../support/manual-clock.js';

const { signal } = new AbortController();

describe('a PEM pair', () => {
  it.each(['PEM', 'base64 of PEM', 'base64 in lines', 'Buffers'])(
    'given as %s answers for its names, and as default',
    async (form) => {
      const { cert, key } = await (await testCa()).issue({ names: ['a.test'] });
      const encode = (text: string): string | Uint8Array => {
        if (form === 'PEM') return text;
        if (form === 'Buffers') return Buffer.from(text);
        const base64 = Buffer.from(text).toString('base64');
        return form === 'base64 of PEM' ? base64 : base64.replaceAll(/(.{76})/g, '$1\n');
      };
      const source = await started({ cert: encode(cert), key: encode(key) });
      expect(await source.find({ serverName: 'a.test', signal })).toMatchObject({ names: ['a.test'] });
      expect(await source.find({ serverName: 'b.test', signal })).toBeUndefined();
      expect(await source.default?.()).toMatchObject({ names: ['a.test'] });
      expect([...(source.list?.() ?? [])]).toHaveLength(1);
    },
  );

  it('has nothing before it was started', () => {
    const source = pemPair({ cert: 'x', key: 'y' });
    expect(source.find({ serverName: 'a.test', signal })).toBeUndefined();
    expect([...(source.list?.() ?? [])]).toEqual([]);
  });

  it('rejects the start with a coded error when it cannot work', async () => {
    const ca = await testCa();
    const [one, other] = [
      await ca.issue({ names: ['a.test'] }),
      await ca.issue({ names: ['a.test'], keyType: 'rsa-2048' }),
    ];
    const locked = await ca.issue({ names: ['a.test'], passphrase: 'secret' });
    await expect(started({ cert: one.cert, key: other.key })).rejects.toMatchObject({
      code: 'TLS_KEY_MISMATCH',
    });
    await expect(started({ cert: 'not base64!', key: one.key })).rejects.toMatchObject({
      code: 'TLS_PEM_INVALID',
    });
    await expect(started(locked)).rejects.toMatchObject({ code: 'TLS_KEY_PASSPHRASE_REQUIRED' });
    await expect(started({ ...locked, passphrase: 'wrong' })).rejects.toMatchObject({
      code: 'TLS_KEY_PASSPHRASE_WRONG',
    });
    await expect(started({ ...locked, passphrase: 'secret' })).resolves.toBeDefined();
  });

  it('reports what was mended in its chain', async () => {
    const ca = await testCa();
    const { leaf, chain, key } = await ca.issue({ names: ['a.test'] });
    const host = recordingHost({ clock: manualClock() });
    await pemPair({ cert: chain + leaf, key }).start?.(host);
    expect(host.findings.map(({ code }) => code)).toEqual(['TLS_CHAIN_OUT_OF_ORDER']);
  });

  it('names the option that is missing', () => {
    expect(() => pemPair({ cert: 'x' } as PemPairOptions)).toThrow(/`key`/);
    expect(() => pemPair({ key: 'x' } as PemPairOptions)).toThrow(/`cert`/);
    expect(() => pemPair(undefined as unknown as PemPairOptions)).toThrow(/`cert` and `key`/);
  });

  it('tells text from a path, which is for filePair', async () => {
    await expect(started({ cert: './cert.pem', key: './key.pem' })).rejects.toMatchObject({
      code: 'TLS_PEM_INVALID',
      hint: expect.stringContaining('filePair') as unknown,
    });
  });

  async function started(options: PemPairOptions): Promise<CertificateSource> {
    const { cert, key, passphrase } = options;
    const source = pemPair({ cert, key, ...(passphrase === undefined ? {} : { passphrase }) });
    await source.start?.(recordingHost({ clock: manualClock() }));
    return source;
  }
});
