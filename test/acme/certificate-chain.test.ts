import { describe, expect, it } from '@jest/globals';
import { downloadChain } from '../../src/acme/certificate-chain.js';
import type { AcmeClient } from '../../src/acme/client.js';
import { testCa } from '../support/certificates.js';

const LINKS = '<https://ca/1>;rel="alternate", <https://ca/2>;rel="alternate"';

describe('A chain that is preferred', () => {
  it('is found behind alternates that cannot be fetched, and missed without losing the certificate', async () => {
    const [byDefault, other] = await Promise.all(
      ['Default', 'Other'].map(
        async (name) => (await (await testCa({ name })).issue({ names: ['a.test'] })).cert,
      ),
    );
    const issuer = 'Other Intermediate';
    for (const second of [other, undefined]) {
      const client = {
        certificate: (url: string) => {
          if (url === 'https://ca/cert')
            return Promise.resolve({ data: byDefault, headers: { link: LINKS } });
          if (url === 'https://ca/2' && second !== undefined)
            return Promise.resolve({ data: second, headers: {} });
          return Promise.reject(new Error('503'));
        },
      } as unknown as AcmeClient;
      expect(await downloadChain(client, 'https://ca/cert', issuer)).toEqual({
        chain: second ?? byDefault,
        isPreferred: second !== undefined,
      });
    }
  });
});
