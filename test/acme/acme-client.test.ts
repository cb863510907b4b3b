// acme-client is used by its inside, which its types do not promise: this says what has to be there.
import { describe, expect, it } from '@jest/globals';
import { Client } from 'acme-client';
import { generateKeyPairSync } from 'node:crypto';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const accountKey = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const client = new Client({ directoryUrl: 'https://ca.test/dir', accountKey }) as unknown as Record<
  'http' | 'api',
  Record<string, unknown>
>;

describe('The acme-client that is installed', () => {
  it('is the version that was read', async () => {
    const { default: facts } = (await import('acme-client/package.json')) as { default: { version: string } };
    expect(facts.version).toBe('5.4.0');
  });

  it.each([
    ...['request', 'getNonce', 'getDirectory', 'getResourceUrl'],
    ...['signedRequest', 'createSignedBody', 'getJwk'],
  ])('has http.%s to be replaced or called', (method) => {
    expect(typeof client.http[method]).toBe('function');
  });

  it.each(['apiRequest', 'createAccount', 'createOrder', 'revokeCert', 'getAccountUrl', 'updateAccountKey'])(
    'has api.%s to be replaced or called',
    (method) => {
      expect(typeof client.api[method]).toBe('function');
    },
  );

  it('counts bad nonces by a field', () => {
    expect(client.http['maxBadNonceRetries']).toBe(5);
  });
});
