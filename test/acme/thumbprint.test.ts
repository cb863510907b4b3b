// The thumbprint of a key (RFC 7638), against what the protocol library makes of it.
import { describe, expect, it } from '@jest/globals';
import { Client } from 'acme-client';
import { generateKeyPairSync } from 'node:crypto';
import { keyAuthorization } from '../../src/acme/thumbprint.js';

describe('A key authorization', () => {
  it.each([
    ['P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
    ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
    ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
  ])('for a key of %s is what the protocol library makes of it', async (_, generate) => {
    const accountKey = generate().export({ type: 'pkcs8', format: 'pem' }).toString();
    const client = new Client({ directoryUrl: 'https://ca.test/dir', accountKey });
    const challenge = { type: 'http-01', token: 'token', url: '', status: 'pending' } as const;
    expect(keyAuthorization('token', accountKey)).toBe(await client.getChallengeKeyAuthorization(challenge));
  });
});
