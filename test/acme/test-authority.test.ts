import { expect, it } from '@jest/globals';
import { authorityId } from '../../src/acme/certificate-authority.js';
import { isTestAuthority } from '../../src/acme/test-authority.js';

it.each([
  ['https://acme-staging-v02.api.letsencrypt.org/directory', true],
  ['https://dv.acme-v02.test-api.pki.goog/directory', true],
  ['https://acme-v02.api.letsencrypt.org/directory', false],
  ['https://dv.acme-v02.api.pki.goog/directory', false],
  ['https://ca.contest.com/acme', false],
  ['https://latest.example.com/acme', false],
])('An authority at %s is one for tests: %s', (directoryUrl, isOne) => {
  expect(isTestAuthority(new URL(directoryUrl).hostname)).toBe(isOne);
  expect(isTestAuthority(authorityId(directoryUrl))).toBe(isOne);
});
