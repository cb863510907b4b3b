// An authority that wants all certificates replaced; `npm run soak -- replacement` is the same with a thousand.
import { expect, it } from '@jest/globals';
import { tellToRenew } from './told-to-renew.js';

it('Certificates that are to be replaced at once are, within one Retry-After, each order saying what it replaces', async () => {
  const report = await tellToRenew(100, 7);
  expect(report).toMatchObject({ replaced: 100, orders: 100, ordersThatReplace: 100, rateLimited: 0 });
  expect(report.minutes).toBeGreaterThan(60);
  expect(report.minutes).toBeLessThanOrEqual(report.mostMinutes);
});

it('The same with the ACME client, through a model of the network that knows each certificate by its identifier', async () => {
  const report = await tellToRenew(20, 7, true);
  expect(report).toMatchObject({ replaced: 20, orders: 20, ordersThatReplace: 20, rateLimited: 0 });
  expect(report.minutes).toBeLessThanOrEqual(report.mostMinutes);
});
